// What of a release needn't be kept once it is retired: the artifacts, and signed packages. All that says what it was stays:
// manifest, signatures, SBOMs, provenance and the files beside the artifacts, for whoever still has one of them.

import { provenanceOf } from "./beside.ts";
import type { Artifact, Blob } from "./manifest.ts";
import type { Signatures } from "./signatures.ts";

export function dispensable(artifact: Artifact, signatures: Signatures): Blob[] {
  const native = signatures.artifacts.find(({ name }) => name === artifact.name)?.native;
  const { file, size, sha256 } = artifact;
  // A chart's .prov lies beside the chart, and is made from this blob.
  const isBeside = provenanceOf(artifact, signatures) !== undefined;
  return [{ file, size, sha256 }, ...(native === undefined || isBeside ? [] : [native])];
}
