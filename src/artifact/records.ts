// The order in which the log holds a release's signatures, one hashedrekord entry each, right before the release's own entry:
// for each artifact its own signature and its SBOM's, then the provenance, then the other attestations. Whoever writes, reads
// or counts them asks here.

import type { ReleaseLeaf } from "./leaf.ts";
import type { Manifest } from "./manifest.ts";

/** Positions among a release's records. */
export interface RecordOrder {
  /** How many there are. */
  readonly count: number;
  /** Of the artifact at this position in the manifest. */
  artifact(place: number): { readonly signature: number; readonly sbom: number };
  readonly provenance: number;
  /** Of the attestation at this position in the manifest. */
  attestation(place: number): number;
}

export function recordOrder({
  artifacts,
  attestations = [],
}: Pick<Manifest, "artifacts" | "attestations">): RecordOrder {
  const provenance = 2 * artifacts.length;
  return {
    count: provenance + 1 + attestations.length,
    artifact: (place) => ({ signature: 2 * place, sbom: 2 * place + 1 }),
    provenance,
    attestation: (place) => provenance + 1 + place,
  };
}

/** The leaf index of the first record of the release that is logged at `index`. */
export function firstRecord({ index, leaf }: { readonly index: number; readonly leaf: ReleaseLeaf }): number {
  return index - leaf.entries;
}

type Attestation = NonNullable<Manifest["attestations"]>[number];

/** The attestations about this artifact, with their positions in the manifest: in this order their bundles lie beside it. */
export function attestationsAbout(
  { attestations = [] }: Pick<Manifest, "attestations">,
  artifact: string,
): (Attestation & { readonly place: number })[] {
  return attestations.flatMap((one, place) =>
    one.artifacts === undefined || one.artifacts.includes(artifact) ? [{ ...one, place }] : [],
  );
}
