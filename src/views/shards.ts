// Reading a table's shards from a store: immutable, and checked against the digest that names them.

import type { Digest } from "../artifact/digest.ts";
import { keys } from "../artifact/pool.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { readWholeBlob } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import { catalogHint } from "./catalog.ts";
import { parsing, type ShardReader } from "./table.ts";

/** Reads the catalog's shards, each at most once. Throws OBJECT_MISSING, STORE_CORRUPT. */
export function shardReader(store: ReadableStore): ShardReader {
  return parsing((digest) => readShard(store, digest));
}

async function readShard(store: ReadableStore, digest: Digest): Promise<Uint8Array> {
  try {
    return await readWholeBlob(store, keys.catalogShard(digest), digest);
  } catch (cause) {
    if (!isKilnError(cause, "NOT_FOUND", "STORE_CORRUPT")) throw cause;
    const code = cause.code === "NOT_FOUND" ? "OBJECT_MISSING" : "STORE_CORRUPT";
    throw new KilnError(code, cause.message, { hint: catalogHint, details: cause.details, cause });
  }
}
