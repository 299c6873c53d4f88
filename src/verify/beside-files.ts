// The files beside an artifact of a release, told apart: the release's own; and those of another release that has the same bytes under
// the same file name and came first, in whose stead the own lie apart. Which is which is only where to look: all of them are verified.

import { apartKey, besideKey } from "../artifact/beside.ts";
import type { Artifact, Manifest } from "../artifact/manifest.ts";
import { beside, besideAttestation } from "../artifact/pool.ts";
import { attestationsAbout, firstRecord, recordOrder } from "../artifact/records.ts";
import { bundledIndex } from "../artifact/sigstore.ts";
import { readDocument } from "../stores/read.ts";
import type { ArtifactToVerify, BesideFile } from "./artifact.ts";
import type { SignedRelease } from "./release-artifact.ts";

/** Files by the ends of their names. */
export type FilesByEnd = ReadonlyMap<string, BesideFile>;

export interface FilesOfArtifact {
  /** The release's own, beside the artifact. */
  readonly own: FilesByEnd;
  /** The release's own, apart. */
  readonly apart: FilesByEnd;
  /** Those of another release, beside the artifact. */
  readonly others: FilesByEnd;
}

/** Where in the log each bundle's record must stand, by the end of its name. */
export function placesOf({ release, manifest }: Pick<SignedRelease, "release" | "manifest">, place: number) {
  const first = firstRecord(release);
  const order = recordOrder(manifest);
  const { signature, sbom } = order.artifact(place);
  const { name = "" } = manifest.artifacts[place] ?? {};
  return new Map([
    [beside.signature, first + signature],
    [beside.sbom, first + sbom],
    [beside.provenance, first + order.provenance],
    ...attestationsAbout(manifest, name).map(({ place: its }, at): [string, number] => {
      return [besideAttestation(at), first + order.attestation(its)];
    }),
  ]);
}

export async function readBesideFiles(
  release: SignedRelease,
  artifact: Artifact,
  place: number,
): Promise<FilesOfArtifact> {
  const { store, findings, signatures } = release;
  const places = placesOf(release, place);
  const read = async (key: string): Promise<BesideFile> => {
    const found = await findings.checkAsync(key, async () => (await readDocument(store, key))?.bytes ?? "absent");
    return found ?? "unread";
  };
  const isOwn = (end: string, bytes: Uint8Array): boolean => {
    if (end !== beside.openpgp) return bundledIndex(bytes) === places.get(end);
    return Buffer.from(bytes).toString("latin1") === signatures.artifacts[place]?.openpgp;
  };
  const files = {
    own: new Map<string, BesideFile>(),
    apart: new Map<string, BesideFile>(),
    others: new Map<string, BesideFile>(),
  };
  for (const end of [beside.openpgp, ...places.keys()]) {
    const bytes = await read(besideKey(artifact, end));
    const isAnothers = typeof bytes !== "string" && !isOwn(end, bytes);
    const apart = isAnothers ? await read(apartKey(artifact, end, release.release.leaf.manifest)) : "absent";
    if (apart !== "absent") files.apart.set(end, apart);
    (apart === "absent" ? files.own : files.others).set(end, bytes);
  }
  return files;
}

/** As they are verified: what isn't among them isn't looked at. */
export function partsOf(
  files: FilesByEnd,
  { manifest, artifact }: { readonly manifest: Manifest; readonly artifact: Artifact },
): Pick<ArtifactToVerify, "files" | "attestations"> {
  const at = (end: string): BesideFile => files.get(end) ?? "unread";
  return {
    files: {
      openpgp: at(beside.openpgp),
      signature: at(beside.signature),
      provenance: at(beside.provenance),
      sbom: at(beside.sbom),
    },
    attestations: attestationsAbout(manifest, artifact.name).map((_, place) => at(besideAttestation(place))),
  };
}
