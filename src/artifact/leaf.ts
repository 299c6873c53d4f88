// What the log's entries say. Two sorts: Rekor v2 `hashedrekord` entries, one per signature, for stock Sigstore clients;
// and Kiln's own, DSSE-signed by the release key, which say which release, channel or alias they are about, and whether a
// release was taken back since: yanked (it stays, nothing leads to it), or retired (its artifacts may go from the store).
// A release's own entry comes right after its `entries` hashedrekords, in one append.
// Parsing is strict: an entry that is neither sort makes the log unreadable, on purpose.

import { z } from "zod";

import { KilnError } from "../errors.ts";
import { digestSchema } from "./digest.ts";
import { type Envelope, envelopeSchema, payloadTypes } from "./dsse.ts";
import { canonicalBytes, parseStored } from "./json.ts";
import { channelSchema, nameSchema, versionSchema } from "./name.ts";
import { packageSchema } from "./packages.ts";

const common = {
  kiln: z.literal(1),
  name: nameSchema,
  version: versionSchema,
  /** The release's identity: the digest of its manifest. */
  manifest: digestSchema,
  /** When it was signed by the signer's clock, in seconds since 1970: information, never an argument. */
  time: z.int().nonnegative(),
};

const releaseLeafSchema = z.strictObject({
  type: z.literal("release"),
  ...common,
  /** The digest of its signatures document (see signatures.ts). */
  signatures: digestSchema,
  /** How many hashedrekord entries lie right before this one. */
  entries: z.int().positive(),
  /** Commit and recipe that this release claims for its name; null claims nothing. */
  claims: z.strictObject({ commit: z.string(), recipe: z.string() }).nullable(),
  bakeKey: digestSchema,
  /** What stock clients call what it holds. Absent: it was published before entries listed that. */
  packages: z.array(packageSchema).max(1000).optional(),
  /** Made elsewhere, and taken in by whoever signed; absent: baked. */
  imported: z.literal(true).optional(),
});

const channelLeafSchema = z.strictObject({
  type: z.literal("channel"),
  ...common,
  channel: channelSchema,
  /** 1 for the first move of this channel of this name, then one more each. */
  counter: z.int().positive(),
  /** The leaf index of the move that this one follows; null for the first. */
  follows: z.int().nonnegative().nullable(),
});

const aliasLeafSchema = z.strictObject({
  type: z.literal("alias"),
  ...common,
  /** Another version string for the same release: a tag on its commit. */
  alias: versionSchema,
});

const refusalLeafSchema = z.strictObject({
  type: z.literal("refusal"),
  ...common,
  /** The gate that failed. The release needn't be in the log: `manifest` says which one it would have been. */
  gate: nameSchema,
  /** The channel that was to show the release; null: it was to be published without one. */
  channel: channelSchema.nullable(),
  /** In words, with the numbers. */
  got: z.string().max(500),
  wanted: z.string().max(500),
});

const attestationLeafSchema = z.strictObject({
  type: z.literal("attestation"),
  ...common,
  /** A URI, as in the statement. */
  predicateType: z.string().max(200),
  /** Of the DSSE envelope in the pool, whose statement is about all of the release's artifacts. */
  digest: digestSchema,
});

/** Why a release is yanked or retired, in somebody's words. */
const reason = z.string().min(1).max(500);

const yankLeafSchema = z.strictObject({ type: z.literal("yank"), ...common, reason });

/** Takes a yank back. */
const unyankLeafSchema = z.strictObject({ type: z.literal("unyank"), ...common });

const retireLeafSchema = z.strictObject({ type: z.literal("retire"), ...common, reason });

export const leafSchema = z.discriminatedUnion("type", [
  releaseLeafSchema,
  channelLeafSchema,
  aliasLeafSchema,
  refusalLeafSchema,
  attestationLeafSchema,
  yankLeafSchema,
  unyankLeafSchema,
  retireLeafSchema,
]);

export type ReleaseLeaf = z.infer<typeof releaseLeafSchema>;
export type ChannelLeaf = z.infer<typeof channelLeafSchema>;
export type AliasLeaf = z.infer<typeof aliasLeafSchema>;
export type RefusalLeaf = z.infer<typeof refusalLeafSchema>;
export type AttestationLeaf = z.infer<typeof attestationLeafSchema>;
export type YankLeaf = z.infer<typeof yankLeafSchema>;
export type UnyankLeaf = z.infer<typeof unyankLeafSchema>;
export type RetireLeaf = z.infer<typeof retireLeafSchema>;
export type Leaf = z.infer<typeof leafSchema>;

const hashedRekordSchema = z.strictObject({
  apiVersion: z.literal("0.0.2"),
  kind: z.literal("hashedrekord"),
  spec: z.strictObject({
    hashedRekordV002: z.strictObject({
      data: z.strictObject({ algorithm: z.literal("SHA2_256"), digest: z.base64() }),
      signature: z.strictObject({
        content: z.base64(),
        verifier: z.strictObject({
          keyDetails: z.literal("PKIX_ECDSA_P256_SHA_256"),
          publicKey: z.strictObject({ rawBytes: z.base64() }),
        }),
      }),
    }),
  }),
});

/** A signature's public record. All three are base64: raw SHA-256, DER ECDSA signature, DER SPKI. */
export interface HashedRekord {
  readonly digest: string;
  readonly signature: string;
  readonly publicKey: string;
}

export type Entry =
  | { readonly sort: "signature"; readonly record: HashedRekord }
  | { readonly sort: "leaf"; readonly leaf: Leaf; readonly envelope: Envelope };

/** Whether a leaf has a document of its own, `releases/<name>/<version>.json`, under its version or its alias. */
export function hasDocument(leaf: Leaf): leaf is ReleaseLeaf | AliasLeaf {
  return leaf.type === "release" || leaf.type === "alias";
}

/** What was said of a release after it was published. */
export type WithdrawalLeaf = YankLeaf | UnyankLeaf | RetireLeaf;

/** Whether a leaf yanks or retires a release, or takes that back. */
export function isWithdrawal(leaf: Leaf): leaf is WithdrawalLeaf {
  return leaf.type === "yank" || leaf.type === "unyank" || leaf.type === "retire";
}

/** Whether a leaf names objects in the store beside the views: a document of its own, or blobs. */
export function hasObjects(leaf: Leaf): boolean {
  return hasDocument(leaf) || leaf.type === "attestation";
}

/** The entry bytes of a signature's record. */
export function hashedRekordBytes(record: HashedRekord): Uint8Array {
  return canonicalBytes({
    apiVersion: "0.0.2",
    kind: "hashedrekord",
    spec: {
      hashedRekordV002: {
        data: { algorithm: "SHA2_256", digest: record.digest },
        signature: {
          content: record.signature,
          verifier: { keyDetails: "PKIX_ECDSA_P256_SHA_256", publicKey: { rawBytes: record.publicKey } },
        },
      },
    },
  });
}

/** The payload bytes of one of Kiln's own entries, to be signed as `payloadTypes.leaf`. */
export function leafPayload(leaf: Leaf): Uint8Array {
  return canonicalBytes(leafSchema.parse(leaf));
}

/** The entry bytes of one of Kiln's own entries. */
export function envelopeBytes(envelope: Envelope): Uint8Array {
  return canonicalBytes(envelope);
}

/** Parses the entry at `index`. Its signature isn't checked here. Throws STORE_CORRUPT. */
export function parseEntry(bytes: Uint8Array, index: number): Entry {
  const where = `log entry ${index}`;
  const json = parseStored(bytes, where);
  const record = hashedRekordSchema.safeParse(json);
  if (record.success) {
    const { data, signature } = record.data.spec.hashedRekordV002;
    return {
      sort: "signature",
      record: {
        digest: data.digest,
        signature: signature.content,
        publicKey: signature.verifier.publicKey.rawBytes,
      },
    };
  }
  const envelope = envelopeSchema.safeParse(json);
  if (!envelope.success || envelope.data.payloadType !== payloadTypes.leaf) {
    throw new KilnError("STORE_CORRUPT", `${where}: got neither a hashedrekord nor a Kiln entry`);
  }
  const leaf = leafSchema.safeParse(parseStored(Buffer.from(envelope.data.payload, "base64"), where));
  if (!leaf.success) throw new KilnError("STORE_CORRUPT", `${where}: ${z.prettifyError(leaf.error)}`);
  return { sort: "leaf", leaf: leaf.data, envelope: envelope.data };
}
