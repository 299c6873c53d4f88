// A store in memory with the laws of every other: what simulations of many publishers run on. One operation takes effect
// at one instant, so an interleaving of operations is an interleaving of awaits.

import { createHash } from "node:crypto";

import { KilnError } from "../../src/errors.ts";
import { checkKey, checkPrefix, documentLimit, type ObjectInfo, type Store } from "../../src/stores/store.ts";

interface Kept {
  readonly bytes: Buffer;
  readonly etag: string;
  modified: number;
}

export interface MemoryStore extends Store {
  /** Every object, by key: to look at from outside. */
  readonly objects: ReadonlyMap<string, { readonly bytes: Buffer; readonly modified: number }>;
}

/** An empty store. `now` is its own clock, in milliseconds since 1970; by default each change is one later. */
export function memoryStore(now: () => number = ticking()): MemoryStore {
  const objects = new Map<string, Kept>();
  const keep = (key: string, bytes: Buffer) => {
    refuseFolder(objects, key);
    objects.set(key, { bytes, etag: createHash("sha256").update(bytes).digest("hex"), modified: now() });
  };
  return {
    url: "memory",
    objects,
    async get(key, range) {
      const kept = objects.get(checkKey(key));
      if (kept === undefined) return undefined;
      const start = range?.start ?? 0;
      const body = kept.bytes.subarray(start, range && start + range.length);
      return { ...infoOf(kept), body: once(Buffer.from(body)) };
    },
    async head(key) {
      const kept = objects.get(checkKey(key));
      return kept && infoOf(kept);
    },
    async *list(prefix) {
      checkPrefix(prefix);
      const found = [...objects].filter(([key]) => key.startsWith(prefix)).toSorted(([a], [b]) => (a < b ? -1 : 1));
      for (const [key, kept] of found) yield { key, size: kept.bytes.length, modified: kept.modified };
    },
    async create(key, body) {
      checkKey(key);
      const bytes = await collect(body);
      const kept = objects.get(key);
      if (kept === undefined) {
        keep(key, bytes);
        return "created";
      }
      if (!kept.bytes.equals(bytes)) throw new KilnError("IMMUTABLE_CONFLICT", `${key}: got other bytes`);
      kept.modified = Math.max(kept.modified, now());
      return "exists";
    },
    async replace(key, body, etag) {
      checkKey(key);
      const size = Math.max(body.length, objects.get(key)?.bytes.length ?? 0);
      if (size > documentLimit) throw new KilnError("DOCUMENT_TOO_LARGE", `${key}: got ${size} bytes`);
      if ((objects.get(key)?.etag ?? null) !== etag) return "lost";
      keep(key, Buffer.from(body));
      return "replaced";
    },
    async remove(key, unchangedSince) {
      const kept = objects.get(checkKey(key));
      if (kept !== undefined && kept.modified > unchangedSince) return "kept";
      objects.delete(key);
      return "removed";
    },
  };
}

function ticking(): () => number {
  let time = Date.UTC(2020, 0, 1);
  return () => ++time;
}

function infoOf({ bytes, etag, modified }: Kept): ObjectInfo {
  return { size: bytes.length, etag, modified };
}

function refuseFolder(objects: ReadonlyMap<string, Kept>, key: string): void {
  const segments = key.split("/");
  const above = segments.slice(1).map((_, index) => segments.slice(0, index + 1).join("/"));
  const below = objects.has(key) ? undefined : [...objects.keys()].find((other) => other.startsWith(`${key}/`));
  if (below !== undefined || above.some((folder) => objects.has(folder))) {
    throw new KilnError("NAME_INVALID", `${key}: got a key that is the folder of another, or lies below one`);
  }
}

async function collect(body: Uint8Array | AsyncIterable<Uint8Array>): Promise<Buffer> {
  if (body instanceof Uint8Array) return Buffer.from(body);
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** In pieces, like every other store. */
async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1024 * 1024) yield bytes.subarray(at, at + 1024 * 1024);
}
