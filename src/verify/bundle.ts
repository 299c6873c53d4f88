// A Sigstore bundle, verified strictly and offline: the signature by a pinned key, the log entry rebuilt from it byte for
// byte, its inclusion, and the checkpoint by the pinned log key. Everything in the file was chosen by whoever stored it:
// index, proof, root and checkpoint only count together.

import { digestOf } from "../artifact/digest.ts";
import { type Envelope, payloadTypes, preAuthEncoding } from "../artifact/dsse.ts";
import { verifyBytes, verifyDigest } from "../artifact/ecdsa.ts";
import { hashedRekordBytes } from "../artifact/leaf.ts";
import { parseVkey } from "../artifact/log-key.ts";
import { type Bundle, type LogEntry, parseBundle } from "../artifact/sigstore.ts";
import type { Trust } from "../artifact/trust.ts";
import { KilnError } from "../errors.ts";
import { logOf, openCheckpoint } from "../log/checkpoint.ts";
import { leafHash, verifyInclusion } from "../log/merkle.ts";
import type { Findings } from "./findings.ts";
import { releaseKeyOfHint, requireReleaseKey } from "./keys.ts";
import type { Passed } from "./pass.ts";

export interface BundleToVerify {
  readonly bytes: Uint8Array;
  /** The file, for messages. */
  readonly where: string;
  readonly trust: Trust;
  /** The release's name, where it is known: then the key must be allowed for it. */
  readonly name: string | undefined;
  readonly findings: Findings;
}

/** Verifies the bundle of an artifact's own signature; answers its leaf index when all of it holds. */
export async function verifySignatureBundle(
  options: BundleToVerify & { readonly artifact: Passed },
): Promise<number | undefined> {
  const { where, findings, artifact } = options;
  const bundle = findings.check(where, () => parseAs("signature", options));
  if (bundle?.content.sort !== "signature") return undefined;
  const { digest, signature } = bundle.content;
  const sha256 = Buffer.from(artifact.sha256, "hex");
  const isOfArtifact = findings.check(where, () => {
    const got = Buffer.from(digest, "base64").toString("hex");
    if (got !== artifact.sha256) {
      throw new KilnError("DIGEST_MISMATCH", `${where}: got a signature of ${got}, want ${artifact.sha256}`);
    }
    return true;
  });
  const publicKey = keyOf(bundle, options);
  const isSigned =
    publicKey !== undefined &&
    isOfArtifact &&
    (await findings.checkAsync(where, async () => {
      const key = { publicKey, signature };
      if (artifact.bytes === undefined) await verifyDigest(key, sha256, where);
      else verifyBytes(key, artifact.bytes, where);
      return true;
    }));
  const isLogged = verifyLogEntry({ ...options, entry: bundle.logEntry, publicKey, digest, signature });
  return isSigned && isLogged ? bundle.logEntry.index : undefined;
}

/** Verifies the bundle of an attestation; answers its statement and leaf index when all of it holds. */
export function verifyAttestationBundle(options: BundleToVerify): { index: number; statement: Buffer } | undefined {
  const { where, findings } = options;
  const bundle = findings.check(where, () => parseAs("attestation", options));
  if (bundle?.content.sort !== "attestation") return undefined;
  const { envelope } = bundle.content;
  findings.check(where, () => {
    if (envelope.payloadType === payloadTypes.inToto) return;
    throw new KilnError("SUBJECT_MISMATCH", `${where}: got a payload of ${envelope.payloadType}, want an attestation`);
  });
  const signed = encodingOf(envelope);
  const digest = Buffer.from(digestOf(signed), "hex").toString("base64");
  const signature = envelope.signatures[0]?.sig ?? "";
  const publicKey = keyOf(bundle, options);
  const isSigned =
    publicKey !== undefined &&
    findings.check(where, () => {
      verifyBytes({ publicKey, signature }, signed, where);
      return true;
    });
  const isLogged = verifyLogEntry({ ...options, entry: bundle.logEntry, publicKey, digest, signature });
  if (!isSigned || !isLogged) return undefined;
  return { index: bundle.logEntry.index, statement: Buffer.from(envelope.payload, "base64") };
}

function parseAs(sort: Bundle["content"]["sort"], { bytes, where }: BundleToVerify): Bundle {
  const bundle = parseBundle(bytes, where);
  if (bundle.content.sort === sort) return bundle;
  throw new KilnError("SUBJECT_MISMATCH", `${where}: got the bundle of a ${bundle.content.sort}, want of a ${sort}`);
}

function encodingOf({ payloadType, payload }: Envelope): Uint8Array {
  return preAuthEncoding(payloadType, Buffer.from(payload, "base64"));
}

/** The pinned key that the bundle names, if it counts there. */
function keyOf(bundle: Bundle, { where, trust, name, findings }: BundleToVerify): string | undefined {
  return findings.check(where, () => {
    const publicKey = releaseKeyOfHint(bundle.hint, { trust, what: where });
    requireReleaseKey(publicKey, { trust, index: bundle.logEntry.index, name, what: where });
    return publicKey;
  });
}

function verifyLogEntry(options: {
  readonly entry: LogEntry;
  readonly publicKey: string | undefined;
  readonly digest: string;
  readonly signature: string;
  readonly where: string;
  readonly trust: Trust;
  readonly findings: Findings;
}): boolean {
  const { entry, publicKey, digest, signature, where, trust, findings } = options;
  const { index, treeSize, rootHash, hashes, canonicalizedBody } = entry;
  const isRecord =
    publicKey !== undefined &&
    findings.check(where, () => {
      // The record that the log must have, built from what was verified: the one in the bundle is only compared with it.
      const record = hashedRekordBytes({ digest, signature, publicKey });
      if (Buffer.compare(record, canonicalizedBody) === 0) return true;
      throw new KilnError(
        "SUBJECT_MISMATCH",
        `${where}: got a log entry of something else, want the one of this signature`,
      );
    });
  const isIncluded = findings.check(where, () => {
    verifyInclusion({ index, size: treeSize, leaf: leafHash(canonicalizedBody), proof: hashes, root: rootHash });
    return true;
  });
  const isOfLog = findings.check(where, () => {
    if (Buffer.compare(entry.logId, parseVkey(trust.log).id) !== 0) {
      throw new KilnError("CHECKPOINT_INVALID", `${where}: got an entry of another log, want one of ${trust.origin}`);
    }
    const checkpoint = openCheckpoint(entry.checkpoint, logOf(trust));
    if (checkpoint.size !== treeSize || !checkpoint.root.equals(rootHash)) {
      throw new KilnError("PROOF_INVALID", `${where}: got a proof for another tree than its checkpoint's`);
    }
    return true;
  });
  return isRecord === true && isIncluded === true && isOfLog === true;
}
