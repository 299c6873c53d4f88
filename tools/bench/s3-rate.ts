// How many releases a second a store in a bucket of a real S3 server on this machine takes in: from many publishers at once, each of
// which publishes one release after the other, and from one process that is given many.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";

import pMap from "p-map";

import { credentials, startS3Server } from "../../test/stores/s3-server.ts";
import { createStoreInBucket, inBucket } from "./bucket.ts";
import { debAt } from "./debs.ts";
import { duration, median, timeProcess } from "./measure.ts";
import { completeBake, origin } from "./releases.ts";
import type { Bench, Row } from "./row.ts";

const publishers = 20;
const each = 10;
const inOneBatch = 1024;

export const s3Rate: Row = {
  name: "s3-rate",
  async run(bench) {
    // Its disk is no part of the question.
    const server = await startS3Server("MinIO", {}, existsSync("/dev/shm") ? "/dev/shm" : bench.folder);
    try {
      const [before = "", ...bakes] = await bakesOf(bench, 1 + publishers * each + inOneBatch);
      const groups = Array.from({ length: publishers }, (_, at) => bakes.slice(each * at, each * (at + 1)));
      const shared = await createStoreInBucket(bench, server);
      // As on a machine that has published before: the code is compiled.
      await timeProcess(inBucket(bench, ["publish", before, "--channel", "staging", "--store", shared]));
      const many = await race(bench, shared, groups);
      const batches: number[] = [];
      for (let done = 0; done < 3; done += 1) {
        const url = await createStoreInBucket(bench, server);
        const args = ["publish", ...bakes.slice(publishers * each), "--channel", "staging", "--store", url];
        batches.push(await timeProcess(inBucket(bench, args)));
      }
      const sums = many.times.map((times) => times.reduce((sum, time) => sum + time, 0));
      return [
        {
          what: `releases a second into one bucket, ${publishers} publisher processes`,
          bar: { sense: "≥", limit: 5, unit: "a second" },
          values: [(1000 * publishers * each) / many.all],
          detail: `each ${each}, one after the other; the first publisher was done after ${duration(Math.min(...sums))}, the last after ${duration(Math.max(...sums))}; a release took ${duration(median(many.times.flat()))}, the longest ${duration(Math.max(...many.times.flat()))}`,
        },
        {
          what: "releases a second into one bucket, one process that batches",
          bar: { sense: "≥", limit: 50, unit: "a second" },
          values: batches.map((time) => (1000 * inOneBatch) / time),
          detail: `${inOneBatch} releases, whole process`,
        },
      ];
    } finally {
      await server.stop();
    }
  },
};

/** Bakes of one .deb each, no two of one name. Returns their folders. */
async function bakesOf({ folder }: Bench, count: number): Promise<readonly string[]> {
  return pMap(
    Array.from({ length: count }, (_, at) => at),
    async (at) => {
      const { file, bytes, fields } = debAt(at);
      const bake = join(folder, `bake-${at}`);
      await mkdir(bake);
      await writeFile(join(bake, file), bytes);
      await completeBake(bake, { artifact: file, name: `added-${at}`, kind: "deb", record: fields });
      return bake;
    },
    { concurrency: 4 },
  );
}

/** Publishers that begin together: how long until all were done, and what each of their releases took, in milliseconds. */
async function race({ program, folder }: Bench, url: string, groups: readonly (readonly string[])[]) {
  const running = groups.map((bakes) => {
    const args = [join(import.meta.dirname, "publish-many.ts"), program.root, origin, url, ...bakes];
    const child = spawn(process.execPath, args, {
      cwd: folder,
      env: { ...program.env, ...credentials },
      stdio: ["pipe", "pipe", "inherit"],
    });
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  });
  for (const { lines } of running) await lines.next();
  const start = performance.now();
  for (const { child } of running) child.stdin.end("go\n");
  const times = await Promise.all(
    running.map(async ({ child, lines }) => {
      const { value } = await lines.next();
      if (child.exitCode === null) await once(child, "exit");
      if (child.exitCode !== 0) throw new Error(`a publisher ended with ${child.exitCode}`);
      return JSON.parse(String(value)) as number[];
    }),
  );
  return { all: performance.now() - start, times };
}
