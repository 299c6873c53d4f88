// A release in a store, all of it: its log entry, what the entry names, every artifact's bytes and signatures, and the
// files beside each artifact. The store is anybody's; only the pinned trust file is believed.

import { digestOf } from "../artifact/digest.ts";
import { payloadTypes, preAuthEncoding } from "../artifact/dsse.ts";
import { verifyBytes } from "../artifact/ecdsa.ts";
import type { ReleaseLeaf } from "../artifact/leaf.ts";
import type { Manifest } from "../artifact/manifest.ts";
import { keys, poolKey } from "../artifact/pool.ts";
import { firstRecord, recordOrder } from "../artifact/records.ts";
import type { Signatures } from "../artifact/signatures.ts";
import type { Trust } from "../artifact/trust.ts";
import type { Context } from "../context.ts";
import { KilnError } from "../errors.ts";
import { inStep, type Step } from "../report.ts";
import { readDocument } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import type { Withdrawal } from "../views/catalog.ts";
import { findLaterAttestations, type LaterAttestation } from "./attestation.ts";
import { type Placed, type VerifiedRelease, verifyReleaseDocument } from "./documents.ts";
import { type Findings, newFindings, type Verification, verdictOf } from "./findings.ts";
import { requireReleaseKey } from "./keys.ts";
import { readPresent, type ReleaseReader, type SignedRelease, verifyReleaseArtifact } from "./release-artifact.ts";
import { requireBlob } from "./signed-artifact.ts";
import { manifestKey, manifestOf, signaturesKey, signaturesOf } from "./signed-release.ts";
import { requireProvenanceOf, requireStatement, requireSubjects } from "./statement.ts";

export interface ReleaseToVerify {
  readonly store: ReadableStore;
  /** The pinned file. */
  readonly trust: Trust;
  readonly name: string;
  /** Or an alias. */
  readonly version: string;
  readonly context: Pick<Context, "now" | "report">;
}

export interface ReleaseVerification extends Verification, Withdrawal {
  /** What was found, as far as it could be believed. */
  readonly release: Placed<ReleaseLeaf> | undefined;
  readonly manifest: Manifest | undefined;
  /** Those that were made after the release, and hold. */
  readonly attested: readonly LaterAttestation[];
}

/** Throws NOT_FOUND when the store has no such release, and STORE_UNREACHABLE when that can't be asked. */
export async function verifyRelease(options: ReleaseToVerify): Promise<ReleaseVerification> {
  const { store, trust, name, version, context } = options;
  const subject = `${name}@${version}`;
  const findings = newFindings();
  const document = await readReleaseDocument(store, name, version);
  const verified = findings.check(subject, () => verifyReleaseDocument(document, { name, version, trust }));
  const release = verified?.release;
  const withdrawal = { yanked: yankReason(verified), retired: verified?.retire?.leaf.reason ?? null };
  noteWithdrawal(findings, subject, withdrawal);
  const isRetired = withdrawal.retired !== null;
  const reader = release && { store, trust, findings, release, isRetired, now: context.now() };
  const manifest = reader && (await verifyManifest(reader));
  const signed = reader && manifest && (await verifyNamed(reader, manifest));
  if (signed !== undefined) await inStep(context.report, `verify ${subject}`, (step) => verifyArtifacts(signed, step));
  const attested =
    signed === undefined
      ? []
      : await findLaterAttestations({
          store,
          trust,
          findings,
          identity: signed.release.leaf.manifest,
          manifest: signed.manifest,
        });
  const { list } = findings;
  return { subject, verdict: verdictOf(list), findings: list, release, manifest, attested, ...withdrawal };
}

function yankReason(verified: VerifiedRelease | undefined): string | null {
  return verified?.yank?.leaf.type === "yank" ? verified.yank.leaf.reason : null;
}

/** It takes nothing from what was signed: a note. */
function noteWithdrawal({ note }: Findings, subject: string, { yanked, retired }: Withdrawal): void {
  if (yanked !== null) note("RELEASE_YANKED", subject, `${subject}: it was yanked: ${yanked}`);
  if (retired !== null) note("RELEASE_RETIRED", subject, `${subject}: it was retired: ${retired}`);
}

/** What the log entry names, believed: manifest, signatures document and provenance. `undefined`: there is no going on. */
export async function verifySigned(reader: ReleaseReader): Promise<SignedRelease | undefined> {
  const manifest = await verifyManifest(reader);
  return manifest && verifyNamed(reader, manifest);
}

async function verifyNamed(reader: ReleaseReader, manifest: Manifest): Promise<SignedRelease | undefined> {
  const signatures = await verifySignatures(reader, manifest);
  if (signatures === undefined) return undefined;
  const named = { ...reader, manifest, signatures };
  const provenance = await verifyProvenance(named);
  return { ...named, provenance, attestations: await verifyAttestations(named) };
}

async function readReleaseDocument(store: ReadableStore, name: string, version: string): Promise<Uint8Array> {
  const found = await readDocument(store, keys.release(name, version));
  if (found !== undefined) return found.bytes;
  throw new KilnError("NOT_FOUND", `${name}@${version}: got no such release in ${store.url}`, {
    hint: `\`kiln list ${name}\` shows what exists`,
  });
}

async function verifyManifest({ store, findings, release }: ReleaseReader): Promise<Manifest | undefined> {
  const key = manifestKey(release.leaf);
  return findings.checkAsync(key, async () => manifestOf(release.leaf, await readPresent(store, key)));
}

async function verifySignatures(reader: ReleaseReader, manifest: Manifest): Promise<Signatures | undefined> {
  const { store, trust, findings, release } = reader;
  const { leaf, index } = release;
  const key = signaturesKey(leaf);
  const signatures = await findings.checkAsync(key, async () =>
    signaturesOf(leaf, manifest, await readPresent(store, key)),
  );
  if (signatures === undefined) return undefined;
  findings.check(key, () => {
    // The key's span may end between the first record and the release's own entry.
    for (const at of [firstRecord(release), index]) {
      requireReleaseKey(signatures.publicKey, { trust, index: at, name: leaf.name, what: key });
    }
  });
  findings.check(key, () => {
    const want = recordOrder(manifest).count;
    if (leaf.entries === want && index >= want) return;
    throw new KilnError("ENTRY_UNEXPECTED", `log entry ${index}: got ${leaf.entries} records before it, want ${want}`);
  });
  return signatures;
}

type NamedRelease = Omit<SignedRelease, "provenance" | "attestations">;

/** Its bytes, if they are those that the manifest names. */
async function verifyProvenance(release: NamedRelease): Promise<Uint8Array | undefined> {
  const { store, findings, manifest, signatures } = release;
  const key = poolKey(manifest.provenance);
  const bytes = await findings.checkAsync(key, () => readPresent(store, key));
  if (bytes === undefined) return undefined;
  const named = findings.check(key, () => {
    requireBlob({ size: bytes.length, sha256: digestOf(bytes) }, manifest.provenance, key);
    return bytes;
  });
  findings.check(key, () => {
    const { publicKey, provenance: signature } = signatures;
    verifyBytes({ publicKey, signature }, preAuthEncoding(payloadTypes.inToto, bytes), key);
  });
  findings.check(key, () => {
    const sha256 = manifest.artifacts[0]?.sha256 ?? "";
    const predicates = [manifest.imported === undefined ? "provenance" : "import"] as const;
    requireProvenanceOf(manifest, requireStatement(bytes, { predicates, sha256, where: key }), key);
  });
  return named;
}

/** Each attestation's bytes, if they are those that the manifest names. */
async function verifyAttestations(release: NamedRelease): Promise<(Uint8Array | undefined)[]> {
  const { store, findings, manifest, signatures } = release;
  const statements: (Uint8Array | undefined)[] = [];
  for (const [place, attestation] of (manifest.attestations ?? []).entries()) {
    const { predicateType, statement: blob, artifacts: names } = attestation;
    const key = poolKey(blob);
    const bytes = await findings.checkAsync(key, async () => {
      const found = await readPresent(store, key);
      requireBlob({ size: found.length, sha256: digestOf(found) }, blob, key);
      return found;
    });
    statements.push(bytes);
    if (bytes === undefined) continue;
    findings.check(key, () => {
      const { publicKey, attestations = [] } = signatures;
      const signature = attestations[place] ?? "";
      verifyBytes({ publicKey, signature }, preAuthEncoding(payloadTypes.inToto, bytes), key);
    });
    findings.check(key, () => {
      const about = manifest.artifacts.filter(({ name }) => names?.includes(name) !== false);
      const statement = requireStatement(bytes, { sha256: about[0]?.sha256 ?? "", where: key });
      requireSubjects(about, statement, key);
      if (statement.predicateType === predicateType) return;
      const got = `got a statement of ${statement.predicateType}, want ${predicateType}`;
      throw new KilnError("SUBJECT_MISMATCH", `${key}: ${got}`);
    });
  }
  return statements;
}

async function verifyArtifacts(release: SignedRelease, step: Step): Promise<void> {
  const { manifest } = release;
  const total = manifest.artifacts.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const [place, artifact] of manifest.artifacts.entries()) {
    await verifyReleaseArtifact(release, {
      artifact,
      place,
      onBytes: (count) => step.progress((done += count), total, "bytes"),
    });
  }
}
