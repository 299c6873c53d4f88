// A store as small as the log's reading half needs it: objects in a map, handed out in pieces, each request counted.

import type { ObjectInfo, ReadableStore } from "../../src/stores/store.ts";

export interface Shelf extends ReadableStore {
  readonly objects: Map<string, Buffer>;
  /** Keys in the order in which they were asked for. */
  readonly asked: string[];
  put(written: readonly { key: string; bytes: Buffer }[]): void;
}

export function makeShelf(): Shelf {
  const objects = new Map<string, Buffer>();
  const asked: string[] = [];
  return {
    url: "memory:",
    objects,
    asked,
    put(written) {
      for (const { key, bytes } of written) {
        const known = objects.get(key);
        if (known !== undefined && !known.equals(bytes)) throw new Error(`${key} would change`);
        objects.set(key, Buffer.from(bytes));
      }
    },
    async get(key) {
      asked.push(key);
      const bytes = objects.get(key);
      return bytes === undefined ? undefined : { ...infoOf(bytes), body: inPieces(bytes) };
    },
    async head(key) {
      const bytes = objects.get(key);
      return bytes === undefined ? undefined : infoOf(bytes);
    },
  };
}

function infoOf(bytes: Buffer): ObjectInfo {
  return { size: bytes.length, etag: String(bytes.length), modified: 0 };
}

async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 5000) yield new Uint8Array(bytes.subarray(at, at + 5000));
}
