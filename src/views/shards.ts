// Reading a table's shards from a store: immutable, and checked against the digest that names them.

import { keys } from "../artifact/pool.ts";
import { readWholeBlob } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import type { ShardReader } from "./table.ts";

/** Reads the catalog's shards, each at most once. Throws NOT_FOUND, STORE_CORRUPT. */
export function shardReader(store: ReadableStore): ShardReader {
  const known = new Map<string, Promise<Uint8Array>>();
  return (digest) => {
    const bytes = known.get(digest) ?? readWholeBlob(store, keys.catalogShard(digest), digest);
    known.set(digest, bytes);
    return bytes;
  };
}
