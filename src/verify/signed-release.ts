// What a release's log entry names, believed: the manifest and the signatures document, by their digests, and that they
// say the same as the entry. From here on the manifest says which bytes are right.

import { type Digest, digestOf } from "../artifact/digest.ts";
import { canonicalText } from "../artifact/json.ts";
import type { ReleaseLeaf } from "../artifact/leaf.ts";
import { type Manifest, manifestFile, parseManifest } from "../artifact/manifest.ts";
import { nativeFileOf } from "../artifact/native.ts";
import { packagesOf } from "../artifact/packages.ts";
import { poolKey } from "../artifact/pool.ts";
import { parseSignatures, type Signatures, signaturesBytes, signaturesFile } from "../artifact/signatures.ts";
import { KilnError } from "../errors.ts";

/** The key of the manifest that the entry names. */
export function manifestKey(leaf: ReleaseLeaf): string {
  return poolKey({ sha256: leaf.manifest, file: manifestFile });
}

/** The key of the signatures document that the entry names. */
export function signaturesKey(leaf: ReleaseLeaf): string {
  return poolKey({ sha256: leaf.signatures, file: signaturesFile });
}

/** Throws DIGEST_MISMATCH, STORE_CORRUPT, SUBJECT_MISMATCH. */
export function manifestOf(leaf: ReleaseLeaf, bytes: Uint8Array): Manifest {
  const key = manifestKey(leaf);
  requireDigest(bytes, leaf.manifest, key);
  const manifest = parseManifest(bytes, key);
  const { name, version, bakeKey, claims } = leaf;
  const { commit, recipe } = manifest.source;
  const said = {
    name,
    version,
    bakeKey,
    claims: claims && `${claims.commit} ${claims.recipe}`,
    imported: leaf.imported,
  };
  const meant = { ...manifest, claims: commit && `${commit} ${recipe}`, imported: manifest.imported && true };
  for (const member of ["name", "version", "bakeKey", "claims", "imported"] as const) {
    if (said[member] === meant[member]) continue;
    throw new KilnError(
      "SUBJECT_MISMATCH",
      `${key}: got ${member} ${meant[member]}, want ${said[member]} as in the log`,
    );
  }
  if (leaf.packages !== undefined && canonicalText(leaf.packages) !== canonicalText(packagesOf(manifest))) {
    throw new KilnError("SUBJECT_MISMATCH", `${key}: got other packages than the log's entry lists`);
  }
  return manifest;
}

/** Throws DIGEST_MISMATCH, STORE_CORRUPT, SUBJECT_MISMATCH. */
export function signaturesOf(leaf: ReleaseLeaf, manifest: Manifest, bytes: Uint8Array): Signatures {
  const key = signaturesKey(leaf);
  requireDigest(bytes, leaf.signatures, key);
  const signatures = parseSignatures(bytes, key);
  if (Buffer.compare(signaturesBytes(signatures), bytes) !== 0) {
    throw new KilnError("STORE_CORRUPT", `${key}: got a document that isn't in canonical JSON`);
  }
  const got = [signatures.manifest, ...signatures.artifacts.map(({ name }) => name), ...places(signatures)].join(" ");
  const want = [leaf.manifest, ...manifest.artifacts.map(({ name }) => name), ...places(manifest)].join(" ");
  if (got !== want) throw new KilnError("SUBJECT_MISMATCH", `${key}: got signatures of ${got}, want of ${want}`);
  for (const [place, artifact] of manifest.artifacts.entries()) {
    const native = signatures.artifacts[place]?.native?.file;
    const file = nativeFileOf(artifact);
    if (native === file) continue;
    throw new KilnError(
      "SUBJECT_MISMATCH",
      `${key}: ${artifact.name}: got ${native ?? "no"} signature of its format, want ${file ?? "none"}`,
    );
  }
  return signatures;
}

/** An attestation has no name of its own: its place stands for it. */
function places({ attestations = [] }: { readonly attestations?: readonly unknown[] | undefined }): string[] {
  return attestations.map((_, place) => `attestation ${place + 1}`);
}

/** Throws DIGEST_MISMATCH. */
export function requireDigest(bytes: Uint8Array, want: Digest, what: string): void {
  const got = digestOf(bytes);
  if (got !== want) throw new KilnError("DIGEST_MISMATCH", `${what}: got SHA-256 ${got}, want ${want}`);
}
