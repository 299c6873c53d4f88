// kiln.json: what makes a folder or bucket a store, which log it holds, and where clients reach it. Anybody who owns the store can
// change it: the origin in it only says which pinned trust file to look for.

import { z } from "zod";

import { KilnError } from "../errors.ts";
import { canonicalBytes, parseStored } from "./json.ts";
import { channelSchema, nameSchema } from "./name.ts";
import { keys } from "./pool.ts";
import { originSchema } from "./trust.ts";

/** Ends in `/`; without credentials, query or fragment: it is written into documents as it is. */
export const publicUrlSchema = z
  .string()
  .max(500)
  .regex(/^(?:https?|file):\/\/[^\s?#@"'<>\\]*\/$/);

const storeSchema = z.strictObject({
  kiln: z.literal(1),
  origin: originSchema,
  /** Where clients reach the store; absent: `https://<origin>/`. */
  publicUrl: publicUrlSchema.optional(),
  /** A mirror of another store, which `kiln sync` keeps: nobody publishes to it. With members: of a part of it. */
  mirror: z
    .strictObject({
      /** What these channels show. */
      channels: z.array(channelSchema).min(1).optional(),
      /** All releases of these names. */
      names: z.array(nameSchema).min(1).optional(),
    })
    .optional(),
});

export type StoreDocument = z.infer<typeof storeSchema>;

export function storeBytes(document: StoreDocument): Uint8Array {
  return canonicalBytes(document);
}

/** Where clients reach the store: what ends in `/`. */
export function publicUrlOf({ origin, publicUrl }: StoreDocument): string {
  return publicUrl ?? `https://${origin}/`;
}

/** Throws STORE_CORRUPT. */
export function parseStoreDocument(bytes: Uint8Array): StoreDocument {
  const result = storeSchema.safeParse(parseStored(bytes, keys.store));
  if (!result.success) throw new KilnError("STORE_CORRUPT", `${keys.store}: ${z.prettifyError(result.error)}`);
  return result.data;
}
