// Source and target as one store, for deciding what to copy before anything is: the log is the source's, since the target's is only
// its start; of the pool each object comes from the target where that has it; what says how far the target is, is the target's own.
// All of it is proven or compared with a digest by whoever reads it.

import type { ReadableStore } from "../stores/store.ts";

export function overlay(source: ReadableStore, target: ReadableStore): ReadableStore {
  return {
    url: source.url,
    async get(key, range) {
      if (key.startsWith("log/tile/")) return source.get(key, range);
      const own = await target.get(key, range);
      return own === undefined && key.startsWith("pool/") ? source.get(key, range) : own;
    },
    async head(key) {
      if (key.startsWith("log/tile/")) return source.head(key);
      const own = await target.head(key);
      return own === undefined && key.startsWith("pool/") ? source.head(key) : own;
    },
  };
}
