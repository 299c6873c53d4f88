// An ordered table of JSON rows under text keys, kept as immutable shards under their hashes; its head is a small value
// that lives inside one document. Adding rows rewrites only the shards they fall in. Which key opens a shard depends on
// that key alone, so a table rebuilt from nothing has the same bytes as one that grew row by row.

import { z } from "zod";

import { type Digest, digestOf, digestSchema } from "../artifact/digest.ts";
import { canonicalBytes, parseStored } from "../artifact/json.ts";
import { KilnError } from "../errors.ts";

export const tableSchema = z.array(z.strictObject({ first: z.string(), digest: digestSchema }));

/** The shards in key order: the first key of each and the digest of its bytes. */
export type Table = z.infer<typeof tableSchema>;

export type Row = z.core.util.JSONType;

type Rows = readonly (readonly [key: string, row: Row])[];

export const emptyTable: Table = [];

export interface ShardReader {
  /** The shard's rows, of bytes that were checked against the digest. */
  (digest: Digest): Promise<Rows>;
}

/** The row under `key`. */
export async function lookup(table: Table, key: string, read: ShardReader): Promise<Row | undefined> {
  const shard = table[shardOf(table, key)];
  if (shard === undefined) return undefined;
  return (await read(shard.digest)).find(([known]) => known === key)?.[1];
}

/** Every row whose key starts with `prefix`, in key order. */
export async function* range(table: Table, prefix: string, read: ShardReader): AsyncGenerator<readonly [string, Row]> {
  for (let at = Math.max(0, shardOf(table, prefix)); at < table.length; at++) {
    const shard = table[at] as Table[number];
    if (at > 0 && shard.first > prefix && !shard.first.startsWith(prefix)) return;
    for (const [key, row] of await read(shard.digest)) if (key.startsWith(prefix)) yield [key, row];
  }
}

/** The table with `changes` set, and the shards that it names and `table` doesn't. */
export async function withRows(
  table: Table,
  changes: ReadonlyMap<string, Row>,
  read: ShardReader,
): Promise<{ table: Table; shards: Map<Digest, Uint8Array> }> {
  const shards = new Map<Digest, Uint8Array>();
  const byShard = Map.groupBy(changes, ([key]) => Math.max(0, shardOf(table, key)));
  const next: Table = [];
  for (let at = 0; at < Math.max(1, table.length); at++) {
    const old = table[at];
    const changed = byShard.get(at);
    if (changed === undefined) {
      if (old !== undefined) next.push(old);
      continue;
    }
    const rows = merge(old === undefined ? [] : await read(old.digest), changed);
    for (const piece of splitAtBoundaries(rows)) {
      const bytes = canonicalBytes(piece);
      const digest = digestOf(bytes);
      shards.set(digest, bytes);
      next.push({ first: (piece[0] as Rows[number])[0], digest });
    }
  }
  return { table: next, shards };
}

/** Index of the last shard that starts at or before `key`; -1 when `key` lies before them all. */
function shardOf(table: Table, key: string): number {
  let low = 0;
  let high = table.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((table[middle] as Table[number]).first <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function merge(rows: Rows, changes: Rows): Rows {
  const merged = new Map(rows);
  for (const [key, row] of changes) merged.set(key, row);
  return [...merged].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function splitAtBoundaries(rows: Rows): Rows[] {
  const pieces: [string, Row][][] = [];
  for (const [key, row] of rows) {
    if (pieces.length === 0 || opensShard(key)) pieces.push([]);
    pieces.at(-1)?.push([key, row]);
  }
  return pieces;
}

/** One key in 256 opens a shard: 256 rows in each, on average. */
function opensShard(key: string): boolean {
  return digestOf(key).startsWith("00");
}

/** A reader that parses each shard once. `read`: its bytes, checked against the digest. */
export function parsing(read: (digest: Digest) => Promise<Uint8Array>): ShardReader {
  const known = new Map<Digest, Promise<Rows>>();
  return (digest) => {
    const rows = known.get(digest) ?? read(digest).then((bytes) => parseRows(bytes, `table shard ${digest}`));
    known.set(digest, rows);
    return rows;
  };
}

/** The rows of a shard, in key order. Throws STORE_CORRUPT, which names `where`. */
function parseRows(bytes: Uint8Array, where: string): Rows {
  const rows = parseStored(bytes, where);
  if (isRows(rows)) return rows;
  throw new KilnError("STORE_CORRUPT", `${where}: got other than a list of keys with their rows`);
}

/** By hand: a schema looks at every member of every row, which takes longer than all else here. */
function isRows(json: unknown): json is Rows {
  return (
    Array.isArray(json) && json.every((pair) => Array.isArray(pair) && pair.length === 2 && typeof pair[0] === "string")
  );
}
