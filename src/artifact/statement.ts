// In-toto statements v1: the payloads of attestations. An SBOM's statement is derived from the SBOM and its artifact,
// so it is never stored twice.

import { canonicalBytes } from "./json.ts";
import type { Artifact } from "./manifest.ts";

export const predicateTypes = {
  provenance: "https://slsa.dev/provenance/v1",
  sbom: "https://cyclonedx.org/bom",
  /** What is known of files that were made elsewhere; says nothing of how they were built. */
  import: "urn:kiln:import:v1",
  rebuild: "urn:kiln:rebuild:v1",
  testResult: "https://in-toto.io/attestation/test-result/v0.1",
} as const;

interface Subject {
  readonly file: string;
  readonly sha256: string;
}

/** Canonical bytes of a statement that says `predicate` of `subjects`. */
export function statementBytes(predicateType: string, subjects: readonly Subject[], predicate: unknown): Uint8Array {
  return canonicalBytes({
    _type: "https://in-toto.io/Statement/v1",
    subject: subjects.map(({ file, sha256 }) => ({ name: file, digest: { sha256 } })),
    predicateType,
    predicate,
  });
}

/** The SBOM attestation's payload, from the SBOM's own bytes. */
export function sbomStatement(artifact: Pick<Artifact, "file" | "sha256">, sbom: Uint8Array): Uint8Array {
  return statementBytes(predicateTypes.sbom, [artifact], JSON.parse(Buffer.from(sbom).toString("utf8")));
}
