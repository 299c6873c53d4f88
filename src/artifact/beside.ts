// Which files lie beside an artifact in the pool, and where: the one place that says it for whoever writes, checks or keeps them.
// Of several releases that have the same bytes under the same file name, one has its files beside the artifact: the first to come, and
// they are good for anybody who has those bytes. Each of the others has its own beside its manifest, whose folder nobody shares.

import { coreMetadataOf } from "./core-metadata.ts";
import type { Digest } from "./digest.ts";
import type { Artifact, Manifest } from "./manifest.ts";
import { beside, besideAttestation, besideFormat, poolKey } from "./pool.ts";
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

/** The key of a file beside the artifact, by the end of its name. */
export function besideKey(artifact: Artifact, end: string): string {
  return poolKey(artifact) + end;
}

/** The key that it has where another release's file lies beside the artifact. `manifest`: the release. */
export function apartKey(artifact: Artifact, end: string, manifest: Digest): string {
  return poolKey({ sha256: manifest, file: artifact.file }) + end;
}

/** The blob that holds a chart's .prov. */
export function provenanceOf({ kind, name }: Artifact, { artifacts }: Signatures) {
  return kind === "chart" ? artifacts.find((one) => one.name === name)?.native : undefined;
}
