// Extends the target's log by entries that were proven: bundles and tiles first, which nobody refers to yet; then log/head, by
// compare-and-swap; then the checkpoint, by the code that finishes what a publisher left. If we stop anywhere, the target
// has the log that it had, or the new one, and whoever comes next writes what is missing.

import { keys } from "../artifact/pool.ts";
import type { Trust } from "../artifact/trust.ts";
import { settle } from "../log/append.ts";
import { logOf } from "../log/checkpoint.ts";
import { bundlesToWrite, readEntries } from "../log/entries.ts";
import { type Head, headBytes } from "../log/head.ts";
import { leafHash } from "../log/merkle.ts";
import { tileReader, tilesToWrite, tileWidth } from "../log/tiles.ts";
import type { Store } from "../stores/store.ts";

/** Entries of one round: tiles of the second level are full at its end. */
const perRound = tileWidth * tileWidth;

export interface LogToWrite {
  readonly target: Store;
  readonly trust: Trust;
  /** As it was read; undefined: there is none yet. */
  readonly known: Head | undefined;
  readonly head: Head;
  /** The bytes of what is new, in order. */
  readonly entries: readonly Uint8Array[];
}

/** False: somebody else wrote the target's log first, and it is to be looked at again. */
export async function writeLog({ target, trust, known, head, entries }: LogToWrite): Promise<boolean> {
  let from = known?.checkpoint.size ?? 0;
  for (let taken = 0; taken < entries.length;) {
    const round = entries.slice(taken, taken + perRound - (from % perRound));
    await writeTiles(target, from, round);
    taken += round.length;
    from += round.length;
  }
  const isNew = known?.checkpoint.size !== head.checkpoint.size;
  if (isNew && (await target.replace(keys.head, headBytes(head), known?.etag ?? null)) === "lost") return false;
  await settle({ store: target, log: logOf(trust) });
  return true;
}

async function writeTiles(target: Store, from: number, entries: readonly Uint8Array[]): Promise<void> {
  const opened = from - (from % tileWidth);
  const partial: Uint8Array[] = [];
  for await (const { bytes } of readEntries(target, { from: opened, to: from, size: from })) partial.push(bytes);
  const tiles = await tilesToWrite({ from, leafHashes: entries.map(leafHash), read: tileReader(target, from) });
  const bundles = bundlesToWrite({ from, partial, entries });
  await Promise.all([...bundles, ...tiles].map(({ key, bytes }) => target.create(key, bytes)));
}
