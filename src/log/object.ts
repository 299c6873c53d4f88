// Reading one object of the log whole, never more of it than such an object can have. Bundles may be longer than a document.

import { KilnError } from "../errors.ts";
import type { ReadableStore } from "../stores/store.ts";

/** The object's bytes, or `undefined` when it isn't there. Throws STORE_CORRUPT when it is longer than `limit` bytes. */
export async function readObject(
  store: ReadableStore,
  { key, limit }: { readonly key: string; readonly limit: number },
): Promise<Buffer | undefined> {
  const object = await store.get(key);
  if (object === undefined) return undefined;
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of object.body) {
    size += part.length;
    if (size > limit) throw new KilnError("STORE_CORRUPT", `${key}: got more than ${limit} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts, size);
}

/** What helps when an object of the log is spoilt: all else is made from the log, and the log from nothing. */
export const logHint = "restore it from a copy of the store; `kiln audit` says what else is wrong";
