// The documents that readers start from: one of a release, one of a channel. Each carries the log entries that say so with
// their inclusion proofs against one checkpoint, so a reader needs no other request to believe it — and believes only that.
// Whoever owns the store can make these up: `verify` checks them against the pinned trust file.

import { z } from "zod";

import { canonicalBytes, parseStored } from "../artifact/json.ts";
import { channelSchema, nameSchema } from "../artifact/name.ts";
import { KilnError } from "../errors.ts";

export const provenEntrySchema = z.strictObject({
  /** The leaf index in the log. */
  index: z.int().nonnegative(),
  /** The entry's bytes, base64. */
  entry: z.base64(),
  /** Hashes from the leaf to the root of the document's checkpoint, base64. */
  proof: z.array(z.base64()).max(64),
});

const releaseDocumentSchema = z.strictObject({
  kiln: z.literal(1),
  /** A signed note (C2SP tlog-checkpoint). */
  checkpoint: z.string(),
  release: provenEntrySchema,
  /** In a document that lies under an alias: the entry that made it one. */
  alias: provenEntrySchema.optional(),
  /** The newest entry that yanked the release, or took that back; absent: it never was. */
  yank: provenEntrySchema.optional(),
  /** The entry that retired it; absent: it wasn't. */
  retire: provenEntrySchema.optional(),
});

const channelDocumentSchema = z.strictObject({
  kiln: z.literal(1),
  name: nameSchema,
  channel: channelSchema,
  /** A signed note; both proofs lead to it. */
  checkpoint: z.string(),
  /** The channel's newest move, and the release that it shows. */
  move: provenEntrySchema,
  release: provenEntrySchema,
  /** For the publisher of the next move alone: what it would otherwise read from log and pool, packed (earlier.ts). */
  earlier: z.base64().optional(),
});

export type ProvenEntry = z.infer<typeof provenEntrySchema>;
export type ReleaseDocument = z.infer<typeof releaseDocumentSchema>;
export type ChannelDocument = z.infer<typeof channelDocumentSchema>;

/** Throws STORE_CORRUPT, which names `key`. */
export function parseReleaseDocument(bytes: Uint8Array, key: string): ReleaseDocument {
  return parseWith(releaseDocumentSchema, bytes, key);
}

/** Throws STORE_CORRUPT, which names `key`. */
export function parseChannelDocument(bytes: Uint8Array, key: string): ChannelDocument {
  return parseWith(channelDocumentSchema, bytes, key);
}

export function documentBytes(document: ReleaseDocument | ChannelDocument): Uint8Array {
  return canonicalBytes(document);
}

function parseWith<T>(schema: z.ZodType<T>, bytes: Uint8Array, key: string): T {
  const result = schema.safeParse(parseStored(bytes, key));
  if (!result.success) throw new KilnError("STORE_CORRUPT", `${key}: ${z.prettifyError(result.error)}`);
  return result.data;
}
