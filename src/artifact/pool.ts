// Where things lie in a store: the one place that spells a key.

import type { Digest } from "./digest.ts";

/** How the keys of all probes begin. */
export const probes = "probe-";

export const keys = {
  /** Format version, origin, public URL. */
  store: "kiln.json",
  head: "log/head",
  checkpoint: "log/checkpoint",
  staging: (digest: Digest) => `log/staging/${digest}`,
  trust: "trust/trust.json",
  reservations: (name: string) => `reservations/${name}.json`,
  catalog: "catalog/head.json",
  catalogShard: (digest: Digest) => `catalog/shard/${digest}.json`,
  release: (name: string, version: string) => `releases/${name}/${version}.json`,
  channel: (name: string, channel: string) => `channels/${name}/${channel}.json`,
  /** What a command writes to try the store, and removes at once: no folder stays behind. */
  probe: (mark: string, what: string) => `${probes}${mark}-${what}`,
} as const;

/** The key of a blob: `pool/sha256/ab/abcd…/<file name>`. */
export function poolKey(blob: { readonly sha256: Digest; readonly file: string }): string {
  return `pool/sha256/${blob.sha256.slice(0, 2)}/${blob.sha256}/${blob.file}`;
}

/** What lies beside an artifact in the pool, and beside a downloaded file: its name plus one of these. */
export const beside = {
  /** OpenPGP detached signature, armored. */
  openpgp: ".asc",
  /** Sigstore bundle of the artifact's own signature. */
  signature: ".sigstore.json",
  /** Sigstore bundle of the SLSA provenance. */
  provenance: ".provenance.sigstore.json",
  /** Sigstore bundle of the CycloneDX SBOM. */
  sbom: ".sbom.sigstore.json",
} as const;

/** What the clients of some kinds look for beside the file. */
export const besideFormat = {
  /** The chart's signed metadata and digest. */
  chart: ".prov",
  /** The wheel's METADATA. */
  wheel: ".metadata",
} as const;

/** The end of the name of a Sigstore bundle of another attestation: `at` counts those about this artifact, from 0 on. */
export function besideAttestation(at: number): string {
  return `.attest-${at + 1}.sigstore.json`;
}
