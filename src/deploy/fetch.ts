// Brings blobs of a release here, each checked against its digest before anybody reads it. The artifact goes into a file that
// has no name any more: nobody else can change it between the check and the use, and a crash leaves nothing.

import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";

import type { Digest } from "../artifact/digest.ts";
import { type Artifact, type Manifest, manifestFile, parseManifest } from "../artifact/manifest.ts";
import { poolKey } from "../artifact/pool.ts";
import { KilnError } from "../errors.ts";
import type { Step } from "../report.ts";
import { readBlob } from "../stores/read.ts";
import { documentLimit, type ReadableStore } from "../stores/store.ts";
import { explainFailure } from "../system/durable.ts";

/** The manifest with this digest, of `name`@`version`. Throws NOT_FOUND, STORE_CORRUPT, SUBJECT_MISMATCH. */
export async function fetchManifest(
  store: ReadableStore,
  { name, version, manifest: sha256 }: { readonly name: string; readonly version: string; readonly manifest: Digest },
): Promise<Manifest> {
  const key = poolKey({ sha256, file: manifestFile });
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of readBlob(store, key, { sha256 })) {
    size += piece.length;
    if (size > documentLimit) throw new KilnError("STORE_CORRUPT", `${key}: got more than ${documentLimit} bytes`);
    pieces.push(piece);
  }
  const manifest = parseManifest(Buffer.concat(pieces), key);
  if (manifest.name === name && manifest.version === version) return manifest;
  throw new KilnError(
    "SUBJECT_MISMATCH",
    `${key}: got the manifest of ${manifest.name}@${manifest.version}, want ${name}@${version}`,
  );
}

export interface FetchOptions {
  /** A folder of the place. */
  readonly folder: string;
  readonly step: Step;
  readonly signal: AbortSignal;
}

/** The artifact's bytes, all of them verified before the first can be read. Whoever gets the stream ends it. */
export async function fetchArtifact(
  store: ReadableStore,
  artifact: Artifact,
  options: FetchOptions,
): Promise<Readable> {
  const path = join(options.folder, ".fetched");
  await rm(path, { force: true });
  const handle = await open(path, "wx+", 0o600);
  try {
    await rm(path);
    await receive(store, artifact, { ...options, handle });
    return handle.createReadStream({ start: 0, highWaterMark: 1024 * 1024 });
  } catch (error) {
    await handle.close();
    throw explainFailure(error, options.folder);
  }
}

async function receive(
  store: ReadableStore,
  artifact: Artifact,
  { handle, step, signal }: FetchOptions & { readonly handle: FileHandle },
): Promise<void> {
  const { sha256, size } = artifact;
  let done = 0;
  let writing = Promise.resolve();
  try {
    for await (const piece of readBlob(store, poolKey(artifact), { sha256, size })) {
      if (signal.aborted) throw new KilnError("CANCELLED", `fetching ${artifact.file} was interrupted`);
      done += piece.length;
      step.progress(done, size, "bytes");
      // The next piece is read and hashed meanwhile.
      await writing;
      writing = writeAll(handle, piece);
      // Its failure is thrown by the next await.
      writing.catch(() => undefined);
    }
  } finally {
    await writing;
  }
  if (done !== size) throw new KilnError("STORE_CORRUPT", `${artifact.file}: got ${done} bytes, want ${size}`);
}

async function writeAll(handle: FileHandle, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length;) at += (await handle.write(piece, at)).bytesWritten;
}
