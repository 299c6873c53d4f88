// One artifact of a release against its manifest and the release's signatures document: its bytes, the two signatures
// over them, its SBOM, and the signature over the SBOM's statement. Each failure is a finding of its own.

import { digestOf } from "../artifact/digest.ts";
import { payloadTypes, preAuthEncoding } from "../artifact/dsse.ts";
import { verifyBytes, verifyDigest } from "../artifact/ecdsa.ts";
import type { HashedRekord } from "../artifact/leaf.ts";
import type { Artifact, Blob } from "../artifact/manifest.ts";
import { npmRecordOf, registryText } from "../artifact/npm-package.ts";
import { verifyOpenPgp } from "../artifact/openpgp.ts";
import { poolKey } from "../artifact/pool.ts";
import type { Signatures } from "../artifact/signatures.ts";
import { sbomStatement } from "../artifact/statement.ts";
import type { Trust } from "../artifact/trust.ts";
import { KilnError } from "../errors.ts";
import type { Findings } from "./findings.ts";
import { requireOpenPgpKey } from "./keys.ts";
import type { Passed } from "./pass.ts";

export interface SignedArtifact {
  readonly artifact: Artifact;
  /** `undefined`: its bytes aren't at hand, which is a finding already. */
  readonly passed: Passed | undefined;
  /** The SBOM's bytes. */
  readonly sbom: Uint8Array | undefined;
  readonly signed: Signatures["artifacts"][number];
  /** The key that the signatures document names; whether it counts is checked once per release. */
  readonly publicKey: string;
  /** The leaf index of the record of the artifact's signature. */
  readonly index: number;
  readonly trust: Trust;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly findings: Findings;
}

/** The statement of the SBOM that was verified; `undefined` when it wasn't. */
export async function verifySignedArtifact(options: SignedArtifact): Promise<Uint8Array | undefined> {
  const { artifact, passed, sbom, findings } = options;
  const key = poolKey(artifact);
  if (passed !== undefined) {
    findings.check(key, () => requireBlob(passed, artifact, key));
    await verifyOwnSignature({ ...options, passed, key });
    await verifyOpenPgpSignature({ ...options, passed, key });
  }
  verifyForRegistry(options);
  return sbom === undefined ? undefined : verifySbom({ ...options, sbom });
}

/** The signature that an npm registry shows; absent in releases that were published before Kiln made it. */
function verifyForRegistry({ artifact, signed, publicKey, findings }: SignedArtifact): void {
  const { registry: signature } = signed;
  if (signature === undefined) return;
  const key = poolKey(artifact);
  findings.check(key, () => {
    const record = npmRecordOf(artifact);
    if (record === undefined) {
      throw new KilnError("SUBJECT_MISMATCH", `${key}: got a signature for an npm registry, want none`);
    }
    verifyBytes({ publicKey, signature }, registryText(record), `${key}: for an npm registry`);
  });
}

/** Throws DIGEST_MISMATCH. */
export function requireBlob(got: Pick<Passed, "size" | "sha256">, want: Blob, key: string): void {
  if (got.sha256 !== want.sha256) {
    throw new KilnError("DIGEST_MISMATCH", `${key}: got SHA-256 ${got.sha256}, want ${want.sha256}`);
  }
  if (got.size !== want.size) {
    throw new KilnError("DIGEST_MISMATCH", `${key}: got ${got.size} bytes, want ${want.size} as the manifest says`);
  }
}

/** The log records that a release's signatures must have, in the log's order (artifact/records.ts). */
export function recordsOf(
  { publicKey, artifacts, provenance, attestations = [] }: Signatures,
  digests: {
    readonly artifacts: readonly { sha256: string; statement: Uint8Array }[];
    readonly provenance: Uint8Array;
    /** The statements. */
    readonly attestations: readonly Uint8Array[];
  },
): HashedRekord[] {
  const records = artifacts.flatMap(({ signature, sbom }, place) => {
    const { sha256, statement } = digests.artifacts[place] ?? { sha256: "", statement: new Uint8Array() };
    return [
      { digest: Buffer.from(sha256, "hex").toString("base64"), signature, publicKey },
      { digest: encodedDigest(statement), signature: sbom, publicKey },
    ];
  });
  const others = attestations.map((signature, place) => {
    return { digest: encodedDigest(digests.attestations[place] ?? new Uint8Array()), signature, publicKey };
  });
  return [...records, { digest: encodedDigest(digests.provenance), signature: provenance, publicKey }, ...others];
}

/** base64 SHA-256 of the DSSE encoding of a statement: what its log record has. */
function encodedDigest(statement: Uint8Array): string {
  return Buffer.from(digestOf(preAuthEncoding(payloadTypes.inToto, statement)), "hex").toString("base64");
}

async function verifyOwnSignature(options: SignedArtifact & { readonly passed: Passed; readonly key: string }) {
  const { passed, signed, publicKey, key, findings } = options;
  await findings.checkAsync(key, async () => {
    const signature = { publicKey, signature: signed.signature };
    // Over what lies there, not over what the manifest says: a swapped artifact fails both checks.
    if (passed.bytes === undefined) await verifyDigest(signature, Buffer.from(passed.sha256, "hex"), key);
    else verifyBytes(signature, passed.bytes, key);
  });
}

async function verifyOpenPgpSignature(options: SignedArtifact & { readonly passed: Passed; readonly key: string }) {
  const { passed, signed, trust, index, now, key, findings } = options;
  await findings.checkAsync(key, async () => {
    const keys = trust.openpgp.map(({ publicKey }) => publicKey);
    const what = `${key}: OpenPGP`;
    const { fingerprint } = await verifyOpenPgp({ signature: signed.openpgp, keys, state: passed.state, now, what });
    requireOpenPgpKey(fingerprint, { trust, index, what });
  });
}

function verifySbom(options: SignedArtifact & { readonly sbom: Uint8Array }): Uint8Array | undefined {
  const { artifact, sbom, signed, publicKey, findings } = options;
  const key = poolKey(artifact.sbom);
  findings.check(key, () => requireBlob({ size: sbom.length, sha256: digestOf(sbom) }, artifact.sbom, key));
  return findings.check(key, () => {
    const statement = statementOf(artifact, sbom, key);
    verifyBytes({ publicKey, signature: signed.sbom }, preAuthEncoding(payloadTypes.inToto, statement), `${key}: SBOM`);
    return statement;
  });
}

/** Throws STORE_CORRUPT. */
function statementOf(artifact: Artifact, sbom: Uint8Array, key: string): Uint8Array {
  try {
    return sbomStatement(artifact, sbom);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new KilnError("STORE_CORRUPT", `${key}: got an SBOM that isn't JSON`, { cause });
  }
}
