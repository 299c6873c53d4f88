// A store whose small immutable objects are asked for once: what this process has read or made, it has. Only what never changes
// is kept; a document that is replaced is always asked for. Whoever reads a blob checks it by its digest.

import { isImmutable } from "./served-as.ts";
import type { ObjectInfo, Store, StoredObject } from "./store.ts";

/** Bytes that are kept, and of one object: indexes are larger, and asked for once. */
const mostBytes = 32 * 1024 * 1024;
const mostOfOne = 1024 * 1024;

interface Kept {
  readonly bytes: Uint8Array;
  readonly info: ObjectInfo;
}

export function remembering(store: Store): Store {
  const kept = new Map<string, Kept>();
  let size = 0;
  const keep = (key: string, one: Kept): void => {
    size += one.bytes.length - (kept.get(key)?.bytes.length ?? 0);
    kept.delete(key);
    kept.set(key, one);
    for (const [oldest, { bytes }] of kept) {
      if (size <= mostBytes) return;
      kept.delete(oldest);
      size -= bytes.length;
    }
  };
  return {
    ...store,
    async get(key, range) {
      const known = isImmutable(key) ? kept.get(key) : undefined;
      if (known !== undefined) return { ...known.info, body: piecesOf(known.bytes, range) };
      const found = await store.get(key, range);
      if (found === undefined || range !== undefined || !isImmutable(key) || found.size > mostOfOne) return found;
      return { ...found, body: keeping(found, (bytes) => keep(key, { bytes, info: infoOf(found) })) };
    },
    async create(key, body) {
      const outcome = await store.create(key, body);
      if (isImmutable(key) && body instanceof Uint8Array && body.length <= mostOfOne) {
        keep(key, { bytes: Buffer.from(body), info: { size: body.length, etag: "", modified: 0 } });
      }
      return outcome;
    },
  };
}

function infoOf({ size, etag, modified }: StoredObject): ObjectInfo {
  return { size, etag, modified };
}

async function* piecesOf(
  bytes: Uint8Array,
  { start, length } = { start: 0, length: bytes.length },
): AsyncGenerator<Uint8Array> {
  const wanted = bytes.subarray(start, start + length);
  if (wanted.length > 0) yield wanted;
}

/** What is read to its end is kept. */
async function* keeping({ body, size }: StoredObject, keep: (bytes: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) {
    pieces.push(Buffer.from(piece));
    yield piece;
  }
  const bytes = Buffer.concat(pieces);
  if (bytes.length === size) keep(bytes);
}
