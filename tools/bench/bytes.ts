// Inputs that are the same on every machine: bytes that don't compress, text that compresses about as code does, and trees
// of files made of it.

import { createCipheriv, createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

const pieceSize = 4 * 1024 * 1024;

/** `size` bytes that look random, in pieces, the same for the same seed. */
export function* randomPieces(seed: string, size: number): Generator<Buffer> {
  const stream = createCipheriv(
    "aes-128-ctr",
    createHash("sha256").update(seed).digest().subarray(0, 16),
    Buffer.alloc(16),
  );
  const zeros = Buffer.alloc(pieceSize);
  for (let left = size; left > 0; left -= pieceSize) yield stream.update(zeros.subarray(0, Math.min(left, pieceSize)));
}

export async function writeRandomFile(path: string, size: number): Promise<void> {
  await pipeline(randomPieces(path.slice(path.lastIndexOf("/")), size), createWriteStream(path, { flags: "wx" }));
}

export interface TreeShape {
  readonly files: number;
  /** Of all files together. */
  readonly bytes: number;
  readonly content: "text" | "random";
}

/** Files of many sizes around the mean, fifty to a folder. */
export async function writeTree(folder: string, { files, bytes, content }: TreeShape): Promise<void> {
  const pool =
    content === "text" ? words(32 * 1024 * 1024) : Buffer.concat([...randomPieces("tree", 32 * 1024 * 1024)]);
  const choices = Buffer.concat([...randomPieces("sizes", files * 8)]);
  let written = 0;
  for (let file = 0; file < files; file += 1) {
    const inner = join(folder, `part-${String(Math.floor(file / 50)).padStart(3, "0")}`);
    if (file % 50 === 0) await mkdir(inner, { recursive: true });
    // From a quarter of the mean to seven quarters of it, and the last file makes the sum exact.
    const share = 0.25 + (1.5 * choices.readUInt32LE(file * 8)) / 2 ** 32;
    const size = file === files - 1 ? Math.max(0, bytes - written) : Math.floor((share * bytes) / files);
    written += size;
    await writeFile(join(inner, `file-${file}`), [...slices(pool, choices.readUInt32LE(file * 8 + 4), size)]);
  }
}

/** `size` bytes of the pool from a place on, round and round. */
function* slices(pool: Buffer, start: number, size: number): Generator<Buffer> {
  let at = start % pool.length;
  for (let left = size; left > 0;) {
    const slice = pool.subarray(at, Math.min(pool.length, at + left));
    yield slice;
    left -= slice.length;
    at = 0;
  }
}

/** Words of a small language, the frequent ones far more frequent: zstd makes about a third of it. */
function words(size: number): Buffer {
  const letters = Buffer.concat([...randomPieces("letters", 65_536)]);
  const vocabulary = Array.from({ length: 4096 }, (_, index) => {
    const length = 2 + ((letters[index] ?? 0) % 10);
    const word = Buffer.from(letters.subarray(index * 12, index * 12 + length).map((byte) => 97 + (byte % 26)));
    return Buffer.concat([word, Buffer.from(index % 9 === 0 ? "\n" : " ")]);
  });
  const picks = Buffer.concat([...randomPieces("picks", size)]);
  const text = Buffer.alloc(size);
  for (let at = 0, pick = 0; at < size; pick += 2) {
    const share = picks.readUInt16LE(pick) / 65_536;
    const word = vocabulary[Math.floor(share ** 3 * vocabulary.length)] ?? Buffer.from(" ");
    at += word.copy(text, at);
  }
  return text;
}
