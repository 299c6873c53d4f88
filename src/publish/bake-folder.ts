// What a bake left behind: its manifest and the bytes of what that names. Normally a folder; publishing needs no more of it
// than this.

import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
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
    open: ({ file }) => bytesOf(join(folder, file)),
  };
}

async function* bytesOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: 1024 * 1024 });
  } catch (cause) {
    if (!isSystemError(cause, "ENOENT", "ENOTDIR", "EISDIR")) throw cause;
    throw new KilnError("BAKE_CHANGED", `${path}: got no such file, want what the bake's manifest names`, {
      hint: "bake again: something wrote into the bake's folder",
      cause,
    });
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
