// A store: immutable objects that are created, and small documents that are replaced by compare-and-swap. Seven operations,
// nothing else writes. When `create`, `link` or `replace` has returned, the object is durable: it survives a power cut.
// When one throws, it may have happened or not: look before trying again.
// Keys are flat, `/` between segments, each segment [0-9A-Za-z._+~^!@-]; a key is never a folder of another key.

import { KilnError } from "../errors.ts";

export interface ListedObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** By the store's own clock, milliseconds since 1970. */
  readonly modified: number;
}

export interface ObjectInfo {
  /** Bytes. */
  readonly size: number;
  /** Changes whenever the bytes change; what `replace` compares. Opaque. */
  readonly etag: string;
  /** By the store's own clock, milliseconds since 1970. */
  readonly modified: number;
}

export interface StoredObject extends ObjectInfo {
  /**
   * The bytes (of the range that was asked for), once. A reader sees one version whole, never a mixture.
   * It may hold a file or a connection until it is read to its end or left: who doesn't want the bytes asks `head`.
   */
  readonly body: AsyncIterable<Uint8Array>;
}

/** First byte, and how many; the range may end beyond the object. */
export interface ByteRange {
  readonly start: number;
  readonly length: number;
}

/** What a deploy and an audit need: any web server can be one. Absent is `undefined`; unreachable throws STORE_UNREACHABLE. */
export interface ReadableStore {
  /** As a person would type it. */
  readonly url: string;
  get(key: string, range?: ByteRange): Promise<StoredObject | undefined>;
  head(key: string): Promise<ObjectInfo | undefined>;
  /**
   * Every object whose key starts with `prefix`, in the order of the keys' bytes. Without etags: they may cost a read.
   * A store that can't (a web server) hasn't got it; only an audit for orphans misses it.
   */
  list?(prefix: string): AsyncIterable<ListedObject>;
}

export interface BegunUpload {
  readonly key: string;
  /** By the store's own clock, milliseconds since 1970. */
  readonly begun: number;
  /** Gives it up: what was sent so far is gone. For gc alone. */
  abort(): Promise<void>;
}

/** Milliseconds since 1970. A machine may be so busy that a while passes between the question and the answer. */
export interface ClockReading {
  readonly earliest: number;
  readonly latest: number;
}

export interface Store extends ReadableStore {
  list(prefix: string): AsyncIterable<ListedObject>;
  /**
   * Makes the object unless it exists. `exists`: it is there with the same bytes, and its age was renewed.
   * Other bytes under that key throw IMMUTABLE_CONFLICT. When `body` throws, nothing was made and the error passes through.
   * After either answer `body` was read to its end. A piece that it gave belongs to the store, with its memory: whoever
   * gave it doesn't use it again.
   */
  create(key: string, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<"created" | "exists">;
  /**
   * Makes the object `key` the bytes of the object `from` without sending them: a name more in a folder, a copy that the server
   * makes in a bucket. For keys that say by a digest what their bytes are: whatever lies there is replaced, and its age is new. Throws NOT_FOUND.
   */
  link(key: string, from: string): Promise<void>;
  /** Swaps an object (at most `replaceLimit`) if its etag is still `etag`; `null`: if there is none. `lost`: somebody was faster. */
  replace(key: string, body: Uint8Array, etag: string | null): Promise<"replaced" | "lost">;
  /** What time it is by the store's own clock, as far as that can be known without a request more. */
  clock?(): Promise<ClockReading | undefined>;
  /** The etag that an object with these bytes has, as far as one can know: what `replace` may be tried with unread. */
  likelyEtag?(body: Uint8Array): string | undefined;
  /** Uploads of large objects that were begun, and neither completed nor given up; nobody but their senders sees them. */
  uploads?(): AsyncIterable<BegunUpload>;
  /** Removes the object unless it was changed or renewed after `unchangedSince` (store's clock, ms). For gc alone. */
  remove(key: string, unchangedSince: number): Promise<"removed" | "kept">;
}

/** The largest object that is read whole: documents, manifests, signatures, SBOMs. */
export const documentLimit = 8 * 1024 * 1024;

/** The largest object that is replaced: indexes at paths that clients know by heart. */
export const replaceLimit = 256 * 1024 * 1024;

/** The longest key, in bytes: what S3 takes. */
const keyLimit = 1024;
/** The longest segment, in bytes: what file systems take. */
const segmentLimit = 255;
const segmentPattern = /^[0-9A-Za-z_+~!@-][0-9A-Za-z._+~^!@-]*$/;

/** True for what stands between the slashes of a key: never hidden, never `..`, so a key can't leave its store. */
export function isSegment(text: string): boolean {
  return text.length <= segmentLimit && segmentPattern.test(text);
}

/** Returns `key`, or throws NAME_INVALID. Documents that an attacker wrote name keys: every store checks them. */
export function checkKey(key: string): string {
  if (key.length <= keyLimit && key.split("/").every(isSegment)) return key;
  const shown = key.length > 80 ? `${key.slice(0, 80)}… (${key.length} characters)` : key;
  throw new KilnError(
    "NAME_INVALID",
    `key of an object: got ${JSON.stringify(shown)}, want at most ${keyLimit} bytes`,
    {
      hint: "a key is segments of letters, digits and . _ + ~ ^ ! @ - with / between them; none starts with a dot",
    },
  );
}

/** The same for the start of a key, which may be empty or stop anywhere. */
export function checkPrefix(prefix: string): string {
  if (prefix !== "") checkKey(prefix.endsWith("/") ? `${prefix}x` : prefix);
  return prefix;
}
