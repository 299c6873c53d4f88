// The log, entry by entry: every one in its canonical form, every leaf signed by a key that may, every record of a signature
// right before the release that it belongs to. What comes out of it is the tree that all else is compared with.

import { type Entry, hasObjects, type HashedRekord, type Leaf } from "../../artifact/leaf.ts";
import type { Trust } from "../../artifact/trust.ts";
import { isKilnError, KilnError } from "../../errors.ts";
import type { Checkpoint } from "../../log/checkpoint.ts";
import { type LogEntry, readEntries } from "../../log/entries.ts";
import { leafHash } from "../../log/merkle.ts";
import { tileWidth } from "../../log/tiles.ts";
import type { Step } from "../../report.ts";
import type { ReadableStore } from "../../stores/store.ts";
import { parseStrictly } from "../canonical-entry.ts";
import type { Findings } from "../findings.ts";
import { inOrder } from "./in-order.ts";
import { signerCheck } from "./signer.ts";
import { completeTree, emptyTree, setLeaf, type Tree } from "./tree.ts";

export interface LogToCheck {
  readonly store: ReadableStore;
  readonly trust: Trust;
  readonly checkpoint: Checkpoint;
  readonly findings: Findings;
}

/** A leaf with the records of signatures right before it. */
export interface LoggedLeaf {
  readonly index: number;
  readonly leaf: Leaf;
  readonly records: readonly HashedRekord[];
}

export interface CheckedLog {
  readonly tree: Tree;
  /** By index, 1: a release, an alias, an attestation or a record of a signature that is no finding. Its objects are looked at later. */
  readonly kept: Uint8Array;
}

/** Entries that are being checked at once: enough that the pool of threads never waits for the next bundle. */
const entriesAhead = 512;

/**
 * Checks every entry and hands each good leaf to `onLeaf`, in order. Whether the tree is the checkpoint's is left to the
 * caller. Throws STORE_CORRUPT when the log can't be read whole.
 */
export async function checkLog(
  log: LogToCheck & { readonly step: Step; readonly onLeaf: (logged: LoggedLeaf) => Promise<void> },
): Promise<CheckedLog> {
  const { store, trust, checkpoint, findings, step, onLeaf } = log;
  const { size } = checkpoint;
  const tree = emptyTree(size);
  const kept = new Uint8Array(size);
  const checkSigner = signerCheck(trust);
  let last = -1;
  const start = async ({ index, bytes }: LogEntry): Promise<CheckedEntry> => {
    setLeaf(tree, index, leafHash(bytes));
    try {
      const entry = parseStrictly(bytes, index);
      if (entry.sort === "leaf") await checkSigner({ index, ...entry });
      return { index, entry };
    } catch (error) {
      if (!isKilnError(error)) throw error;
      return { index, error };
    }
  };
  const read = ({ index, entry, error }: CheckedEntry): { index: number; entry: Entry | undefined } => {
    if (index % 1024 === 0) step.progress(index, size, "items");
    if (error !== undefined) {
      findings.check(`log entry ${index}`, () => {
        throw error;
      });
    }
    if (entry?.sort !== "signature") last = index;
    kept[index] = Number(entry !== undefined && (entry.sort === "signature" || hasObjects(entry.leaf)));
    return { index, entry };
  };
  const entries = inOrder(readEntries(store, { from: 0, to: size, size }), { ahead: entriesAhead, start });
  for await (const logged of leavesOf(entries, read)) {
    const wanted = logged.leaf.type === "release" ? logged.leaf.entries : 0;
    if (logged.records.length !== wanted) {
      findings.check(`log entry ${logged.index}`, () => refuseRecords(logged, wanted));
    }
    await onLeaf(logged);
  }
  // An append is one: records without the release that they belong to were added by somebody else.
  if (last < size - 1) {
    const problem = `got ${size - 1 - last} records of signatures at the log's end, want none without a release`;
    findings.check("log", () => {
      throw new KilnError("ENTRY_UNEXPECTED", `log entry ${last + 1}: ${problem}`);
    });
  }
  completeTree(tree);
  return { tree, kept };
}

/** The releases, aliases and attestations from the entry `from` on that a check of the log accepted. */
export async function* keptLeaves(
  { store, checkpoint: { size } }: LogToCheck,
  { from, kept }: { readonly from: number; readonly kept: Uint8Array },
): AsyncGenerator<LoggedLeaf> {
  const read = ({ index, bytes }: LogEntry) => ({
    index,
    entry: kept[index] === 1 ? parseStrictly(bytes, index) : undefined,
  });
  // Bundles with nothing but channel moves aren't read again.
  const isKept = (start: number) => kept.subarray(Math.max(from, start), start + tileWidth).includes(1);
  for (let start = from - (from % tileWidth); start < size; start += tileWidth) {
    if (!isKept(start)) continue;
    let to = start + tileWidth;
    while (to < size && isKept(to)) to += tileWidth;
    yield* leavesOf(readEntries(store, { from: Math.max(from, start), to: Math.min(to, size), size }), read);
    start = to;
  }
}

interface CheckedEntry {
  readonly index: number;
  readonly entry?: Entry;
  readonly error?: KilnError;
}

/** Leaves with the records that come right before them. What `read` answers no entry for parts them. */
async function* leavesOf<T>(
  entries: AsyncIterable<T>,
  read: (entry: T) => { readonly index: number; readonly entry: Entry | undefined },
): AsyncGenerator<LoggedLeaf> {
  let records: HashedRekord[] = [];
  for await (const one of entries) {
    const { index, entry } = read(one);
    if (entry?.sort === "signature") {
      records.push(entry.record);
      continue;
    }
    if (entry !== undefined) yield { index, leaf: entry.leaf, records };
    records = [];
  }
}

function refuseRecords({ index, records }: LoggedLeaf, wanted: number): never {
  const got = `got ${records.length} records of signatures right before it, want ${wanted}`;
  throw new KilnError("ENTRY_UNEXPECTED", `log entry ${index}: ${got}`);
}
