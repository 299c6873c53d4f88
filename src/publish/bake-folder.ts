// What a bake left behind: its manifest and the bytes of what that names. Normally a folder; publishing needs no more of it
// than this.

import { createReadStream } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";

import { type Digest, digestOf } from "../artifact/digest.ts";
import { type Blob, type Manifest, manifestFile, parseManifest } from "../artifact/manifest.ts";
import { isSystemError, KilnError } from "../errors.ts";

export interface Bake {
  readonly manifest: Manifest;
  /** The manifest's digest: the release's identity. */
  readonly identity: Digest;
  /** Whether nobody chose the release's name: it is what its packages' names come to, and those of several may come to one. */
  readonly isNamedByPackage?: true;
  /** The bytes of a blob that the manifest names, unchecked. Throws BAKE_CHANGED when there is no such file. */
  open(blob: Blob): AsyncIterable<Uint8Array>;
}

/** Opens a bake's folder. Throws NOT_FOUND, and STORE_CORRUPT for a manifest that can't be read. */
export async function openBakeFolder(folder: string): Promise<Bake> {
  const path = join(folder, manifestFile);
  const bytes = await readManifest(folder, path);
  return {
    manifest: parseManifest(bytes, path),
    identity: digestOf(bytes),
    open: ({ file, size }) => bytesOf(join(folder, file), size),
  };
}

/** Bytes that are read at once. */
const pieceSize = 1024 * 1024;

/** `size`: what the manifest says; a file that has more ends after one byte more, or later. */
async function* bytesOf(path: string, size: number): AsyncGenerator<Uint8Array> {
  try {
    if (size < pieceSize) yield await startOf(path, size + 1);
    else yield* createReadStream(path, { highWaterMark: pieceSize });
  } catch (cause) {
    if (!isSystemError(cause, "ENOENT", "ENOTDIR", "EISDIR")) throw cause;
    throw new KilnError("BAKE_CHANGED", `${path}: got no such file, want what the bake's manifest names`, {
      hint: "bake again: something wrote into the bake's folder",
      cause,
    });
  }
}

/** A stream takes longer for a small file than the file does. */
async function startOf(path: string, length: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length));
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function readManifest(folder: string, path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (!isSystemError(cause, "ENOENT", "ENOTDIR")) throw cause;
    throw new KilnError("NOT_FOUND", `${folder}: got no ${manifestFile}, want the folder of a bake`, {
      hint: "run `kiln bake` first, or leave the folder out; of a folder of packages that others made, name the files",
      cause,
    });
  }
}
