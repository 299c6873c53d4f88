// The log's entries as bundles (C2SP tlog-tiles): up to 256 entries in a row, each after its length in two bytes. Bundles
// are named like the tiles of level 0, and like them never change. Entries aren't checked here: whoever reads them
// rebuilds the root from them.

import { KilnError } from "../errors.ts";
import type { ReadableStore } from "../stores/store.ts";
import { logHint, readObject } from "./object.ts";
import { entriesPath, type KeyedBytes, tileWidth, widthOf } from "./tiles.ts";

const lengthSize = 2;
const entryLimit = 65_535;
/** Bundles that are on their way while one is being read. */
const bundlesAhead = 4;

export interface LogEntry {
  readonly index: number;
  /** Part of its bundle's memory: copy what is kept for long. */
  readonly bytes: Buffer;
}

/** The bytes of entries in a row, as many as there are. Throws ENTRY_TOO_LARGE above 65,535 bytes each. */
export function encodeBundle(entries: readonly Uint8Array[]): Buffer {
  const total = entries.reduce((sum, entry) => sum + lengthSize + entry.length, 0);
  const bundle = Buffer.alloc(total);
  let at = 0;
  for (const entry of entries) {
    if (entry.length > entryLimit) {
      throw new KilnError("ENTRY_TOO_LARGE", `log entry: got ${entry.length} bytes, want at most ${entryLimit}`);
    }
    bundle.writeUInt16BE(entry.length, at);
    bundle.set(entry, at + lengthSize);
    at += lengthSize + entry.length;
  }
  return bundle;
}

/** The entries of the bundle stored under `key`, however many. They share its memory. Throws STORE_CORRUPT. */
export function decodeBundle(bundle: Uint8Array, key: string): Buffer[] {
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.length);
  const entries: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const start = at + lengthSize;
    const end = start > bytes.length ? Infinity : start + bytes.readUInt16BE(at);
    if (end > bytes.length)
      throw new KilnError("STORE_CORRUPT", `${key}: got entry ${entries.length} that is cut off`, { hint: logHint });
    entries.push(bytes.subarray(start, end));
    at = end;
  }
  return entries;
}

/**
 * Every bundle that is new or wider after `entries` were appended to the tree of `from` leaves. `partial` has the entries
 * of the old tree's last bundle, if that isn't full: `from % 256` of them. Throws ENTRY_TOO_LARGE.
 */
export function bundlesToWrite({
  from,
  partial,
  entries,
}: {
  readonly from: number;
  readonly partial: readonly Uint8Array[];
  readonly entries: readonly Uint8Array[];
}): KeyedBytes[] {
  if (partial.length !== from % tileWidth)
    throw new TypeError(`${partial.length} entries in the last bundle of ${from}`);
  if (entries.length === 0) return [];
  const row = [...partial, ...entries];
  const first = Math.floor(from / tileWidth);
  const written: KeyedBytes[] = [];
  for (let start = 0; start < row.length; start += tileWidth) {
    const bundle = row.slice(start, start + tileWidth);
    written.push({ key: entriesPath(first + start / tileWidth, bundle.length), bytes: encodeBundle(bundle) });
  }
  return written;
}

/** The entry at `index` of a tree of `size` leaves. Throws STORE_CORRUPT. */
export async function readEntry(
  store: ReadableStore,
  { index, size }: { readonly index: number; readonly size: number },
): Promise<Uint8Array> {
  for await (const { bytes } of readEntries(store, { from: index, to: index + 1, size })) return bytes;
  throw new RangeError(`entry ${index} of a tree of ${size}`);
}

/**
 * The entries [from, to) of a tree of `size` leaves, in order, a few bundles at a time in memory.
 * Throws STORE_CORRUPT, which names the key, for a bundle that is absent or malformed.
 */
export async function* readEntries(
  store: ReadableStore,
  { from, to, size }: { readonly from: number; readonly to: number; readonly size: number },
): AsyncGenerator<LogEntry, void, undefined> {
  if (!(from >= 0 && from <= to && to <= size)) throw new RangeError(`entries ${from} to ${to} of a tree of ${size}`);
  const end = from === to ? 0 : Math.ceil(to / tileWidth);
  let asked = Math.floor(from / tileWidth);
  const ahead: Promise<Buffer[]>[] = [];
  for (let n = asked; n < end; n += 1) {
    for (; asked < end && asked <= n + bundlesAhead; asked += 1) {
      const bundle = readBundle(store, { n: asked, size });
      // It is awaited below when its turn comes; until then, or when the reader leaves early, its failure is nobody's.
      bundle.catch(() => undefined);
      ahead.push(bundle);
    }
    const entries = (await ahead.shift()) ?? [];
    const start = n * tileWidth;
    for (const [offset, bytes] of entries.entries()) {
      const index = start + offset;
      if (index >= from && index < to) yield { index, bytes };
    }
  }
}

async function readBundle(
  store: ReadableStore,
  { n, size }: { readonly n: number; readonly size: number },
): Promise<Buffer[]> {
  const width = widthOf(n, size);
  const full = entriesPath(n, tileWidth);
  const exact = entriesPath(n, width);
  for (const [key, want] of [
    [exact, width],
    [full, tileWidth],
  ] as const) {
    const bytes = await readObject(store, { key, limit: want * (lengthSize + entryLimit) });
    if (bytes === undefined) continue;
    const entries = decodeBundle(bytes, key);
    if (entries.length !== want) {
      throw new KilnError("STORE_CORRUPT", `${key}: got ${entries.length} entries, want ${want}`, { hint: logHint });
    }
    return entries;
  }
  throw new KilnError("STORE_CORRUPT", `${exact}: got no such bundle, want it for a log of ${size} entries`, {
    hint: logHint,
  });
}
