// The newest entries as the head holds them: a row that begins where a bundle does, so that whoever appends next has what its bundle
// begins with, and whoever finishes has what is to be finished, without asking for more.

import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

import { KilnError } from "../errors.ts";
import { documentLimit } from "../stores/store.ts";
import { decodeBundle, encodeBundle } from "./entries.ts";
import { type Edge, extendEdge, leafHash, subtreesOf } from "./merkle.ts";
import { logHint } from "./object.ts";
import { tileWidth } from "./tiles.ts";

/** Bytes of the entries of a row that a head has room for: it is read and written for each append. A usual bundle is half of it. */
const rowLimit = 512 * 1024;

/** Index of the first entry of the bundle that entry `index` lies in. */
export function rowStart(index: number): number {
  return index - (index % tileWidth);
}

export function fitsHead(entries: readonly Uint8Array[]): boolean {
  return entries.reduce((sum, { length }) => sum + length, 0) <= rowLimit;
}

/** Many of them say the same in other words: packed they take a third. */
export function packRow(entries: readonly Uint8Array[]): string {
  const options = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
  return zstdCompressSync(encodeBundle(entries), options).toString("base64");
}

/**
 * A row that the head of the tree with this edge has: from the start of the bundle on that entry `from` lies in. What the next bundle begins
 * with is proven to be the tree's. Throws STORE_CORRUPT, which names `key`.
 */
export function rowOf(packed: { readonly from: number; readonly row: string }, edge: Edge, key: string): Buffer[] {
  const start = rowStart(packed.from);
  const row = unpackRow(packed.row, key);
  if (row.length !== edge.size - start || packed.from > edge.size) {
    const problem = `got ${row.length} entries, want those from ${start} to ${edge.size}`;
    throw new KilnError("STORE_CORRUPT", `${key}: ${problem}`, { hint: logHint });
  }
  requireRow(edge, row.slice(rowStart(edge.size) - start), key);
  return row;
}

function unpackRow(text: string, key: string): Buffer[] {
  try {
    return decodeBundle(zstdDecompressSync(Buffer.from(text, "base64"), { maxOutputLength: documentLimit }), key);
  } catch (cause) {
    if (cause instanceof KilnError || !(cause instanceof Error)) throw cause;
    throw new KilnError("STORE_CORRUPT", `${key}: got entries that can't be unpacked`, { hint: logHint, cause });
  }
}

/** The last entries of a tree are what its edge is made of. Throws STORE_CORRUPT, which names `key`: nothing is built on others. */
export function requireRow(edge: Edge, row: readonly Uint8Array[], key: string): void {
  const complete = subtreesOf(0, edge.size - row.length).length;
  const before = { size: edge.size - row.length, hashes: edge.hashes.slice(0, complete) };
  const { hashes } = extendEdge(before, row.map(leafHash));
  if (hashes.every((hash, at) => edge.hashes[at]?.equals(hash))) return;
  throw new KilnError("STORE_CORRUPT", `${key}: got entries that aren't those of the tree of ${edge.size}`);
}
