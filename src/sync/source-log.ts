// The log of the store that is mirrored, as far as the target lacks it. Nothing of it is believed before it was proven: its
// checkpoint is the pinned log's, its entries lead to that checkpoint's root, and the tree that the target has is the start of it.

import type { Trust } from "../artifact/trust.ts";
import { KilnError } from "../errors.ts";
import { logOf, readCheckpoint } from "../log/checkpoint.ts";
import type { Head } from "../log/head.ts";
import { emptyEdge, extendEdge, leafHash, rootOf } from "../log/merkle.ts";
import { edgeAt, tileReader } from "../log/tiles.ts";
import { type PlacedEntry, verifiedEntries } from "../publish/state.ts";
import type { ReadableStore } from "../stores/store.ts";

export interface SourceLog {
  /** What the target's shall be; as it is when the source is an older copy. */
  readonly head: Head;
  /** Those that the target's log lacks, in order; all, when that was asked for. */
  readonly entries: readonly PlacedEntry[];
  /** How many leaves the source has fewer than the target. */
  readonly behind: number;
}

export interface LogToRead {
  readonly source: ReadableStore;
  readonly target: ReadableStore;
  readonly trust: Trust;
  /** Of the target; undefined: it has no log yet. */
  readonly known: Head | undefined;
  /** Read every entry, also those that the target has. */
  readonly all: boolean;
}

/** Throws LOG_INCONSISTENT, CHECKPOINT_INVALID, STORE_CORRUPT, and what the source throws. */
export async function readSourceLog({ source, target, trust, known, all }: LogToRead): Promise<SourceLog> {
  const checkpoint = await readCheckpoint(source, logOf(trust));
  const { size } = checkpoint;
  const before = known?.edge ?? emptyEdge;
  if (known !== undefined && size < before.size) {
    const own = rootOf(await edgeAt(size, tileReader(target, before.size)));
    if (!own.equals(checkpoint.root)) throw forked(source, size);
    return { head: known, entries: [], behind: before.size - size };
  }
  if (!rootOf(await edgeAt(before.size, tileReader(source, size))).equals(rootOf(before))) {
    throw forked(source, before.size);
  }
  const head: Head = { checkpoint, edge: before, added: null, etag: "" };
  const entries = await verifiedEntries({ store: source, trust, head, from: all ? 0 : before.size });
  const added = entries.filter(({ index }) => index >= before.size).map(({ bytes }) => leafHash(bytes));
  return { head: { ...head, edge: extendEdge(before, added) }, entries, behind: 0 };
}

function forked(source: ReadableStore, size: number): KilnError {
  return new KilnError(
    "LOG_INCONSISTENT",
    `${source.url}: got a log whose first ${size} entries are others than the target's`,
    { hint: "one of the two was forked or spoilt, and nothing was copied: `kiln audit` both with the same trust file" },
  );
}
