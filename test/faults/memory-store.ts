// A store in memory that keeps the contract of the real ones: for tests that need thousands of stores, or copies of one.

import { digestOf } from "../../src/artifact/digest.ts";
import { KilnError } from "../../src/errors.ts";
import type { ObjectInfo, Store } from "../../src/stores/store.ts";

export interface MemoryStore extends Store {
  /** An independent copy. */
  clone(): MemoryStore;
  /** A digest of everything in it, ages left out. */
  snapshot(): string;
}

interface Kept {
  readonly bytes: Uint8Array;
  readonly etag: string;
  readonly modified: number;
}

/** `now`: the store's clock, milliseconds. */
export function openMemoryStore(now: () => number = () => 0, objects = new Map<string, Kept>()): MemoryStore {
  const keep = (key: string, bytes: Uint8Array): void => {
    objects.set(key, { bytes, etag: digestOf(bytes), modified: now() });
  };
  const info = ({ bytes, etag, modified }: Kept): ObjectInfo => ({ size: bytes.length, etag, modified });
  return {
    url: "memory:",
    async get(key, range) {
      const kept = objects.get(key);
      if (kept === undefined) return undefined;
      const { start, length } = range ?? { start: 0, length: kept.bytes.length };
      return { ...info(kept), body: once(kept.bytes.subarray(start, start + length)) };
    },
    async head(key) {
      const kept = objects.get(key);
      return kept && info(kept);
    },
    async *list(prefix) {
      for (const [key, kept] of [...objects].sort(([a], [b]) => (a < b ? -1 : 1))) {
        if (key.startsWith(prefix)) yield { key, ...info(kept) };
      }
    },
    async create(key, body) {
      const bytes = body instanceof Uint8Array ? Buffer.from(body) : Buffer.concat(await Array.fromAsync(body));
      const kept = objects.get(key);
      if (kept !== undefined && kept.etag !== digestOf(bytes)) {
        throw new KilnError("IMMUTABLE_CONFLICT", `${key}: got other bytes than it has`);
      }
      keep(key, bytes);
      return kept === undefined ? "created" : "exists";
    },
    async replace(key, body, etag) {
      if ((objects.get(key)?.etag ?? null) !== etag) return "lost";
      keep(key, Buffer.from(body));
      return "replaced";
    },
    async remove(key, unchangedSince) {
      const kept = objects.get(key);
      if (kept !== undefined && kept.modified > unchangedSince) return "kept";
      objects.delete(key);
      return "removed";
    },
    clone: () => openMemoryStore(now, new Map(objects)),
    snapshot: () => digestOf([...objects].map(([key, { etag }]) => `${key} ${etag}`).sort().join("\n")),
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
