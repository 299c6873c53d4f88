// The store as a publisher may believe it: the catalog brought up to the head in memory, from leaves that are proven to be
// in the head's tree and signed by keys that the trust file allows. The catalog itself is only a hint of what to look at.

import { signerOf } from "../artifact/authority.ts";
import { type Entry, parseEntry } from "../artifact/leaf.ts";
import { keys } from "../artifact/pool.ts";
import type { Trust } from "../artifact/trust.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { readEntries } from "../log/entries.ts";
import type { Head } from "../log/head.ts";
import { type Edge, extendEdge, leafHash, rootOf } from "../log/merkle.ts";
import { edgeAt, tileReader } from "../log/tiles.ts";
import { readDocument } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import {
  type Catalog,
  catalogReader,
  type CatalogReader,
  overlaid,
  parseCatalog,
  rowsOfLeaf,
} from "../views/catalog.ts";
import { shardReader } from "../views/shards.ts";
import { emptyTable, type Row } from "../views/table.ts";

/** An entry of the log at its place. `unsound`: a leaf of ours whose signature doesn't count; nobody may act on it. */
export interface PlacedEntry {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly entry: Entry;
  readonly sound: boolean;
}

export interface PublishedState {
  readonly head: Head;
  /** As stored, with its etag; null etag: there is none yet. */
  readonly stored: { readonly catalog: Catalog; readonly etag: string | null };
  /** The entries that the stored catalog hasn't taken in. */
  readonly tail: readonly PlacedEntry[];
  /** The rows that the tail sets. */
  readonly rows: ReadonlyMap<string, Row>;
  /** The catalog as of the head. */
  readonly catalog: CatalogReader;
  /** The edge of the tree that the last entries were appended to, as far as is known. */
  readonly grownFrom?: Edge;
}

export const emptyCatalog: Catalog = { kiln: 1, size: 0, table: emptyTable };

/** The state at `head`, from the stored catalog on, or from the one that is given. */
export async function stateAt(options: {
  readonly store: ReadableStore;
  readonly trust: Trust;
  readonly head: Head;
  readonly stored?: PublishedState["stored"];
}): Promise<PublishedState> {
  const { store, trust, head } = options;
  const stored = options.stored ?? (await readCatalog(store));
  const tail = await verifiedEntries({ store, trust, head, from: Math.min(stored.catalog.size, head.checkpoint.size) });
  const rows = new Map<string, Row>();
  const catalog = catalogReader(stored.catalog.table, rows, shardReader(store));
  await takeRows(rows, tail, catalog);
  return { head, stored, tail, rows, catalog };
}

/** The state once `entries` were appended to it: what `stateAt` would read. */
export async function stateAfter(
  before: PublishedState,
  { head, entries, trust }: { readonly head: Head; readonly entries: readonly Uint8Array[]; readonly trust: Trust },
): Promise<PublishedState> {
  const from = before.head.checkpoint.size;
  const added = entries.map((bytes, place): PlacedEntry => {
    const entry = parseEntry(bytes, from + place);
    return { index: from + place, bytes, entry, sound: isSound(entry, from + place, trust) };
  });
  const rows = new Map(before.rows);
  const catalog = overlaid(before.catalog, rows);
  await takeRows(rows, added, catalog);
  return { ...before, head, tail: [...before.tail, ...added], rows, catalog, grownFrom: before.head.edge };
}

/** The rows that the tail sets before the leaf at `size`. */
export async function rowsUpTo(
  size: number,
  state: PublishedState,
  store: ReadableStore,
): Promise<PublishedState["rows"]> {
  const rows = new Map<string, Row>();
  const catalog = catalogReader(state.stored.catalog.table, rows, shardReader(store));
  await takeRows(
    rows,
    state.tail.filter(({ index }) => index < size),
    catalog,
  );
  return rows;
}

async function takeRows(
  rows: Map<string, Row>,
  entries: readonly PlacedEntry[],
  catalog: CatalogReader,
): Promise<void> {
  for (const { index, entry, sound } of entries) {
    if (entry.sort !== "leaf" || !sound) continue;
    for (const [key, row] of await rowsOfLeaf(index, entry.leaf, catalog)) rows.set(key, row);
  }
}

/** The stored catalog; an absent one is an empty one. Throws STORE_CORRUPT. */
export async function readCatalog(store: ReadableStore): Promise<PublishedState["stored"]> {
  const found = await readDocument(store, keys.catalog);
  if (found === undefined) return { catalog: emptyCatalog, etag: null };
  return { catalog: parseCatalog(found.bytes, keys.catalog), etag: found.etag };
}

interface EntriesToVerify {
  readonly store: ReadableStore;
  readonly trust: Trust;
  readonly head: Head;
  readonly from: number;
}

/** The entries from `from` up to the head, proven to lead to the head's root. Throws STORE_CORRUPT. */
export async function verifiedEntries(options: EntriesToVerify): Promise<PlacedEntry[]> {
  return await Array.fromAsync(readVerified(options));
}

/** The same one by one: nothing is proven before the last was read. */
export async function* readVerified({ store, trust, head, from }: EntriesToVerify): AsyncGenerator<PlacedEntry> {
  const { size, root } = head.checkpoint;
  if (from === size) return;
  let edge = await edgeAt(from, tileReader(store, size));
  for await (const { index, bytes } of readEntries(store, { from, to: size, size })) {
    edge = extendEdge(edge, leafHash(bytes));
    const entry = parseEntry(bytes, index);
    yield { index, bytes, entry, sound: isSound(entry, index, trust) };
  }
  if (!rootOf(edge).equals(root)) {
    throw new KilnError("STORE_CORRUPT", `log entries ${from} to ${size}: they don't lead to the root that was signed`);
  }
}

/** Whether the entry was signed by a key that the trust file allows to say it. */
export function isSound(entry: Entry, index: number, trust: Trust): boolean {
  if (entry.sort === "signature") return true;
  try {
    signerOf(entry, index, trust);
    return true;
  } catch (error) {
    if (isKilnError(error, "SIGNATURE_INVALID", "KEY_NOT_ALLOWED")) return false;
    throw error;
  }
}
