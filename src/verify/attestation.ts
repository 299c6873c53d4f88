// Attestations that were made after a release: each is believed when the log has its entry, a key that may attest this name
// signed both, and its statement is about exactly the release's artifacts. The catalog says where they are: it can hide
// one, as any store can, but it can't make one up; an audit reads the log itself.

import { attestationKey, parseAttestation, rebuildResult } from "../artifact/attestation.ts";
import { refusalOf } from "../artifact/authority.ts";
import { isSignedBy } from "../artifact/dsse.ts";
import type { AttestationLeaf } from "../artifact/leaf.ts";
import type { Manifest } from "../artifact/manifest.ts";
import { keys } from "../artifact/pool.ts";
import { keyHint, publicKeyOf, type Trust } from "../artifact/trust.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { logOf, readCheckpoint } from "../log/checkpoint.ts";
import { readEntry } from "../log/entries.ts";
import { inclusionProof } from "../log/proof.ts";
import { tileReader } from "../log/tiles.ts";
import { readDocument } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import { type AttestationRow, attestations, catalogReader, parseCatalog } from "../views/catalog.ts";
import { shardReader } from "../views/shards.ts";
import type { Placed } from "./documents.ts";
import { verifyEntry } from "./entry.ts";
import type { Findings } from "./findings.ts";
import { readPresent } from "./release-artifact.ts";
import { requireDigest } from "./signed-release.ts";
import { requireStatement, requireSubjects } from "./statement.ts";

export interface LaterAttestation {
  /** The index of its log entry. */
  readonly leaf: number;
  readonly predicateType: string;
  /** Of the envelope in the pool. */
  readonly digest: string;
  /** Who signed: the hint of the key. */
  readonly key: string;
  /** Of a rebuild: `identical` or `different`, and who says so. */
  readonly result?: string | undefined;
  readonly rebuilder?: string | undefined;
}

interface AttestationToVerify {
  readonly store: ReadableStore;
  readonly trust: Trust;
  readonly placed: Placed<AttestationLeaf>;
  readonly manifest: Manifest;
}

/** The envelope that a log entry names. Throws OBJECT_MISSING, DIGEST_MISMATCH, SIGNATURE_INVALID, KEY_NOT_ALLOWED, SUBJECT_MISMATCH. */
export async function verifyLaterAttestation(options: AttestationToVerify): Promise<LaterAttestation> {
  const { store, trust, manifest } = options;
  const { index, leaf } = options.placed;
  const where = attestationKey(leaf.digest);
  const bytes = await readPresent(store, where);
  requireDigest(bytes, leaf.digest, where);
  const envelope = parseAttestation(bytes, where);
  const key = trust.release.find(({ publicKey }) => isSignedBy(envelope, publicKeyOf(publicKey)));
  if (key === undefined) {
    throw new KilnError("SIGNATURE_INVALID", `${where}: got a signature by no key of the trust file`);
  }
  const refusal = refusalOf(key, leaf, index);
  if (refusal !== undefined) throw new KilnError("KEY_NOT_ALLOWED", `${where}: ${refusal}`);
  const sha256 = manifest.artifacts[0]?.sha256 ?? "";
  const statement = requireStatement(Buffer.from(envelope.payload, "base64"), { sha256, where });
  requireSubjects(manifest.artifacts, statement, where);
  const { predicateType, digest } = leaf;
  if (statement.predicateType !== predicateType) {
    const got = `got a statement of ${statement.predicateType}, want ${predicateType}`;
    throw new KilnError("SUBJECT_MISMATCH", `${where}: ${got}`);
  }
  return { leaf: index, predicateType, digest, key: keyHint(key.publicKey), ...rebuildResult(envelope) };
}

interface ReleaseWithAttestations {
  readonly store: ReadableStore;
  readonly trust: Trust;
  readonly findings: Findings;
  /** The release's identity, and what it says. */
  readonly identity: string;
  readonly manifest: Manifest;
}

/** The attestations of a release that hold. One that doesn't takes nothing from the release: it is a note. */
export async function findLaterAttestations(release: ReleaseWithAttestations): Promise<LaterAttestation[]> {
  const { store, findings, manifest } = release;
  const found: LaterAttestation[] = [];
  const rows = await noted(release, keys.catalog, async () => {
    const document = await readDocument(store, keys.catalog);
    if (document === undefined) return [];
    const { table } = parseCatalog(document.bytes, keys.catalog);
    const catalog = catalogReader(table, new Map(), shardReader(store));
    return await Array.fromAsync(attestations(catalog, manifest.name, manifest.version));
  });
  for (const row of rows ?? []) {
    const one = await noted({ findings }, attestationKey(row.digest), () => verifyRow(row, release));
    if (one !== undefined) found.push(one);
  }
  return found.toSorted((a, b) => a.leaf - b.leaf);
}

async function noted<T>(
  { findings }: Pick<ReleaseWithAttestations, "findings">,
  subject: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isKilnError(error) || (error.exitStatus !== 3 && error.code !== "STORE_UNREACHABLE")) throw error;
    findings.note(error.code, subject, `attestations: ${error.message}`);
    return undefined;
  }
}

async function verifyRow(row: AttestationRow, release: ReleaseWithAttestations): Promise<LaterAttestation> {
  const { store, trust, identity, manifest } = release;
  const checkpoint = await readCheckpoint(store, logOf(trust));
  const { size } = checkpoint;
  const where = `log entry ${row.leaf}`;
  if (row.leaf >= size) throw new KilnError("PROOF_INVALID", `${where}: got a log of ${size} entries`);
  const entry = await readEntry(store, { index: row.leaf, size });
  const proof = await inclusionProof({ index: row.leaf, size }, tileReader(store, size));
  const leaf = verifyEntry({ index: row.leaf, entry, proof, checkpoint, trust });
  if (leaf.type !== "attestation" || leaf.manifest !== identity) {
    throw new KilnError("SUBJECT_MISMATCH", `${where}: got another entry than an attestation of ${identity}`);
  }
  return await verifyLaterAttestation({ store, trust, placed: { index: row.leaf, leaf }, manifest });
}
