// A store in a bucket, for publishing. `If-None-Match: *` makes an object once, `If-Match` swaps a document: the server's own
// compare-and-swap, so many publishers need nothing else in common. A request whose answer was lost may have won; asked again,
// it finds its own bytes there, or that it "lost": who replaces looks before it tries again (log/append.ts).

import { createHash } from "node:crypto";

import type { ListMultipartUploadsCommandOutput } from "@aws-sdk/client-s3";

import { KilnError } from "../errors.ts";
import { asking, type Bucket, explained, openBucket, placeOf, statusOf } from "./s3-bucket.ts";
import { loadS3Client } from "./s3-client.ts";
import { copyParts, copySize, copySource, partSize, sendParts } from "./s3-parts.ts";
import { bucketReader, head } from "./s3-reader.ts";
import { servedAs } from "./served-as.ts";
import { type BegunUpload, replaceLimit, type ObjectInfo, type Store } from "./store.ts";

/** How often an object is made again that was removed while it was renewed. */
const removals = 5;

type Pieces = AsyncIterable<Uint8Array>;

/** Opens the bucket at `url` for reading and writing. Throws USAGE; whether it may be written is seen when it is. */
export async function openS3Store(url: string, signal: AbortSignal): Promise<Store> {
  const bucket = await openBucket(url, signal);
  return {
    ...bucketReader(bucket),
    async create(key, body) {
      placeOf(bucket, key);
      const source = watched(body);
      return explained(bucket, () => create(bucket, key, source), source.hasThrown);
    },
    clock: async () => bucket.clock(),
    async link(key, from) {
      placeOf(bucket, key);
      placeOf(bucket, from);
      return explained(bucket, () => linkTo(bucket, key, from));
    },
    async replace(key, body, etag) {
      placeOf(bucket, key);
      if (body.length > replaceLimit) throw tooLarge(key, body.length);
      return explained(bucket, () => replace(bucket, { key, body, etag }));
    },
    // Of an object that came in one request; where a server encrypts with its own keys it is another.
    likelyEtag: (body) => `"${createHash("md5").update(body).digest("hex")}"`,
    uploads: () => begunUploads(bucket),
    async remove(key, unchangedSince) {
      placeOf(bucket, key);
      return explained(bucket, () => remove(bucket, key, unchangedSince));
    },
  };
}

interface Source {
  readonly pieces: Pieces;
  /** SHA-256 of all of them, once they have passed. */
  readonly digest: () => string;
  /** Whether the error is one that the body threw: such errors aren't the store's. */
  readonly hasThrown: (error: unknown) => boolean;
}

async function create(bucket: Bucket, key: string, source: Source): Promise<"created" | "exists"> {
  const pieces = source.pieces[Symbol.asyncIterator]();
  const start = await takeUpTo(pieces, partSize);
  if (start.length < partSize) return createSmall(bucket, key, start, source);
  return createLarge(bucket, { key, start, pieces, source });
}

async function createSmall(
  bucket: Bucket,
  key: string,
  body: Uint8Array,
  source: Source,
): Promise<"created" | "exists"> {
  for (let removed = 0; removed < removals; removed++) {
    if ((await put(bucket, key, { body, condition: { IfNoneMatch: "*" } })) === "done") return "created";
    if (await adopt(bucket, key, source, body)) return "exists";
  }
  throw vanished(key);
}

async function createLarge(
  bucket: Bucket,
  body: {
    readonly key: string;
    readonly start: Uint8Array;
    readonly pieces: AsyncIterator<Uint8Array>;
    source: Source;
  },
): Promise<"created" | "exists"> {
  const { key, source } = body;
  // Sending gigabytes only to hear that they are there would be a waste.
  if ((await head(bucket, key)) !== undefined) {
    for await (const _ of rest(body)) void _;
  } else if (await sendParts(bucket, key, rest(body))) return "created";
  if (await adopt(bucket, key, source)) return "exists";
  throw new KilnError("STORE_CONTENDED", `${key}: got no object, while ${bucket.url} refused it because of another`, {
    hint: "somebody else sends the same file this moment, or stopped in it: publish again",
    details: { key },
  });
}

async function* rest(body: {
  readonly start: Uint8Array;
  readonly pieces: AsyncIterator<Uint8Array>;
}): AsyncGenerator<Uint8Array> {
  yield body.start;
  for (let next = await body.pieces.next(); next.done !== true; next = await body.pieces.next()) yield next.value;
}

/**
 * Answers for an object that is there, if it has the bytes of `source`, and renews its age: gc leaves it alone from now on.
 * False: it is gone again.
 */
async function adopt(bucket: Bucket, key: string, { digest }: Source, bytes?: Uint8Array): Promise<boolean> {
  const stored = await bucketReader(bucket).get(key);
  if (stored === undefined) return false;
  const hash = createHash("sha256");
  for await (const piece of stored.body) hash.update(piece);
  if (hash.digest("hex") !== digest()) {
    throw new KilnError("IMMUTABLE_CONFLICT", `${key}: got other bytes than those which are in ${bucket.url}`, {
      details: { key },
    });
  }
  return renew(bucket, key, stored, bytes);
}

/**
 * Writes the object's bytes anew: the only way to a new date that every server knows (some copy an object onto itself without
 * touching it). Large ones are copied by the server, part by part. False: it is gone, or isn't what was read.
 */
async function renew(bucket: Bucket, key: string, info: ObjectInfo, bytes?: Uint8Array): Promise<boolean> {
  const condition = { IfMatch: info.etag };
  if (bytes !== undefined) return (await put(bucket, key, { body: bytes, condition })) === "done";
  try {
    await copyParts(bucket, key, { from: key, info, condition });
    return true;
  } catch (error) {
    if (statusOf(error) === 412) return false;
    if (statusOf(error) !== 404) throw error;
    // No such upload: it was completed, and the answer lost. Or there is no such object.
    const found = await head(bucket, key);
    return found !== undefined && found.modified > info.modified;
  }
}

/** One request, but for what is larger than a server copies at once: the protocol has 5 GiB. */
async function linkTo(bucket: Bucket, key: string, from: string): Promise<void> {
  const { CopyObjectCommand } = await loadS3Client();
  const command = new CopyObjectCommand({
    Bucket: bucket.name,
    Key: placeOf(bucket, key),
    CopySource: copySource(bucket, from),
    MetadataDirective: "REPLACE",
    ...servedAs(key),
  });
  try {
    await asking(bucket, () => bucket.client.send(command, { abortSignal: bucket.signal }));
  } catch (error) {
    const info = statusOf(error) === 400 || statusOf(error) === 404 ? await head(bucket, from) : undefined;
    if (info !== undefined && info.size > copySize) return copyParts(bucket, key, { from, info, condition: {} });
    if (statusOf(error) !== 404) throw error;
    throw new KilnError("NOT_FOUND", `${from}: got no such object in ${bucket.url}`, { details: { key: from } });
  }
}

interface Replacement {
  readonly key: string;
  readonly body: Uint8Array;
  readonly etag: string | null;
}

async function replace(bucket: Bucket, { key, body, etag }: Replacement): Promise<"replaced" | "lost"> {
  const condition = etag === null ? { IfNoneMatch: "*" } : { IfMatch: etag };
  return (await put(bucket, key, { body, condition })) === "done" ? "replaced" : "lost";
}

/** One request; `refused`: the condition doesn't hold. */
async function put(
  bucket: Bucket,
  key: string,
  { body, condition }: { readonly body: Uint8Array; readonly condition: { IfNoneMatch: string } | { IfMatch: string } },
): Promise<"done" | "refused"> {
  const { PutObjectCommand } = await loadS3Client();
  const command = new PutObjectCommand({
    Bucket: bucket.name,
    Key: placeOf(bucket, key),
    Body: body,
    ...condition,
    ...servedAs(key),
  });
  try {
    await asking(bucket, () => bucket.client.send(command, { abortSignal: bucket.signal }));
    return "done";
  } catch (error) {
    // 404: If-Match names a version, and there is no object at all.
    if (statusOf(error) === 412 || (statusOf(error) === 404 && "IfMatch" in condition)) return "refused";
    throw error;
  }
}

/**
 * The condition is the version that was looked at, and its date where the server knows that condition (a renewed object has another date
 * and the same version). Where it doesn't, a publisher may renew the object between looking and removing: the grace of gc is long against
 * that moment, and a publisher whose blobs are older than half of it sends them again.
 */
async function remove(bucket: Bucket, key: string, unchangedSince: number): Promise<"removed" | "kept"> {
  const info = await head(bucket, key);
  if (info === undefined) return "removed";
  if (info.modified > unchangedSince) return "kept";
  const version = { IfMatch: info.etag };
  for (const condition of [{ ...version, IfMatchLastModifiedTime: new Date(info.modified) }, version, {}]) {
    const outcome = await removeIf(bucket, key, condition);
    if (outcome !== "not implemented") return outcome;
  }
  return "kept";
}

interface Unchanged {
  readonly IfMatch?: string;
  readonly IfMatchLastModifiedTime?: Date;
}

async function removeIf(
  bucket: Bucket,
  key: string,
  condition: Unchanged,
): Promise<"removed" | "kept" | "not implemented"> {
  const { DeleteObjectCommand } = await loadS3Client();
  const command = new DeleteObjectCommand({ Bucket: bucket.name, Key: placeOf(bucket, key), ...condition });
  try {
    await asking(bucket, () => bucket.client.send(command, { abortSignal: bucket.signal }));
    return "removed";
  } catch (error) {
    const status = statusOf(error);
    if (status === 412) return "kept";
    // Somebody else removed it meanwhile.
    if (status === 404) return "removed";
    if (status === 501 || status === 400) return "not implemented";
    throw error;
  }
}

/** Multipart uploads: whoever was stopped in one left parts that are kept, and paid for. */
async function* begunUploads(bucket: Bucket): AsyncGenerator<BegunUpload> {
  const { AbortMultipartUploadCommand, ListMultipartUploadsCommand } = await loadS3Client();
  const { client, name, prefix, signal } = bucket;
  const options = { abortSignal: signal };
  let [hasMore, KeyMarker, UploadIdMarker] = [true, undefined as string | undefined, undefined as string | undefined];
  while (hasMore) {
    const command = new ListMultipartUploadsCommand({ Bucket: name, Prefix: prefix, KeyMarker, UploadIdMarker });
    const page: ListMultipartUploadsCommandOutput = await explained(bucket, () =>
      asking(bucket, () => client.send(command, options)),
    );
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (Key === undefined || UploadId === undefined || Initiated === undefined) continue;
      const abort = new AbortMultipartUploadCommand({ Bucket: name, Key, UploadId });
      yield {
        key: Key.slice(prefix.length),
        begun: Initiated.getTime(),
        abort: async () => {
          await explained(bucket, () => asking(bucket, () => client.send(abort, options)));
        },
      };
    }
    hasMore = page.IsTruncated === true;
    [KeyMarker, UploadIdMarker] = [page.NextKeyMarker, page.NextUploadIdMarker];
  }
}

async function takeUpTo(pieces: AsyncIterator<Uint8Array>, size: number): Promise<Uint8Array> {
  const taken: Uint8Array[] = [];
  let length = 0;
  while (length < size) {
    const next = await pieces.next();
    if (next.done === true) break;
    taken.push(next.value);
    length += next.value.length;
  }
  return Buffer.concat(taken, length);
}

function watched(body: Uint8Array | Pieces): Source {
  const hash = createHash("sha256");
  const thrown: unknown[] = [];
  let digest: string | undefined;
  async function* passing(pieces: Pieces | readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of pieces) {
        hash.update(piece);
        yield piece;
      }
    } catch (error) {
      thrown.push(error);
      throw error;
    }
  }
  return {
    pieces: passing(body instanceof Uint8Array ? [body] : body),
    digest: () => (digest ??= hash.digest("hex")),
    hasThrown: (error) => thrown.includes(error),
  };
}

function tooLarge(key: string, size: number): KilnError {
  return new KilnError("DOCUMENT_TOO_LARGE", `${key}: got ${size} bytes, want at most ${replaceLimit}`, {
    details: { key, size },
  });
}

function vanished(key: string): KilnError {
  return new KilnError("STORE_CONTENDED", `${key}: got an object that is removed each time it is made`, {
    hint: "see what else removes objects of this store, and try again",
    details: { key },
  });
}
