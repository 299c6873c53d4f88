// A store in memory with the laws of every other: for tests that need thousands of stores, or copies of one. An operation
// takes effect at one instant, so an interleaving of operations is an interleaving of awaits.

import { digestOf } from "../../src/artifact/digest.ts";
import { KilnError } from "../../src/errors.ts";
import { checkKey, checkPrefix, replaceLimit, type ObjectInfo, type Store } from "../../src/stores/store.ts";

export interface MemoryStore extends Store {
  /** An independent copy. */
  clone(): MemoryStore;
  /** A digest of everything in it, ages left out. */
  snapshot(): string;
}

interface Kept {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly modified: number;
}

/** `now`: the store's clock, milliseconds. */
export function openMemoryStore(now: () => number = () => 0, objects = new Map<string, Kept>()): MemoryStore {
  const keep = (key: string, bytes: Buffer): void => {
    refuseFolder(objects, key);
    objects.set(key, { bytes, etag: digestOf(bytes), modified: now() });
  };
  return {
    url: "memory:",
    async get(key, range) {
      const kept = objects.get(checkKey(key));
      if (kept === undefined) return undefined;
      const { start, length } = range ?? { start: 0, length: kept.bytes.length };
      return { ...infoOf(kept), body: inPieces(kept.bytes.subarray(start, start + length)) };
    },
    async head(key) {
      const kept = objects.get(checkKey(key));
      return kept && infoOf(kept);
    },
    async *list(prefix) {
      checkPrefix(prefix);
      const found = [...objects].filter(([key]) => key.startsWith(prefix)).toSorted(([a], [b]) => (a < b ? -1 : 1));
      for (const [key, { bytes, modified }] of found) yield { key, size: bytes.length, modified };
    },
    async create(key, body) {
      checkKey(key);
      const bytes = body instanceof Uint8Array ? Buffer.from(body) : Buffer.concat(await Array.fromAsync(body));
      const kept = objects.get(key);
      if (kept !== undefined && !kept.bytes.equals(bytes)) {
        throw new KilnError("IMMUTABLE_CONFLICT", `${key}: got other bytes than it has`);
      }
      keep(key, bytes);
      return kept === undefined ? "created" : "exists";
    },
    async link(key, from) {
      checkKey(key);
      const kept = objects.get(checkKey(from));
      if (kept === undefined) throw new KilnError("NOT_FOUND", `${from}: got no such object`);
      keep(key, kept.bytes);
    },
    likelyEtag: (body) => digestOf(body),
    async replace(key, body, etag) {
      const kept = objects.get(checkKey(key));
      if (body.length > replaceLimit) throw new KilnError("DOCUMENT_TOO_LARGE", `${key}: got ${body.length} bytes`);
      if (etag === null) refuseFolder(objects, key);
      if ((kept?.etag ?? null) !== etag) return "lost";
      keep(key, Buffer.from(body));
      return "replaced";
    },
    async remove(key, unchangedSince) {
      const kept = objects.get(checkKey(key));
      if (kept !== undefined && kept.modified > unchangedSince) return "kept";
      objects.delete(key);
      return "removed";
    },
    clone: () => openMemoryStore(now, new Map(objects)),
    snapshot: () =>
      digestOf(
        [...objects]
          .map(([key, { etag }]) => `${key} ${etag}`)
          .toSorted()
          .join("\n"),
      ),
  };
}

function infoOf({ bytes, etag, modified }: Kept): ObjectInfo {
  return { size: bytes.length, etag, modified };
}

function refuseFolder(objects: ReadonlyMap<string, Kept>, key: string): void {
  if (objects.has(key)) return;
  const segments = key.split("/");
  const above = segments.slice(1).map((_, index) => segments.slice(0, index + 1).join("/"));
  const below = objects.keys().some((other) => other.startsWith(`${key}/`));
  if (below || above.some((folder) => objects.has(folder))) {
    throw new KilnError("NAME_INVALID", `${key}: got a key that is the folder of another, or lies below one`);
  }
}

async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1024 * 1024) yield bytes.subarray(at, at + 1024 * 1024);
}
