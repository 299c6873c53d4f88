// What lies beside each artifact in the pool: an OpenPGP signature, and Sigstore bundles of the artifact's own signature,
// of its provenance and of its SBOM. Stock clients verify with these alone. Where a format's own clients look for a file there
// (a chart's .prov, a wheel's .metadata), it lies there too. All of it is derived from the release's manifest, its
// signatures document and the log: nobody signs again to write or mend them. Where another release's file lies already, this one's
// goes beside the manifest: leaves are taken in the order of the log, so the release that was logged first keeps its place.

import pMap from "p-map";

import { apartKey, besideKey, provenanceOf } from "../artifact/beside.ts";
import { coreMetadataOf } from "../artifact/core-metadata.ts";
import type { Digest } from "../artifact/digest.ts";
import { type Envelope, payloadTypes } from "../artifact/dsse.ts";
import { type HashedRekord, parseEntry, type ReleaseLeaf } from "../artifact/leaf.ts";
import { type Artifact, type Manifest, manifestFile, parseManifest } from "../artifact/manifest.ts";
import { beside, besideAttestation, besideFormat, poolKey } from "../artifact/pool.ts";
import { attestationsAbout, type RecordOrder, recordOrder } from "../artifact/records.ts";
import { parseSignatures, type Signatures, signaturesFile } from "../artifact/signatures.ts";
import { attestationBundle, bundledIndex, type LogEntry, signatureBundle } from "../artifact/sigstore.ts";
import { sbomStatement } from "../artifact/statement.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { atOnce, type View, type ViewSource, type ViewTarget } from "./view.ts";

export const besideView: View = {
  name: "beside",
  async take(leaves, source, target) {
    const releases = leaves.flatMap(({ index, leaf }) => (leaf.type === "release" ? [{ index, leaf }] : []));
    // Of the artifacts whose files were written just now.
    const held = new Set<string>();
    for (let from = 0; from < releases.length; from += atOnce) {
      const some = await pMap(releases.slice(from, from + atOnce), (taken) => besideOf(taken, source));
      // What has an artifact of one before it waits for that.
      const [first, late] = [[] as BesideRelease[], [] as BesideRelease[]];
      for (const release of some) {
        const artifacts = new Set(release.files.map(({ artifact }) => poolKey(artifact)));
        (artifacts.isDisjointFrom(held) ? first : late).push(release);
        for (const artifact of artifacts) held.add(artifact);
      }
      const writeAll = ({ manifest, files }: BesideRelease) =>
        pMap(files, (file) => write(file, { target, manifest, isHeld: false }), { concurrency: atOnce });
      await pMap(first, writeAll);
      for (const { manifest, files } of late) {
        for (const file of files) await write(file, { target, manifest, isHeld: true });
      }
    }
  },
};

interface BesideRelease {
  readonly manifest: Digest;
  readonly files: readonly BesideFile[];
}

async function besideOf(taken: TakenRelease, source: ViewSource): Promise<BesideRelease> {
  const { manifest } = taken.leaf;
  const release = await unlessUnsound(() => readRelease(taken, source));
  if (release === undefined) return { manifest, files: [] };
  // Reading the log isn't the release's own matter: what is wrong there is thrown.
  const records = await recordsOf(release, source);
  return { manifest, files: (await unlessUnsound(() => filesOf({ ...release, records }, source))) ?? [] };
}

interface BesideFile {
  readonly artifact: Artifact;
  /** The end of its name. */
  readonly end: string;
  readonly bytes: Uint8Array;
}

async function write(
  { artifact, end, bytes }: BesideFile,
  { target, manifest, isHeld }: { readonly target: ViewTarget; readonly manifest: Digest; readonly isHeld: boolean },
): Promise<void> {
  const key = besideKey(artifact, end);
  const other = isHeld ? await target.read(key) : undefined;
  if (other === undefined && (await target.once(key, bytes)) === "made") return;
  const there = other ?? (await target.read(key));
  if (there === undefined || saysTheSame(there, bytes)) return;
  await target.once(apartKey(artifact, end, manifest), bytes);
}

/** Whether it is the same file, but for the tree in which a bundle proves its entry. */
function saysTheSame(there: Uint8Array, bytes: Uint8Array): boolean {
  if (Buffer.compare(there, bytes) === 0) return true;
  const [got, want] = [there, bytes].map(bundledIndex);
  return got !== undefined && got === want;
}

/**
 * Nothing lies beside the artifacts of a release that its own signer made wrong: nobody else's views may wait for it, and an
 * audit says what is wrong.
 */
async function unlessUnsound<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isKilnError(error, "STORE_CORRUPT", "NOT_FOUND")) return undefined;
    throw error;
  }
}

interface TakenRelease {
  readonly index: number;
  readonly leaf: ReleaseLeaf;
}

interface NamedRelease {
  readonly manifest: Manifest;
  readonly signatures: Signatures;
  readonly order: RecordOrder;
  /** The leaf index of the first artifact's signature. */
  readonly first: number;
}

interface SignedRelease extends NamedRelease {
  /** In the order of the log. */
  readonly records: readonly ProvenRecord[];
}

/** Throws STORE_CORRUPT, NOT_FOUND. */
async function readRelease({ index, leaf }: TakenRelease, source: ViewSource): Promise<NamedRelease> {
  const manifestBlob = { sha256: leaf.manifest, file: manifestFile };
  const signaturesBlob = { sha256: leaf.signatures, file: signaturesFile };
  const manifest = parseManifest(await source.blob(manifestBlob), poolKey(manifestBlob));
  const signatures = parseSignatures(await source.blob(signaturesBlob), poolKey(signaturesBlob));
  const order = recordOrder(manifest);
  const first = index - order.count;
  if (leaf.entries === order.count && first >= 0) return { manifest, signatures, order, first };
  throw new KilnError("STORE_CORRUPT", `log entry ${index}: got ${leaf.entries} records, want ${order.count}`);
}

interface ProvenRecord {
  readonly index: number;
  readonly entry: Uint8Array;
  readonly hashes: readonly Uint8Array[];
}

async function recordsOf({ first, order }: NamedRelease, source: ViewSource): Promise<ProvenRecord[]> {
  const records: ProvenRecord[] = [];
  for (let index = first; index < first + order.count; index += 1) {
    const [entry, hashes] = await Promise.all([source.entry(index), source.prove(index)]);
    records.push({ index, entry, hashes });
  }
  return records;
}

/** The files beside the artifacts. Throws STORE_CORRUPT, NOT_FOUND. */
async function filesOf(release: SignedRelease, source: ViewSource): Promise<BesideFile[]> {
  const { manifest, signatures, order } = release;
  const { provenance, attestations } = await sharedBundles(release, source);
  const files: BesideFile[] = [];
  for (const [place, artifact] of manifest.artifacts.entries()) {
    const signed = signaturesOf(artifact, signatures);
    const own = order.artifact(place);
    const add = (end: string, bytes: Uint8Array) => void files.push({ artifact, end, bytes });
    add(beside.openpgp, Buffer.from(signed.openpgp));
    add(beside.signature, signatureBundle(recordAt(own.signature, release, source)));
    const statement = statementOf(artifact, await source.blob(artifact.sbom));
    add(beside.sbom, attested({ statement, signature: signed.sbom, at: own.sbom }, release, source));
    add(beside.provenance, provenance);
    for (const [at, { place }] of attestationsAbout(manifest, artifact.name).entries()) {
      add(besideAttestation(at), attestations[place] as Uint8Array);
    }
    const chartProvenance = provenanceOf(artifact, signatures);
    if (chartProvenance !== undefined) add(besideFormat.chart, await source.blob(chartProvenance));
    const metadata = coreMetadataOf(artifact);
    if (metadata !== undefined) add(besideFormat.wheel, metadata);
  }
  return files;
}

/** The bundles that may lie beside several artifacts: of the provenance, and of each further attestation. */
async function sharedBundles(
  release: SignedRelease,
  source: ViewSource,
): Promise<{ provenance: Uint8Array; attestations: Uint8Array[] }> {
  const { manifest, signatures, order } = release;
  const first = {
    statement: await source.blob(manifest.provenance),
    signature: signatures.provenance,
    at: order.provenance,
  };
  const attestations: Uint8Array[] = [];
  for (const [place, { statement }] of (manifest.attestations ?? []).entries()) {
    const signature = signatures.attestations?.[place];
    if (signature === undefined) {
      throw new KilnError("STORE_CORRUPT", `${signaturesFile} of ${signatures.manifest}: got no attestation ${place}`);
    }
    const one = { statement: await source.blob(statement), signature, at: order.attestation(place) };
    attestations.push(attested(one, release, source));
  }
  return { provenance: attested(first, release, source), attestations };
}

function attested(
  { statement, signature, at }: { readonly statement: Uint8Array; readonly signature: string; readonly at: number },
  release: SignedRelease,
  source: ViewSource,
): Uint8Array {
  const { publicKey } = release.signatures;
  const { logEntry } = recordAt(at, release, source);
  return attestationBundle({ publicKey, envelope: envelopeOf(statement, signature), logEntry });
}

/** Throws STORE_CORRUPT. */
function statementOf(artifact: Artifact, sbom: Uint8Array): Uint8Array {
  try {
    return sbomStatement(artifact, sbom);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new KilnError("STORE_CORRUPT", `${poolKey(artifact.sbom)}: got an SBOM that isn't JSON`, { cause });
  }
}

function signaturesOf(artifact: Artifact, signatures: Signatures): Signatures["artifacts"][number] {
  const found = signatures.artifacts.find(({ name }) => name === artifact.name);
  if (found !== undefined) return found;
  throw new KilnError("STORE_CORRUPT", `${signaturesFile} of ${signatures.manifest}: got nothing for ${artifact.name}`);
}

function envelopeOf(payload: Uint8Array, sig: string): Envelope {
  return {
    payload: Buffer.from(payload).toString("base64"),
    payloadType: payloadTypes.inToto,
    signatures: [{ sig }],
  };
}

/** Throws STORE_CORRUPT. */
function recordAt(
  at: number,
  { records }: SignedRelease,
  { checkpoint, logId }: ViewSource,
): HashedRekord & { logEntry: LogEntry } {
  const { index, entry: canonicalizedBody, hashes } = records[at] as ProvenRecord;
  const entry = parseEntry(canonicalizedBody, index);
  if (entry.sort !== "signature")
    throw new KilnError("STORE_CORRUPT", `log entry ${index}: got a leaf, want a signature`);
  const { note, size, root } = checkpoint;
  const logEntry = {
    logId,
    index,
    treeSize: size,
    rootHash: root,
    hashes,
    checkpoint: note,
    canonicalizedBody,
  };
  return { ...entry.record, logEntry };
}
