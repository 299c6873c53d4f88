// Reading what a store holds, never trusting it: a document is bounded, a blob is what its digest says or an error.
// Both are all that verify, deploy and audit need of a store.

import { createHash } from "node:crypto";

import type { Digest } from "../artifact/digest.ts";
import { KilnError } from "../errors.ts";
import { documentLimit, type ReadableStore } from "./store.ts";

export interface StoredDocument {
  readonly bytes: Buffer;
  /** What `replace` compares. */
  readonly etag: string;
}

/**
 * The document under `key`, whole, or `undefined` when there is none. Throws STORE_CORRUPT when it has more bytes than `limit`: 8 MiB,
 * but for the indexes of repositories, which grow with what is in them.
 */
export async function readDocument(
  store: ReadableStore,
  key: string,
  limit: number = documentLimit,
): Promise<StoredDocument | undefined> {
  const object = await store.get(key);
  if (object === undefined) return undefined;
  const pieces: Uint8Array[] = [];
  let size = 0;
  // What the store says of the size is not believed: an attacker may go on sending.
  for await (const piece of object.body) {
    size += piece.length;
    if (size > limit) throw tooLong(key, limit);
    pieces.push(piece);
  }
  return { bytes: Buffer.concat(pieces, size), etag: object.etag };
}

/**
 * The bytes of the blob under `key`, in pieces, checked while they pass: the last piece comes only after the digest was
 * found right, so whoever gets to the end has the blob. Until then the pieces are unverified: act on none of them.
 * Throws NOT_FOUND, and STORE_CORRUPT when the bytes aren't `want.sha256` (or are more than `want.size`).
 */
export async function* readBlob(
  store: ReadableStore,
  key: string,
  want: { readonly sha256: Digest; readonly size?: number },
): AsyncGenerator<Uint8Array, void, void> {
  const object = await store.get(key);
  if (object === undefined) {
    throw new KilnError("NOT_FOUND", `${key}: got no such object in ${store.url}`, { details: { key } });
  }
  const hash = createHash("sha256");
  let size = 0;
  let held: Uint8Array | undefined;
  for await (const piece of object.body) {
    size += piece.length;
    if (want.size !== undefined && size > want.size) throw tooLong(key, want.size);
    hash.update(piece);
    if (held !== undefined) yield held;
    held = piece;
  }
  const got = hash.digest("hex");
  if (got !== want.sha256) {
    throw new KilnError("STORE_CORRUPT", `${key}: got SHA-256 ${got}, want ${want.sha256}`, {
      details: { key, got, want: want.sha256 },
    });
  }
  if (held !== undefined) yield held;
}

/** A blob of a document's size, whole. Throws NOT_FOUND and STORE_CORRUPT, as `readBlob` does. */
export async function readWholeBlob(store: ReadableStore, key: string, sha256: Digest): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(readBlob(store, key, { sha256 })));
}

function tooLong(key: string, limit: number): KilnError {
  return new KilnError("STORE_CORRUPT", `${key}: got more than ${limit} bytes`, { details: { key, limit } });
}
