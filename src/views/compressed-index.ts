// A text index of many records in order (apt's Packages, rpm-md's primary) that is kept compressed piece by piece: gzip members, xz
// blocks and zstd frames, which readers take for one file each; a format has all of these forms or some. Adding a record compresses one
// piece anew and copies the others. Which record opens a piece depends on its key alone, so an index built from nothing has the
// same bytes as one that grew.

import { createHash } from "node:crypto";
import { promisify } from "node:util";
import {
  constants,
  gunzip,
  gunzipSync,
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
import { KilnError } from "../errors.ts";
import { giveBack } from "../system/give-back.ts";
import { xzBlock, xzFooter, xzHeader } from "./xz.ts";

const compressGzip = promisify(gzip);
const compressZstd = promisify(zstdCompress);
const decompressZstd = promisify<Uint8Array, { chunkSize: number }, Buffer>(zstdDecompress);
const decompressGzip = promisify<Uint8Array, { chunkSize: number }, Buffer>(gunzip);

/** The forms of an index, by the end of its name. */
export const forms = ["gz", "xz", "zst"] as const;
export type Form = (typeof forms)[number];

const pieceShape = {
  /** The key of its first record. */
  first: z.string(),
  size: z.int().positive(),
};
const length = z.int().positive();

/** Bytes, all of them; `unpadded`: of the xz block, without padding. */
export const pieceSchema = z.strictObject({ ...pieceShape, gz: length, xz: length, unpadded: length, zst: length });
/** Of an index that has no other form. */
export const gzipPieceSchema = z.strictObject({ ...pieceShape, gz: length });

export type Piece<F extends Form = Form> = { readonly first: string; readonly size: number } & {
  readonly [Member in F | (F extends "xz" ? "unpadded" : never)]: number;
};

export interface CompressedIndex<F extends Form = Form> {
  readonly pieces: readonly Piece<F>[];
  readonly files: Readonly<Record<F, Buffer>>;
}

/** A record by its key; the text ends as the format wants it between two records. */
export type Records = ReadonlyMap<string, string>;

export interface IndexFormat {
  /** The records of a piece's text, in order. */
  readonly parse: (text: string) => Records;
}

const emptyFiles: Readonly<Record<Form, Buffer>> = {
  gz: gzipSync(""),
  xz: Buffer.concat([xzHeader, xzFooter([])]),
  zst: zstdCompressSync(""),
};

/** In all forms. */
export const emptyIndex: CompressedIndex = { pieces: [], files: emptyFiles };
export const emptyGzipIndex: CompressedIndex<"gz"> = { pieces: [], files: { gz: emptyFiles.gz } };

export interface ChangedIndex<F extends Form> extends CompressedIndex<F> {
  /** How many records it has more than before, or less. */
  readonly more: number;
}

/** The index, in the same forms, with `changes` made: a record set, or removed (`undefined`). Throws STORE_CORRUPT. */
export async function withRecords<F extends Form>(
  index: CompressedIndex<F>,
  changes: ReadonlyMap<string, string | undefined>,
  { parse }: IndexFormat,
): Promise<ChangedIndex<F>> {
  const placed = placedPieces(index);
  const inForms = Object.keys(index.files) as F[];
  const byPiece = Map.groupBy(changes, ([key]) => Math.max(0, pieceOf(index.pieces, key)));
  const parts: Promise<readonly Compressed<F>[]>[] = [];
  let more = 0;
  // Pieces that change are made anew run by run: where the record that opened a piece goes, its others join the piece before.
  let run: [string, string][] | undefined;
  for (const [at, { piece, bytes }] of placed.entries()) {
    const isDirty = byPiece.has(at) || losesItsFirst(placed[at + 1]?.piece, changes);
    if (isDirty) {
      const records = parse(unpack(piece, bytes).toString("utf8"));
      const merged = merge(records, byPiece.get(at) ?? []);
      more += merged.length - records.size;
      run = [...(run ?? []), ...merged];
      continue;
    }
    if (run !== undefined) parts.push(compressAll(run, inForms));
    run = undefined;
    parts.push(Promise.resolve([{ piece, bytes }]));
  }
  if (placed.length === 0) {
    run = merge(new Map(), changes);
    more = run.length;
  }
  if (run !== undefined) parts.push(compressAll(run, inForms));
  return { ...joined((await Promise.all(parts)).flat(), inForms), more };
}

function losesItsFirst(
  piece: { readonly first: string } | undefined,
  changes: ReadonlyMap<string, string | undefined>,
): boolean {
  return piece !== undefined && changes.has(piece.first) && changes.get(piece.first) === undefined;
}

/** The text, piece by piece: Node unpacks one frame or member of a file, programs all of them. Throws STORE_CORRUPT. */
export function* textsOf<F extends Form>(index: CompressedIndex<F>): Generator<Buffer> {
  for (const { piece, bytes } of placedPieces(index)) yield unpack(piece, bytes);
}

/** With a byte to spare Node sees that this was all; there is a least size that it takes. */
function roomFor(size: number): number {
  return Math.max(64, size + 1);
}

/** Pieces that are unpacked in other threads while one is hashed in this. */
const piecesAhead = 4;

/** The whole text's size and digest: what clients compare after unpacking. Throws STORE_CORRUPT. */
export async function plainOf<F extends Form>(
  index: CompressedIndex<F>,
  { head, tail } = { head: "", tail: "" },
): Promise<{ readonly size: number; readonly sha256: Digest }> {
  const hash = createHash("sha256").update(head);
  const unpackAhead = ({ piece, bytes }: Compressed<F>) => unpackElsewhere(piece, bytes);
  for await (const text of pMapIterable(placedPieces(index), unpackAhead, { concurrency: piecesAhead })) {
    hash.update(text);
    giveBack(text);
  }
  const ends = Buffer.byteLength(head) + Buffer.byteLength(tail);
  return {
    size: index.pieces.reduce((sum, { size }) => sum + size, ends),
    sha256: hash.update(tail).digest("hex"),
  };
}

type InForms = Readonly<Partial<Record<Form, Uint8Array>>>;

interface Compressed<F extends Form> {
  readonly piece: Piece<F>;
  readonly bytes: Readonly<Record<F, Uint8Array>>;
}

/**
 * From the form that is unpacked fastest, in one buffer of the right size: by default Node collects small ones, and joins them.
 * Throws STORE_CORRUPT.
 */
function unpack({ size }: { readonly size: number }, { zst, gz }: InForms): Buffer {
  const options = { chunkSize: roomFor(size) };
  try {
    return zst === undefined ? gunzipSync(gz ?? Buffer.of(), options) : zstdDecompressSync(zst, options);
  } catch (cause) {
    throw notUnpacked(cause);
  }
}

async function unpackElsewhere({ size }: { readonly size: number }, { zst, gz }: InForms): Promise<Buffer> {
  const options = { chunkSize: roomFor(size) };
  try {
    return await (zst === undefined ? decompressGzip(gz ?? Buffer.of(), options) : decompressZstd(zst, options));
  } catch (cause) {
    throw notUnpacked(cause);
  }
}

function notUnpacked(cause: unknown): KilnError {
  return new KilnError("STORE_CORRUPT", "an index: got a piece that can't be unpacked", {
    hint: "`kiln views rebuild` writes it anew from the log",
    cause,
  });
}

function placedPieces<F extends Form>({ pieces, files }: CompressedIndex<F>): Compressed<F>[] {
  const at: Record<Form, number> = { gz: 0, xz: xzHeader.length, zst: 0 };
  const inForms = Object.keys(files) as F[];
  return pieces.map((piece) => {
    const slice = (form: F) =>
      files[form].subarray(at[form], (at[form] += (piece as Readonly<Record<F, number>>)[form]));
    return { piece, bytes: inEach(inForms, slice) };
  });
}

function inEach<F extends Form, T>(inForms: readonly F[], make: (form: F) => T): Record<F, T> {
  return Object.fromEntries(inForms.map((form) => [form, make(form)])) as Record<F, T>;
}

/** Index of the last piece that starts at or before `key`; -1 when `key` lies before them all. */
function pieceOf(pieces: readonly { readonly first: string }[], key: string): number {
  let low = 0;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((pieces[middle] as { first: string }).first <= key) low = middle + 1;
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

async function compressAll<F extends Form>(
  records: readonly [string, string][],
  inForms: readonly F[],
): Promise<readonly Compressed<F>[]> {
  return pMap(splitAtBoundaries(records), (piece) => compress(piece, inForms), { concurrency: 2 });
}

async function compress<F extends Form>(
  records: readonly [string, string][],
  inForms: readonly F[],
): Promise<Compressed<F>> {
  const text = Buffer.from(records.map(([, record]) => record).join(""));
  const made = await Promise.all(inForms.map((form) => compressors[form](text)));
  const lengths = inForms.map((form, at) => [form, made[at]?.bytes.length]);
  const unpadded = made.flatMap((one) => (one.unpadded === undefined ? [] : [["unpadded", one.unpadded]]));
  const sizes = Object.fromEntries([["size", text.length], ...lengths, ...unpadded]) as Piece<F>;
  const bytes = Object.fromEntries(inForms.map((form, at) => [form, made[at]?.bytes])) as Record<F, Buffer>;
  return { piece: { ...sizes, first: records[0]?.[0] ?? "" }, bytes };
}

interface CompressedText {
  readonly bytes: Buffer;
  readonly unpadded?: number;
}

const compressors: Readonly<Record<Form, (text: Buffer) => Promise<CompressedText>>> = {
  gz: async (text) => ({ bytes: await compressGzip(text, { level: 9 }) }),
  xz: (text) => xzBlock(text),
  zst: async (text) => ({ bytes: await compressZstd(text, { params: { [constants.ZSTD_c_compressionLevel]: 9 } }) }),
};

function joined<F extends Form>(parts: readonly Compressed<F>[], inForms: readonly F[]): CompressedIndex<F> {
  const pieces = parts.map(({ piece }) => piece);
  if (parts.length === 0) return { pieces, files: inEach(inForms, (form) => emptyFiles[form]) };
  const all = (form: F): Uint8Array[] => parts.map(({ bytes }) => bytes[form]);
  return {
    pieces,
    files: inEach(inForms, (form) =>
      form === "xz"
        ? Buffer.concat([xzHeader, ...all(form), xzFooter(pieces as unknown as Piece<"xz">[])])
        : Buffer.concat(all(form)),
    ),
  };
}
