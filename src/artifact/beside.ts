// Which files lie beside an artifact in the pool: the one place that says it for whoever writes, checks, mirrors or keeps them.

import { coreMetadataOf } from "./core-metadata.ts";
import type { Artifact, Manifest } from "./manifest.ts";
import { beside, besideAttestation, besideFormat } from "./pool.ts";
import { attestationsAbout } from "./records.ts";
import type { Signatures } from "./signatures.ts";

/** The ends of the names of all files beside an artifact of this release. */
export function endsBeside(
  { manifest, signatures }: { readonly manifest: Manifest; readonly signatures: Signatures },
  artifact: Artifact,
): string[] {
  return [
    ...Object.values(beside),
    ...attestationsAbout(manifest, artifact.name).map((_, at) => besideAttestation(at)),
    ...(provenanceOf(artifact, signatures) === undefined ? [] : [besideFormat.chart]),
    ...(coreMetadataOf(artifact) === undefined ? [] : [besideFormat.wheel]),
  ];
}

/** The blob that holds a chart's .prov. */
export function provenanceOf({ kind, name }: Artifact, { artifacts }: Signatures) {
  return kind === "chart" ? artifacts.find((one) => one.name === name)?.native : undefined;
}
