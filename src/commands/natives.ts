// The signed package of an .rpm, the .prov of a chart: where `kiln show` finds them.

import { parseEntry } from "../artifact/leaf.ts";
import type { Blob, Manifest } from "../artifact/manifest.ts";
import { nativeFileOf } from "../artifact/native.ts";
import { keys, poolKey } from "../artifact/pool.ts";
import { parseSignatures, signaturesFile } from "../artifact/signatures.ts";
import { readDocument, readWholeBlob } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import { parseReleaseDocument } from "../views/documents.ts";

/** Blobs with the signature of an artifact's own format, by the artifact's name: the signatures document names them. */
export async function nativesIn(release: {
  readonly store: ReadableStore;
  readonly name: string;
  readonly version: string;
  readonly manifest: Manifest;
}): Promise<ReadonlyMap<string, Blob>> {
  const { store, name, version, manifest } = release;
  if (manifest.artifacts.every((artifact) => nativeFileOf(artifact) === undefined)) return new Map();
  const key = keys.release(name, version);
  const document = await readDocument(store, key);
  if (document === undefined) return new Map();
  const { index, entry } = parseReleaseDocument(document.bytes, key).release;
  const parsed = parseEntry(Buffer.from(entry, "base64"), index);
  if (parsed.sort !== "leaf" || parsed.leaf.type !== "release") return new Map();
  const at = poolKey({ sha256: parsed.leaf.signatures, file: signaturesFile });
  const signatures = parseSignatures(await readWholeBlob(store, at, parsed.leaf.signatures), at);
  return new Map(
    signatures.artifacts.flatMap(({ name: artifact, native }) => (native === undefined ? [] : [[artifact, native]])),
  );
}

/** As `--json` shows it. */
export function nativeOf(blob: Blob | undefined) {
  if (blob === undefined) return {};
  return { native: { sha256: blob.sha256, size: blob.size, key: poolKey(blob) } };
}
