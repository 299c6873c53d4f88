// A header of the RPM file format, as the signature header and the main header have it: an index of tags, then their data.
// Everything in it may have been written by anybody, so every offset is checked before it is followed.
// Spec: rpm's docs/manual/format_v4.

import { KilnError } from "../errors.ts";

/** What comes before index and data. */
export const introSize = 16;

const entrySize = 16;
const magic = Buffer.from("8eade80100000000", "hex");

/** rpm's own limits. */
const mostEntries = 65_535;
const mostData = 256 * 1024 * 1024;

const widths: Readonly<Record<number, number>> = { 0: 0, 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1 };
const types = { int16: 3, int32: 4, int64: 5, string: 6, binary: 7, strings: 8, text: 9 } as const;

export interface RpmEntry {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  /** From where its data begins to the end of all data: strings say themselves where they end. */
  readonly data: Buffer;
}

export interface RpmHeader {
  readonly entries: readonly RpmEntry[];
  /** The first string of the tag; `undefined` when there is none. */
  text(tag: number): string | undefined;
  texts(tag: number): readonly string[];
  numbers(tag: number): readonly number[];
  bytes(tag: number): Buffer | undefined;
}

/** How long the header is that begins with these bytes, without padding. `what`: of what, for messages. Throws PACKAGE_INVALID. */
export function headerSize(intro: Buffer, what: string): number {
  if (intro.length < introSize || !intro.subarray(0, 8).equals(magic)) {
    throw invalid(what, "got bytes that don't begin an rpm header");
  }
  const entries = intro.readUInt32BE(8);
  const data = intro.readUInt32BE(12);
  if (entries > mostEntries || data > mostData) throw invalid(what, "got an rpm header that is too long");
  return introSize + entries * entrySize + data;
}

/** Parses exactly one header. Throws PACKAGE_INVALID. */
export function parseHeader(bytes: Buffer, what: string): RpmHeader {
  if (headerSize(bytes, what) !== bytes.length) throw invalid(what, "got an rpm header of another length than it says");
  const count = bytes.readUInt32BE(8);
  const data = bytes.subarray(introSize + count * entrySize);
  const entries = Array.from({ length: count }, (_, place) => entryAt(bytes, data, { place, what }));
  const byTag = new Map(entries.map((entry) => [entry.tag, entry]));
  const texts = (tag: number): readonly string[] => {
    const entry = byTag.get(tag);
    return entry === undefined ? [] : textsOf(entry, what);
  };
  return {
    entries,
    texts,
    text: (tag) => texts(tag)[0],
    numbers(tag) {
      const entry = byTag.get(tag);
      return entry === undefined ? [] : numbersOf(entry, what);
    },
    bytes(tag) {
      const entry = byTag.get(tag);
      return entry?.type === types.binary ? entry.data.subarray(0, entry.count) : undefined;
    },
  };
}

function entryAt(
  bytes: Buffer,
  data: Buffer,
  { place, what }: { readonly place: number; readonly what: string },
): RpmEntry {
  const at = introSize + place * entrySize;
  const [tag, type, offset, count] = [0, 4, 8, 12].map((field) => bytes.readUInt32BE(at + field)) as [
    number,
    number,
    number,
    number,
  ];
  const width = widths[type];
  if (offset > data.length || (width !== undefined && offset + width * count > data.length)) {
    throw invalid(what, `got data of tag ${tag} outside the header`);
  }
  return { tag, type, count, data: data.subarray(offset) };
}

/** The bytes that an entry's value takes. Throws PACKAGE_INVALID. */
export function dataOf(entry: RpmEntry, what: string): Buffer {
  const width = widths[entry.type];
  if (width !== undefined) return entry.data.subarray(0, width * entry.count);
  let end = 0;
  for (let left = entry.type === types.string ? 1 : entry.count; left > 0; left -= 1) {
    const zero = entry.data.indexOf(0, end);
    if (zero < 0) throw invalid(what, `got a text without an end in tag ${entry.tag}`);
    end = zero + 1;
  }
  return entry.data.subarray(0, end);
}

/** What its data's offset must be a multiple of. */
function alignmentOf(type: number): number {
  return type === types.int16 || type === types.int32 || type === types.int64 ? (widths[type] ?? 1) : 1;
}

/** A header of these entries, in this order, each with exactly its own data. */
export function headerBytes(entries: readonly RpmEntry[]): Buffer {
  const index: Buffer[] = [];
  const data: Buffer[] = [];
  let size = 0;
  for (const entry of entries) {
    const gap = -size & (alignmentOf(entry.type) - 1);
    data.push(Buffer.alloc(gap), entry.data);
    index.push(uint32(entry.tag, entry.type, size + gap, entry.count));
    size += gap + entry.data.length;
  }
  return Buffer.concat([magic, uint32(entries.length, size), ...index, ...data]);
}

export function uint32(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * numbers.length);
  for (const [place, number] of numbers.entries()) bytes.writeUInt32BE(number >>> 0, 4 * place);
  return bytes;
}

function textsOf(entry: RpmEntry, what: string): readonly string[] {
  if (entry.type !== types.string && entry.type !== types.strings && entry.type !== types.text) return [];
  const bytes = dataOf(entry, what);
  return bytes.length === 0 ? [] : bytes.subarray(0, -1).toString("utf8").split("\0");
}

function numbersOf({ type, count, data }: RpmEntry, what: string): readonly number[] {
  const read = {
    [types.int16]: (at: number) => data.readUInt16BE(2 * at),
    [types.int32]: (at: number) => data.readUInt32BE(4 * at),
    [types.int64]: (at: number) => safe(data.readBigUInt64BE(8 * at), what),
  }[type];
  return read === undefined ? [] : Array.from({ length: count }, (_, at) => read(at));
}

function safe(number: bigint, what: string): number {
  if (number <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(number);
  throw invalid(what, `got the number ${number}, which is too large`);
}

export function invalid(what: string, problem: string): KilnError {
  return new KilnError("PACKAGE_INVALID", `${what}: ${problem}`, { hint: "it isn't the package that was baked" });
}
