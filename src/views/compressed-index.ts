// A text index of many records in order (apt's Packages) that is kept compressed piece by piece: gzip members, xz blocks and
// zstd frames, which readers take for one file each. Adding a record compresses one piece anew and copies the others. Which record
// opens a piece depends on its key alone, so an index built from nothing has the same bytes as one that grew.

import { createHash } from "node:crypto";
import { promisify } from "node:util";
import {
  constants,
  gzip,
  gzipSync,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} from "node:zlib";

import pMap, { pMapIterable } from "p-map";
import { z } from "zod";

import { type Digest, digestOf } from "../artifact/digest.ts";
import { giveBack } from "../system/give-back.ts";
import { xzBlock, xzFooter, xzHeader } from "./xz.ts";

const compressGzip = promisify(gzip);
const compressZstd = promisify(zstdCompress);
const decompressZstd = promisify<Uint8Array, { chunkSize: number }, Buffer>(zstdDecompress);

/** The forms of an index, by the end of its name. */
export const forms = ["gz", "xz", "zst"] as const;
export type Form = (typeof forms)[number];

/** Bytes, all of them. */
export const pieceSchema = z.strictObject({
  /** The key of its first record. */
  first: z.string(),
  size: z.int().positive(),
  gz: z.int().positive(),
  xz: z.int().positive(),
  /** Of the xz block, without padding. */
  unpadded: z.int().positive(),
  zst: z.int().positive(),
});

export type Piece = z.infer<typeof pieceSchema>;

export interface CompressedIndex {
  readonly pieces: readonly Piece[];
  readonly files: Readonly<Record<Form, Buffer>>;
}

/** A record by its key; the text ends as the format wants it between two records. */
export type Records = ReadonlyMap<string, string>;

export interface IndexFormat {
  /** The records of a piece's text, in order. */
  readonly parse: (text: string) => Records;
}

export const emptyIndex: CompressedIndex = {
  pieces: [],
  files: { gz: gzipSync(""), xz: Buffer.concat([xzHeader, xzFooter([])]), zst: zstdCompressSync("") },
};

/** The index with `changes` made: a record set, or removed (`undefined`). */
export async function withRecords(
  index: CompressedIndex,
  changes: ReadonlyMap<string, string | undefined>,
  { parse }: IndexFormat,
): Promise<CompressedIndex> {
  const placed = placedPieces(index);
  const byPiece = Map.groupBy(changes, ([key]) => Math.max(0, pieceOf(index.pieces, key)));
  const parts: Promise<readonly Compressed[]>[] = [];
  // Pieces that change are made anew run by run: where the record that opened a piece goes, its others join the piece before.
  let run: [string, string][] | undefined;
  for (const [at, { piece, bytes }] of placed.entries()) {
    const isDirty = byPiece.has(at) || losesItsFirst(placed[at + 1]?.piece, changes);
    if (isDirty) {
      run = [...(run ?? []), ...merge(parse(unpack(bytes.zst, piece).toString("utf8")), byPiece.get(at) ?? [])];
      continue;
    }
    if (run !== undefined) parts.push(compressAll(run));
    run = undefined;
    parts.push(Promise.resolve([{ piece, bytes }]));
  }
  if (placed.length === 0) run = merge(new Map(), changes);
  if (run !== undefined) parts.push(compressAll(run));
  return joined((await Promise.all(parts)).flat());
}

function losesItsFirst(piece: Piece | undefined, changes: ReadonlyMap<string, string | undefined>): boolean {
  return piece !== undefined && changes.has(piece.first) && changes.get(piece.first) === undefined;
}

/** The text, piece by piece: Node unpacks one frame of a file, programs all of them. */
export function* textsOf(pieces: readonly Piece[], zst: Uint8Array): Generator<Buffer> {
  let at = 0;
  for (const piece of pieces) yield unpack(zst.subarray(at, (at += piece.zst)), piece);
}

/** In one buffer of the right size: by default Node collects small ones, and joins them. */
function unpack(zst: Uint8Array, { size }: Piece): Buffer {
  return zstdDecompressSync(zst, { chunkSize: roomFor(size) });
}

/** With a byte to spare Node sees that this was all; there is a least size that it takes. */
function roomFor(size: number): number {
  return Math.max(64, size + 1);
}

/** Pieces that are unpacked in other threads while one is hashed in this. */
const piecesAhead = 4;

/** The whole text's size and digest: what clients compare after unpacking. */
export async function plainOf(index: CompressedIndex): Promise<{ readonly size: number; readonly sha256: Digest }> {
  const hash = createHash("sha256");
  const unpacked = ({ piece, bytes }: Compressed) => decompressZstd(bytes.zst, { chunkSize: roomFor(piece.size) });
  const texts = pMapIterable(placedPieces(index), unpacked, { concurrency: piecesAhead });
  for await (const text of texts) {
    hash.update(text);
    giveBack(text);
  }
  return { size: index.pieces.reduce((sum, { size }) => sum + size, 0), sha256: hash.digest("hex") };
}

interface Compressed {
  readonly piece: Piece;
  readonly bytes: Readonly<Record<Form, Uint8Array>>;
}

function placedPieces({ pieces, files }: CompressedIndex): Compressed[] {
  const at = { gz: 0, xz: xzHeader.length, zst: 0 };
  return pieces.map((piece) => {
    const slice = (form: Form) => files[form].subarray(at[form], (at[form] += piece[form]));
    return { piece, bytes: { gz: slice("gz"), xz: slice("xz"), zst: slice("zst") } };
  });
}

/** Index of the last piece that starts at or before `key`; -1 when `key` lies before them all. */
function pieceOf(pieces: readonly Piece[], key: string): number {
  let low = 0;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((pieces[middle] as Piece).first <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function merge(before: Records, changes: Iterable<readonly [string, string | undefined]>): [string, string][] {
  const merged = new Map<string, string>(before);
  for (const [key, text] of changes) {
    if (text === undefined) merged.delete(key);
    else merged.set(key, text);
  }
  return [...merged].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function splitAtBoundaries(records: readonly [string, string][]): [string, string][][] {
  const pieces: [string, string][][] = [];
  for (const record of records) {
    if (pieces.length === 0 || digestOf(record[0]).startsWith("00")) pieces.push([]);
    pieces.at(-1)?.push(record);
  }
  return pieces;
}

async function compressAll(records: readonly [string, string][]): Promise<readonly Compressed[]> {
  return pMap(splitAtBoundaries(records), compress, { concurrency: 2 });
}

async function compress(records: readonly [string, string][]): Promise<Compressed> {
  const text = Buffer.from(records.map(([, record]) => record).join(""));
  const params = { [constants.ZSTD_c_compressionLevel]: 9 };
  const [gz, xz, zst] = await Promise.all([
    compressGzip(text, { level: 9 }),
    xzBlock(text),
    compressZstd(text, { params }),
  ]);
  const sizes = { size: text.length, gz: gz.length, xz: xz.bytes.length, unpadded: xz.unpadded, zst: zst.length };
  return { piece: { first: records[0]?.[0] ?? "", ...sizes }, bytes: { gz, xz: xz.bytes, zst } };
}

function joined(parts: readonly Compressed[]): CompressedIndex {
  if (parts.length === 0) return emptyIndex;
  const pieces = parts.map(({ piece }) => piece);
  const all = (form: Form) => parts.map(({ bytes }) => bytes[form]);
  return {
    pieces,
    files: {
      gz: Buffer.concat(all("gz")),
      xz: Buffer.concat([xzHeader, ...all("xz"), xzFooter(pieces)]),
      zst: Buffer.concat(all("zst")),
    },
  };
}
