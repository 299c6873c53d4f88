// A store with a log of any length, made with real keys and the real append, many leaves at a time: two releases, then a
// channel that moves from one to the other and back.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import type { ChannelLeaf } from "../../src/artifact/leaf.ts";
import { append } from "../../src/log/append.ts";
import { logOf } from "../../src/log/checkpoint.ts";
import { openBakeFolder } from "../../src/publish/bake-folder.ts";
import { bringUp } from "../../src/publish/bring-up.ts";
import type { Publisher } from "../../src/publish/publisher.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { writeRandomFile } from "./bytes.ts";
import { openPublisher, signedLeaf } from "./publisher.ts";
import { completeBake, createStore } from "./releases.ts";
import type { Bench } from "./row.ts";

/** Leaves a commit. */
const batch = 5000;

export async function buildLog(
  bench: Bench,
  { name, leaves }: { readonly name: string; readonly leaves: number },
): Promise<{ store: string; trust: string }> {
  const store = await createStore(bench, name);
  const { publisher, trust } = await openPublisher(bench, store);
  const releases = [];
  for (const version of ["1.0.0", "1.0.1"]) {
    const folder = join(bench.folder, `${name}-${version}`);
    await mkdir(folder);
    await writeRandomFile(join(folder, `app-${version}.tar.zst`), 100_000);
    await completeBake(folder, { artifact: `app-${version}.tar.zst`, version });
    releases.push((await publishRelease(publisher, { bake: await openBakeFolder(folder) })).release);
  }
  await moveChannel(publisher, releases, leaves);
  return { store, trust };
}

/** Appends moves until the log has `leaves` leaves, then brings the views up. */
async function moveChannel(
  publisher: Publisher,
  releases: readonly { readonly version: string; readonly manifest: string }[],
  leaves: number,
): Promise<void> {
  const { store, trust, signers, context, pause } = publisher;
  const appender = { store, log: logOf(trust), signer: signers.log, signal: context.signal, pause };
  let counter = 0;
  let follows: number | null = null;
  for (let size = 0; size < leaves;) {
    const { head } = await append(appender, async ({ checkpoint }) => {
      const count = Math.min(batch, leaves - checkpoint.size);
      return Array.from({ length: count }, (_, place) => {
        const release = releases[counter % releases.length];
        if (release === undefined) throw new TypeError("no release to move to");
        const { version, manifest } = release;
        const common = { kiln: 1 as const, name: "app", version, manifest, time: 1_767_000_000 };
        const leaf: ChannelLeaf = {
          type: "channel",
          ...common,
          channel: "production",
          counter: (counter += 1),
          follows,
        };
        follows = checkpoint.size + place;
        return signedLeaf(publisher, leaf);
      });
    });
    ({ size } = head.checkpoint);
    if (size >= leaves) await bringUp({ ...publisher, head, now: Date.now() });
  }
}
