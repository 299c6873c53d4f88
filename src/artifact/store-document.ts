// kiln.json: what makes a folder or bucket a store, and which log it holds. Anybody who owns the store can change it: the
// origin in it only says which pinned trust file to look for.

import { z } from "zod";

import { KilnError } from "../errors.ts";
import { canonicalBytes, parseStored } from "./json.ts";
import { keys } from "./pool.ts";
import { originSchema } from "./trust.ts";

const storeSchema = z.strictObject({ kiln: z.literal(1), origin: originSchema });

export type StoreDocument = z.infer<typeof storeSchema>;

export function storeBytes(document: StoreDocument): Uint8Array {
  return canonicalBytes(document);
}

/** Throws STORE_CORRUPT. */
export function parseStoreDocument(bytes: Uint8Array): StoreDocument {
  const result = storeSchema.safeParse(parseStored(bytes, keys.store));
  if (!result.success) throw new KilnError("STORE_CORRUPT", `${keys.store}: ${z.prettifyError(result.error)}`);
  return result.data;
}
