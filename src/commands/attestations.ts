// What a release attests beside SBOMs and provenance, for people and machines.

import type { Manifest } from "../artifact/manifest.ts";

interface ShownAttestation {
  readonly predicateType: string;
  readonly check: string | null;
  /** Names of the artifacts that it is about. */
  readonly artifacts: readonly string[];
}

export function attestationsOf(manifest: Pick<Manifest, "artifacts" | "attestations"> | undefined): ShownAttestation[] {
  const all = manifest?.artifacts.map(({ name }) => name) ?? [];
  return (manifest?.attestations ?? []).map(({ predicateType, check, artifacts }) => {
    return { predicateType, check: check ?? null, artifacts: artifacts ?? all };
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
