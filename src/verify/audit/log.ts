// The log, entry by entry: every one in its canonical form, every leaf signed by a key that may, every record of a signature
// right before the release that it belongs to. What comes out of it is the tree that all else is compared with.

import { signerOf } from "../../artifact/authority.ts";
import { type Entry, type HashedRekord, type Leaf, parseEntry } from "../../artifact/leaf.ts";
import type { Trust } from "../../artifact/trust.ts";
import { KilnError } from "../../errors.ts";
import type { Checkpoint } from "../../log/checkpoint.ts";
import { readEntries } from "../../log/entries.ts";
import { leafHash } from "../../log/merkle.ts";
import type { Step } from "../../report.ts";
import type { ReadableStore } from "../../stores/store.ts";
import { parseStrictly } from "../entry.ts";
import type { Findings } from "../findings.ts";
import { completeTree, emptyTree, rootAt, setLeaf, type Tree } from "./tree.ts";

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
  /** The entries that are findings: nobody may act on them. */
  readonly refused: ReadonlySet<number>;
}

/** Checks every entry and hands each good leaf to `onLeaf`, in order. */
export async function checkLog(
  log: LogToCheck & { readonly step: Step; readonly onLeaf: (logged: LoggedLeaf) => Promise<void> },
): Promise<CheckedLog> {
  const { trust, checkpoint, findings, step, onLeaf } = log;
  const { size, root } = checkpoint;
  const tree = emptyTree(size);
  const refused = new Set<number>();
  const read = (index: number, bytes: Uint8Array): Entry | undefined => {
    setLeaf(tree, index, leafHash(bytes));
    if (index % 1024 === 0) step.progress(index, size, "items");
    const entry = findings.check(`log entry ${index}`, () => checkedEntry(index, bytes, trust));
    if (entry === undefined) refused.add(index);
    return entry;
  };
  for await (const logged of leavesOf(log, { from: 0, read })) {
    const wanted = logged.leaf.type === "release" ? logged.leaf.entries : 0;
    findings.check(`log entry ${logged.index}`, () => requireRecords(logged, wanted));
    await onLeaf(logged);
  }
  completeTree(tree);
  findings.check("log", () => requireRoot(rootAt(tree, size), root));
  return { tree, refused };
}

/** The leaves from the entry `from` on that a check of the log accepted. */
export function acceptedLeaves(
  log: LogToCheck,
  { from, refused }: { readonly from: number; readonly refused: ReadonlySet<number> },
): AsyncGenerator<LoggedLeaf> {
  const read = (index: number, bytes: Uint8Array) => (refused.has(index) ? undefined : parseEntry(bytes, index));
  return leavesOf(log, { from, read });
}

async function* leavesOf(
  { store, checkpoint: { size } }: LogToCheck,
  { from, read }: { readonly from: number; readonly read: (index: number, bytes: Uint8Array) => Entry | undefined },
): AsyncGenerator<LoggedLeaf> {
  let records: HashedRekord[] = [];
  for await (const { index, bytes } of readEntries(store, { from, to: size, size })) {
    const entry = read(index, bytes);
    if (entry?.sort === "signature") {
      records.push(entry.record);
      continue;
    }
    if (entry !== undefined) yield { index, leaf: entry.leaf, records };
    records = [];
  }
}

function checkedEntry(index: number, bytes: Uint8Array, trust: Trust): Entry {
  const entry = parseStrictly(bytes, index);
  if (entry.sort === "leaf") signerOf(entry, index, trust);
  return entry;
}

function requireRecords({ index, records }: LoggedLeaf, wanted: number): void {
  if (records.length === wanted) return;
  const got = `got ${records.length} records of signatures right before it, want ${wanted}`;
  throw new KilnError("ENTRY_UNEXPECTED", `log entry ${index}: ${got}`);
}

function requireRoot(got: Buffer, want: Buffer): void {
  if (got.equals(want)) return;
  const message = `log: got entries that lead to the root ${got.toString("hex")}, want ${want.toString("hex")}`;
  throw new KilnError("PROOF_INVALID", message);
}
