// Sigstore bundles v0.3 with a proof of inclusion in this log, and the trusted_root.json that names it: what cosign and
// sigstore libraries verify with. Written in one byte form (RFC 8785), and only that form is read back.
// Spec: sigstore/protobuf-specs; the log entry is Rekor v2's. A DSSE keyid is never written: cosign refuses it.

import { z } from "zod";

import { isKilnError, KilnError } from "../errors.ts";
import { type Envelope, envelopeSchema } from "./dsse.ts";
import { canonicalBytes, hasCanonicalForm } from "./json.ts";
import type { HashedRekord } from "./leaf.ts";
import { parseVkey } from "./log-key.ts";
import { keyHint, type Trust } from "./trust.ts";

const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";

/** Where a signature stands in the log, and the proof. */
export interface LogEntry {
  /** The log key's whole id, 32 bytes (log-key.ts). */
  readonly logId: Uint8Array;
  readonly index: number;
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  /** From the leaf to the root. */
  readonly hashes: readonly Uint8Array[];
  /** The signed note of the tree. */
  readonly checkpoint: string;
  /** The entry's bytes: a hashedrekord. */
  readonly canonicalizedBody: Uint8Array;
}

export interface Bundle {
  /** base64 SHA-256 of the signer's SPKI. Only a hint: the trust file says which keys count. */
  readonly hint: string;
  readonly logEntry: LogEntry;
  readonly content:
    | {
        readonly sort: "signature";
        /** base64, SHA-256 of the artifact. */
        readonly digest: string;
        /** base64, DER ECDSA. */
        readonly signature: string;
      }
    | { readonly sort: "attestation"; readonly envelope: Envelope };
}

/** The bundle of an artifact's own signature. Digest, signature and key are base64 as in its log entry. */
export function signatureBundle(options: HashedRekord & { readonly logEntry: LogEntry }): Uint8Array {
  const { publicKey, digest, signature, logEntry } = options;
  return bundleBytes({ hint: keyHint(publicKey), logEntry, content: { sort: "signature", digest, signature } });
}

/** The bundle of an attestation. Its log entry records the digest of the envelope's DSSE encoding. */
export function attestationBundle(options: {
  /** DER SPKI, base64. */
  readonly publicKey: string;
  readonly envelope: Envelope;
  readonly logEntry: LogEntry;
}): Uint8Array {
  const { publicKey, envelope, logEntry } = options;
  return bundleBytes({ hint: keyHint(publicKey), logEntry, content: { sort: "attestation", envelope } });
}

/** Parses a bundle that Kiln wrote; nothing in it is verified. `where` names it. Throws BUNDLE_INVALID. */
export function parseBundle(bytes: Uint8Array, where: string): Bundle {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new KilnError("BUNDLE_INVALID", `${where}: got ${bytes.length} bytes that aren't JSON`, { cause });
  }
  const result = bundleSchema.safeParse(json);
  if (!result.success) {
    throw new KilnError("BUNDLE_INVALID", `${where}: ${z.prettifyError(result.error)}`, { cause: result.error });
  }
  const bundle = fromSchema(result.data, where);
  // One byte form: no key twice, no second spelling of a number or of base64, nothing after the end.
  if (!hasCanonicalForm(json) || Buffer.compare(bundleBytes(bundle), bytes) !== 0) {
    throw new KilnError("BUNDLE_INVALID", `${where}: got a bundle that isn't in its canonical form`);
  }
  return bundle;
}

/** Where a bundle says that its entry stands, nothing verified; `undefined`: it is no bundle. */
export function bundledIndex(bytes: Uint8Array): number | undefined {
  try {
    return parseBundle(bytes, "").logEntry.index;
  } catch (error) {
    if (isKilnError(error, "BUNDLE_INVALID")) return undefined;
    throw error;
  }
}

/** The trusted_root.json that names this log alone. `start`: since when its key counts, milliseconds since 1970. */
export function trustedRoot(trust: Pick<Trust, "origin" | "log">, start: number): Uint8Array {
  const { id, spki } = parseVkey(trust.log);
  return canonicalBytes({
    mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    tlogs: [
      {
        // Clients take the checkpoint's origin from its host.
        baseUrl: `https://${trust.origin}`,
        hashAlgorithm: "SHA2_256",
        publicKey: {
          rawBytes: base64Of(spki),
          keyDetails: "PKIX_ED25519",
          validFor: { start: new Date(start).toISOString() },
        },
        logId: { keyId: base64Of(id) },
      },
    ],
    certificateAuthorities: [],
    ctlogs: [],
    timestampAuthorities: [],
  });
}

const base64 = z.base64();
const hash = base64.length(44);
/** protobuf's JSON spells 64-bit integers as strings. */
const integer = z.string().regex(/^(?:0|[1-9][0-9]{0,14})$/, "a whole number below 10^15, as a string");

const materialSchema = z.strictObject({
  publicKey: z.strictObject({ hint: hash }),
  tlogEntries: z
    .array(
      z.strictObject({
        logIndex: integer,
        logId: z.strictObject({ keyId: hash }),
        kindVersion: z.strictObject({ kind: z.literal("hashedrekord"), version: z.literal("0.0.2") }),
        inclusionProof: z.strictObject({
          logIndex: integer,
          rootHash: hash,
          treeSize: integer,
          hashes: z.array(hash).max(64),
          checkpoint: z.strictObject({ envelope: z.string() }),
        }),
        canonicalizedBody: base64,
      }),
    )
    .length(1),
});

const common = { mediaType: z.literal(bundleType), verificationMaterial: materialSchema };

const bundleSchema = z.union([
  z.strictObject({
    ...common,
    messageSignature: z.strictObject({
      messageDigest: z.strictObject({ algorithm: z.literal("SHA2_256"), digest: hash }),
      signature: base64,
    }),
  }),
  z.strictObject({ ...common, dsseEnvelope: envelopeSchema }),
]);

type BundleJson = z.infer<typeof bundleSchema>;

function bundleBytes({ hint, logEntry, content }: Bundle): Uint8Array {
  const { logId, index, treeSize, rootHash, hashes, checkpoint, canonicalizedBody } = logEntry;
  const verificationMaterial: BundleJson["verificationMaterial"] = {
    publicKey: { hint },
    tlogEntries: [
      {
        logIndex: String(index),
        logId: { keyId: base64Of(logId) },
        kindVersion: { kind: "hashedrekord", version: "0.0.2" },
        inclusionProof: {
          logIndex: String(index),
          rootHash: base64Of(rootHash),
          treeSize: String(treeSize),
          hashes: hashes.map(base64Of),
          checkpoint: { envelope: checkpoint },
        },
        canonicalizedBody: base64Of(canonicalizedBody),
      },
    ],
  };
  return canonicalBytes({ mediaType: bundleType, verificationMaterial, ...contentJson(content) });
}

function contentJson(content: Bundle["content"]): object {
  if (content.sort === "attestation") return { dsseEnvelope: withoutKeyid(content.envelope) };
  const { digest, signature } = content;
  return { messageSignature: { messageDigest: { algorithm: "SHA2_256", digest }, signature } };
}

function fromSchema(json: BundleJson, where: string): Bundle {
  const { publicKey, tlogEntries } = json.verificationMaterial;
  const entry = tlogEntries[0];
  if (entry === undefined) throw new KilnError("BUNDLE_INVALID", `${where}: got no log entry, want one`);
  const { rootHash, treeSize, hashes, checkpoint } = entry.inclusionProof;
  return {
    hint: publicKey.hint,
    logEntry: {
      logId: bytesOf(entry.logId.keyId),
      index: Number(entry.logIndex),
      treeSize: Number(treeSize),
      rootHash: bytesOf(rootHash),
      hashes: hashes.map(bytesOf),
      checkpoint: checkpoint.envelope,
      canonicalizedBody: bytesOf(entry.canonicalizedBody),
    },
    content:
      "messageSignature" in json
        ? {
            sort: "signature",
            digest: json.messageSignature.messageDigest.digest,
            signature: json.messageSignature.signature,
          }
        : { sort: "attestation", envelope: json.dsseEnvelope },
  };
}

function withoutKeyid({ payload, payloadType, signatures }: Envelope): Envelope {
  return { payload, payloadType, signatures: signatures.map(({ sig }) => ({ sig })) };
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "base64");
}
