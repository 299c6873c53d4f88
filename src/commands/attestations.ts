// What a release attests beside SBOMs and provenance, for people and machines.

import type { Manifest } from "../artifact/manifest.ts";
import { besideAttestation } from "../artifact/pool.ts";

interface ShownAttestation {
  readonly predicateType: string;
  readonly check: string | null;
  /** The end of the name of the bundle beside each artifact. */
  readonly beside: string;
}

export function attestationsOf(manifest: Pick<Manifest, "attestations"> | undefined): ShownAttestation[] {
  return (manifest?.attestations ?? []).map(({ predicateType, check }, place) => {
    return { predicateType, check: check ?? null, beside: besideAttestation(place) };
  });
}

/** `https://in-toto.io/attestation/test-result/v0.1  unit` */
export function attestationText({ predicateType, check }: ShownAttestation): string {
  return check === null ? predicateType : `${predicateType}  ${check}`;
}

/** `urn:kiln:rebuild:v1  identical, says urn:kiln:builder:bubblewrap, leaf 12` */
export function laterText(one: {
  readonly predicateType: string;
  readonly leaf: number;
  readonly result?: string | undefined;
  readonly rebuilder?: string | undefined;
}): string {
  const said = one.result === undefined ? "" : `  ${one.result}, says ${one.rebuilder}`;
  return `${one.predicateType}${said}, leaf ${one.leaf}`;
}
