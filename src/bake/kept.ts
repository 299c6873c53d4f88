// Finished bakes that are kept: looked up by bake key, and believed after a look at every file's size. Their digests are
// checked by whoever reads the bytes: publishing hashes all of them anyway.

import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { type Digest, digestOf } from "../artifact/digest.ts";
import { blobsOf, type Manifest, manifestFile, parseManifest } from "../artifact/manifest.ts";
import { isSystemError, isKilnError } from "../errors.ts";

export interface Bake {
  readonly bakeKey: Digest;
  readonly manifest: Manifest;
  /** The release's identity: the digest of its manifest. */
  readonly identity: Digest;
  /** Absolute path of the folder that holds the files. */
  readonly folder: string;
}

/** The finished bake in `folder`, or undefined when there is none, or not a whole one. */
export function readBake(folder: string): Bake | undefined {
  const path = join(folder, manifestFile);
  try {
    const bytes = readFileSync(path);
    const manifest = parseManifest(bytes, path);
    if (!blobsOf(manifest).every(({ file, size }) => lstatSync(join(folder, file)).size === size)) return undefined;
    return { bakeKey: manifest.bakeKey, manifest, identity: digestOf(bytes), folder };
  } catch (error) {
    // Cut off by a power failure, or touched by somebody: baking again is always right.
    if (isSystemError(error, "ENOENT", "ENOTDIR") || isKilnError(error, "STORE_CORRUPT")) return undefined;
    throw error;
  }
}
