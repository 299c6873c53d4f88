// One artifact of a release in a store: its bytes and signatures against the manifest, and the files beside it, which a
// stock client would use instead. Both are verified in full, so that neither hides what happened to the other. Another release's
// files that lie beside it must be good for the same bytes.

import { apartKey } from "../artifact/beside.ts";
import { digestOf } from "../artifact/digest.ts";
import type { ReleaseLeaf } from "../artifact/leaf.ts";
import type { Artifact, Manifest } from "../artifact/manifest.ts";
import { beside, besideAttestation, poolKey } from "../artifact/pool.ts";
import { attestationsAbout, firstRecord, recordOrder } from "../artifact/records.ts";
import { dispensable } from "../artifact/retired.ts";
import type { Signatures } from "../artifact/signatures.ts";
import { sbomStatement } from "../artifact/statement.ts";
import type { Trust } from "../artifact/trust.ts";
import { KilnError } from "../errors.ts";
import { readDocument } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import { type ProvenArtifact, verifyArtifact } from "./artifact.ts";
import { type FilesByEnd, partsOf, placesOf, readBesideFiles } from "./beside-files.ts";
import type { Placed } from "./documents.ts";
import type { Findings } from "./findings.ts";
import { verifyNative } from "./native.ts";
import { type Passed, passOver } from "./pass.ts";
import { verifySignedArtifact } from "./signed-artifact.ts";

/** What verifying a release's parts needs. */
export interface ReleaseReader {
  readonly store: ReadableStore;
  readonly trust: Trust;
  readonly findings: Findings;
  readonly release: Placed<ReleaseLeaf>;
  /** Whether the log retires it: what it may then lack is a note, not a finding. */
  readonly isRetired: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** A release whose manifest and signatures document are those that its log entry names. */
export interface SignedRelease extends ReleaseReader {
  readonly manifest: Manifest;
  readonly signatures: Signatures;
  /** The provenance that the manifest names; `undefined`: those bytes aren't there, which is a finding. */
  readonly provenance: Uint8Array | undefined;
  /** The manifest's other attestations, in its order; `undefined` as above. */
  readonly attestations: readonly (Uint8Array | undefined)[];
}

export interface PlacedArtifact {
  readonly artifact: Artifact;
  /** Its position in the manifest. */
  readonly place: number;
  readonly onBytes: (count: number) => void;
}

export async function verifyReleaseArtifact(release: SignedRelease, placed: PlacedArtifact): Promise<void> {
  const { trust, findings, manifest, now } = release;
  const { artifact, place } = placed;
  const key = poolKey(artifact);
  const { passed, sbom } = await verifyStoredArtifact(release, placed);
  if (passed === undefined) return;
  const files = await readBesideFiles(release, artifact, place);
  const common = { artifact: passed, trust, now, findings };
  const verify = (file: string, name: string | undefined, found: FilesByEnd) =>
    verifyArtifact({ ...common, file, name, ...partsOf(found, { manifest, artifact }) });
  await verify(key, undefined, files.others);
  for (const [where, own] of [
    [key, files.own],
    [apartKey(artifact, "", release.release.leaf.manifest), files.apart],
  ] as const) {
    const proven = await verify(where, manifest.name, own);
    requireSamePlaces(release, { artifact, place, proven, where });
    requireSameStatements(release, { artifact, proven, sbom, where });
  }
}

/** The artifact's bytes, its SBOM and the signatures over both, without what lies beside it. */
export async function verifyStoredArtifact(
  release: SignedRelease,
  { artifact, place, onBytes }: PlacedArtifact,
): Promise<{ passed: Passed | undefined; sbom: Buffer | undefined }> {
  const { store, trust, findings, signatures, now } = release;
  const signed = signatures.artifacts[place];
  if (signed === undefined) throw new TypeError(`no signatures of artifact ${place}`);
  const gone = await goneOf(release, artifact);
  for (const key of gone) findings.note("RELEASE_RETIRED", key, `${key}: it isn't kept: its release was retired`);
  const passed = gone.includes(poolKey(artifact))
    ? undefined
    : await findings.checkAsync(poolKey(artifact), () => passOverArtifact(store, artifact, onBytes));
  const sbom = await findings.checkAsync(poolKey(artifact.sbom), () => readPresent(store, poolKey(artifact.sbom)));
  const index = firstRecord(release.release) + recordOrder(release.manifest).artifact(place).signature;
  const { publicKey } = signatures;
  await verifySignedArtifact({ artifact, passed, sbom, signed, publicKey, index, trust, now, findings });
  const { native } = signed;
  // A signed package is compared with the baked one: that takes both.
  if (native !== undefined && gone.length === 0)
    await verifyNative({ store, artifact, native, trust, index, now, findings });
  return { passed, sbom };
}

/** The keys of what a retired artifact has no more. */
async function goneOf({ store, signatures, isRetired }: SignedRelease, artifact: Artifact): Promise<string[]> {
  if (!isRetired) return [];
  const blobs = dispensable(artifact, signatures).map(poolKey);
  const found = await Promise.all(blobs.map((key) => store.head(key)));
  return blobs.filter((_, place) => found[place] === undefined);
}

/** Throws OBJECT_MISSING, STORE_CORRUPT. */
export async function readPresent(store: ReadableStore, key: string): Promise<Buffer> {
  const found = await readDocument(store, key);
  if (found === undefined) throw missing(key);
  return found.bytes;
}

function missing(key: string): KilnError {
  return new KilnError("OBJECT_MISSING", `${key}: got no such object, want what the release names`);
}

async function passOverArtifact(
  store: ReadableStore,
  artifact: Artifact,
  onBytes: (count: number) => void,
): Promise<Passed> {
  const key = poolKey(artifact);
  const object = await store.get(key);
  if (object === undefined) throw missing(key);
  return passOver(counted(object.body, onBytes), { what: key, limit: artifact.size });
}

async function* counted(body: AsyncIterable<Uint8Array>, onBytes: (count: number) => void): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    // Whoever takes it may give it away.
    const { length } = piece;
    yield piece;
    onBytes(length);
  }
}

interface Proven {
  readonly artifact: Artifact;
  readonly proven: ProvenArtifact;
  /** The files' key without the ends of their names. */
  readonly where: string;
}

/** The bundles must name the release's own records: the same signature may stand in the log elsewhere too. */
function requireSamePlaces(
  release: SignedRelease,
  { place, proven, where }: Proven & { readonly place: number },
): void {
  const { signature, sbom, provenance } = proven.indexes;
  const got = new Map([
    [beside.signature, signature],
    [beside.sbom, sbom],
    [beside.provenance, provenance],
    ...proven.attestations.map((one, at): [string, number | undefined] => [besideAttestation(at), one?.index]),
  ]);
  for (const [end, want] of placesOf(release, place)) {
    const index = got.get(end);
    if (index !== undefined && index !== want) {
      addMismatch(release.findings, where + end, `got log entry ${index}, want ${want}`);
    }
  }
}

function requireSameStatements(
  { findings, manifest }: SignedRelease,
  { artifact, proven, sbom, where }: Proven & { readonly sbom: Buffer | undefined },
): void {
  const { statements } = proven;
  if (statements.provenance !== undefined && digestOf(statements.provenance) !== manifest.provenance.sha256) {
    addMismatch(findings, where + beside.provenance, "got another provenance than the release's own");
  }
  for (const [at, { statement }] of attestationsAbout(manifest, artifact.name).entries()) {
    const got = proven.attestations[at];
    if (got !== undefined && digestOf(got.statement) !== statement.sha256) {
      addMismatch(findings, where + besideAttestation(at), "got another attestation than the release's own");
    }
  }
  if (statements.sbom === undefined || sbom === undefined || digestOf(sbom) !== artifact.sbom.sha256) return;
  if (Buffer.compare(statements.sbom, sbomStatement(artifact, sbom)) !== 0) {
    addMismatch(findings, where + beside.sbom, "got another SBOM than the release's own");
  }
}

function addMismatch(findings: Findings, subject: string, problem: string): void {
  findings.add({ code: "VIEW_MISMATCH", severity: "error", subject, message: `${subject}: ${problem}` });
}
