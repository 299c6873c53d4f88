// The tree as tiles (C2SP tlog-tiles): where they lie, reading hashes from them, and which ones an append makes.
// A tile is 256 hashes of one level in a row, or fewer on the right border: then its width is part of its name. So a tile
// never changes, and one tree size needs exactly one set of names. A partial tile may be gone once the full one is there.

import { KilnError } from "../errors.ts";
import type { ReadableStore } from "../stores/store.ts";
import { type Edge, hashSize, type Node, nodeHash, subtreesOf } from "./merkle.ts";
import { logHint, readObject } from "./object.ts";
import type { HashReader } from "./proof.ts";

/** Hashes of a full tile, entries of a full bundle. */
export const tileWidth = 256;
/** Levels of the tree from one tile's hashes to the hash in the tile above. */
const tileHeight = 8;
/** Tiles that a reader keeps: at most 16 MiB with the levels between. */
const cacheLimit = 1024;

export interface KeyedBytes {
  readonly key: string;
  readonly bytes: Buffer;
}

/** The key of the n-th hash tile of a tile level; `width` 256 is the full one. */
export function tilePath(level: number, n: number, width: number): string {
  return `log/tile/${level}/${numberPath(n)}${widthPath(width)}`;
}

/** The key of the n-th entry bundle; `width` 256 is the full one. */
export function entriesPath(n: number, width: number): string {
  return `log/tile/entries/${numberPath(n)}${widthPath(width)}`;
}

function numberPath(n: number): string {
  const last = String(n % 1000).padStart(3, "0");
  // Only the last group lacks the x, so that no key is a folder of another.
  const groups: string[] = [];
  for (let rest = Math.floor(n / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, "0")}/`);
  }
  return groups.join("") + last;
}

function widthPath(width: number): string {
  return width === tileWidth ? "" : `.p/${width}`;
}

const partialKey = /^log\/tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/)*[0-9]{3})\.p\/[0-9]{1,3}$/;

/** Whether the key is that of a partial tile or bundle whose full one is in a tree of `size` leaves: readers find that. */
export function isCovered(key: string, size: number): boolean {
  const [, sort = "", path] = partialKey.exec(key) ?? [];
  if (path === undefined) return false;
  const level = sort === "entries" ? 0 : Number(sort);
  return (Number(path.replace(/[x/]/g, "")) + 1) * tileWidth ** (level + 1) <= size;
}

/** How wide the n-th tile is when its level has `count` hashes in all. */
export function widthOf(n: number, count: number): number {
  return Math.min(tileWidth, count - n * tileWidth);
}

/**
 * Reads the hashes of a tree of `size` leaves from its tiles, each tile once. Hashes aren't checked against any root: the
 * caller's proof or edge does that. Throws STORE_CORRUPT, which names the key, for a tile that is absent or malformed.
 */
export function tileReader(store: ReadableStore, size: number): HashReader {
  const tiles = new Map<string, Promise<Tile>>();
  const tileAt = (level: number, n: number): Promise<Tile> => {
    const id = `${level}/${n}`;
    const known = tiles.get(id);
    const tile = known ?? readTile(store, { level, n, count: Math.floor(size / tileWidth ** level) });
    // Set anew each time, so that the map's order is the order of last use.
    tiles.delete(id);
    tiles.set(id, tile);
    const [oldest] = tiles.keys();
    if (tiles.size > cacheLimit && oldest !== undefined) tiles.delete(oldest);
    // A tile that couldn't be read is asked for again by the next caller; this one gets the error.
    if (known === undefined) tile.catch(() => tiles.delete(id));
    return tile;
  };
  return (nodes) =>
    Promise.all(
      nodes.map(async ({ level, index }) => {
        if ((index + 1) * 2 ** level > size) throw new RangeError(`node ${level}/${index} of a tree of ${size}`);
        const height = level % tileHeight;
        const perTile = tileWidth / 2 ** height;
        const tile = await tileAt((level - height) / tileHeight, Math.floor(index / perTile));
        return hashIn(tile, { height, position: index % perTile });
      }),
    );
}

/** A tile's hashes one after the other, and those of the levels above within it as far as they were needed. */
type Tile = [Buffer, ...Buffer[]];

async function readTile(
  store: ReadableStore,
  { level, n, count }: { level: number; n: number; count: number },
): Promise<Tile> {
  const width = widthOf(n, count);
  const exact = tilePath(level, n, width);
  const full = tilePath(level, n, tileWidth);
  const limit = tileWidth * hashSize;
  for (const [key, want] of [
    [exact, width],
    [full, tileWidth],
  ] as const) {
    const bytes = await readObject(store, { key, limit });
    if (bytes === undefined) continue;
    if (bytes.length !== want * hashSize) {
      throw new KilnError("STORE_CORRUPT", `${key}: got ${bytes.length} bytes, want ${want * hashSize}`, {
        hint: logHint,
      });
    }
    return [bytes];
  }
  throw new KilnError("STORE_CORRUPT", `${exact}: got no such tile, want it for ${count} hashes on level ${level}`, {
    hint: logHint,
  });
}

function hashIn(tile: Tile, { height, position }: { height: number; position: number }): Buffer {
  while (tile.length <= height) tile.push(parentsOf(tile.at(-1) ?? tile[0]));
  const row = tile[height] ?? tile[0];
  return row.subarray(position * hashSize, (position + 1) * hashSize);
}

/** The hashes of the pairs in a row; one that is left over has no parent yet. */
function parentsOf(row: Buffer): Buffer {
  const parents = Buffer.alloc(Math.floor(row.length / (2 * hashSize)) * hashSize);
  for (let at = 0; at < parents.length; at += hashSize) {
    nodeHash(row.subarray(2 * at, 2 * at + hashSize), row.subarray(2 * at + hashSize, 2 * at + 2 * hashSize)).copy(
      parents,
      at,
    );
  }
  return parents;
}

/** The edge of the tree of `size` leaves. Compare its root with a checkpoint before believing it. */
export async function edgeAt(size: number, read: HashReader): Promise<Edge> {
  return { size, hashes: await read(subtreesOf(0, size)) };
}

/**
 * Every hash tile, on every level, that is new or wider after `leafHashes` were appended to the tree of `from` leaves, in
 * an order in which they may be written. `read` gives the hashes of the old tree that share a tile with new ones.
 */
export async function tilesToWrite({
  from,
  leafHashes,
  read,
}: {
  readonly from: number;
  readonly leafHashes: readonly Buffer[];
  readonly read: HashReader;
}): Promise<KeyedBytes[]> {
  const old = await read(sharedNodes(from, from + leafHashes.length));
  const written: KeyedBytes[] = [];
  let taken = 0;
  let count = from;
  let added = leafHashes;
  for (let level = 0; added.length > 0; level += 1) {
    const shared = count % tileWidth;
    const row = [...old.slice(taken, taken + shared), ...added];
    taken += shared;
    count = Math.floor(count / tileWidth);
    const above: Buffer[] = [];
    for (let start = 0; start < row.length; start += tileWidth) {
      const hashes = row.slice(start, start + tileWidth);
      const bytes = Buffer.concat(hashes);
      written.push({ key: tilePath(level, count + start / tileWidth, hashes.length), bytes });
      if (hashes.length === tileWidth) above.push(tileRoot(bytes));
    }
    added = above;
  }
  return written;
}

/** The hashes in partial tiles of the tree of `from` leaves that are wider in the tree of `to`, level by level. */
function sharedNodes(from: number, to: number): Node[] {
  const nodes: Node[] = [];
  let [before, after] = [from, to];
  for (let level = 0; after > before; level += tileHeight) {
    for (let index = before - (before % tileWidth); index < before; index += 1) nodes.push({ level, index });
    [before, after] = [Math.floor(before / tileWidth), Math.floor(after / tileWidth)];
  }
  return nodes;
}

function tileRoot(tile: Buffer): Buffer {
  let row = tile;
  while (row.length > hashSize) row = parentsOf(row);
  return row;
}
