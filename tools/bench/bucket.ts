// Kiln's commands on a store in a bucket of a server of this machine.

import { credentials, type S3Server } from "../../test/stores/s3-server.ts";
import { type Run, timeProcess } from "./measure.ts";
import { origin } from "./releases.ts";
import type { Bench } from "./row.ts";

export function inBucket({ program }: Bench, args: readonly string[]): Run {
  const { argv, env } = program.kiln(args);
  return { argv, env: { ...env, ...credentials } };
}

/** An empty store. Returns its address. */
export async function createStoreInBucket(bench: Bench, server: S3Server): Promise<string> {
  const url = await server.makeBucket();
  await timeProcess(inBucket(bench, ["store", "create", url, "--origin", origin]));
  return url;
}
