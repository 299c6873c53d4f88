// The reading half of a store in a bucket. It trusts nothing it finds there. A body that ends early is resumed, by the etag of
// the version that was begun: a reader sees one version whole, or an error.

import type { GetObjectCommandInput, GetObjectCommandOutput } from "@aws-sdk/client-s3";

import { KilnError } from "../errors.ts";
import { asking, type Bucket, explained, openBucket, placeOf, statusOf } from "./s3-bucket.ts";
import { loadS3Client } from "./s3-client.ts";
import {
  type ByteRange,
  checkPrefix,
  type ListedObject,
  type ObjectInfo,
  type ReadableStore,
  type Store,
  type StoredObject,
} from "./store.ts";

/** How often a body that ended early is resumed. */
const resumptions = 5;

type BucketReader = ReadableStore & Pick<Store, "list">;

/** Opens the bucket at `url` for reading; nothing is asked yet. Throws USAGE. */
export async function openS3Reader(url: string, signal: AbortSignal): Promise<BucketReader> {
  return bucketReader(await openBucket(url, signal));
}

export function bucketReader(bucket: Bucket): BucketReader {
  return {
    url: bucket.url,
    get: (key, range) => explained(bucket, () => get(bucket, key, range)),
    head: (key) => explained(bucket, () => head(bucket, key)),
    list: (prefix) => list(bucket, prefix),
  };
}

/** `undefined`: there is no such object. */
export async function head(bucket: Bucket, key: string): Promise<ObjectInfo | undefined> {
  const { HeadObjectCommand } = await loadS3Client();
  const command = new HeadObjectCommand({ Bucket: bucket.name, Key: placeOf(bucket, key) });
  const answer = await orAbsent(() =>
    asking(bucket, () => bucket.client.send(command, { abortSignal: bucket.signal })),
  );
  return answer && infoOf(answer, answer.ContentLength ?? 0);
}

async function get(bucket: Bucket, key: string, range?: ByteRange): Promise<StoredObject | undefined> {
  if (range?.length === 0) return nothingOf(bucket, key);
  const wanted = range && { Range: `bytes=${range.start}-${range.start + range.length - 1}` };
  let answer;
  try {
    answer = await orAbsent(() => ask(bucket, key, { ...wanted }));
  } catch (error) {
    // The range starts beyond the object's end.
    if (statusOf(error) !== 416) throw error;
    return nothingOf(bucket, key);
  }
  if (answer === undefined) return undefined;
  const size = Number(/\/(\d+)$/.exec(answer.ContentRange ?? "")?.[1] ?? answer.ContentLength ?? 0);
  return { ...infoOf(answer, size), body: bytesOf({ bucket, key, answer, start: range?.start ?? 0 }) };
}

async function nothingOf(bucket: Bucket, key: string): Promise<StoredObject | undefined> {
  const info = await head(bucket, key);
  return info && { ...info, body: empty() };
}

// oxlint-disable-next-line require-yield
async function* empty(): AsyncGenerator<Uint8Array> {}

async function ask(bucket: Bucket, key: string, more: Partial<GetObjectCommandInput>): Promise<GetObjectCommandOutput> {
  const { GetObjectCommand } = await loadS3Client();
  const command = new GetObjectCommand({ Bucket: bucket.name, Key: placeOf(bucket, key), ...more });
  return asking(bucket, () => bucket.client.send(command, { abortSignal: bucket.signal }));
}

interface Begun {
  readonly bucket: Bucket;
  readonly key: string;
  readonly answer: GetObjectCommandOutput;
  /** Of its first byte in the object. */
  readonly start: number;
}

async function* bytesOf({ bucket, key, answer, start }: Begun): AsyncGenerator<Uint8Array> {
  const end = start + (answer.ContentLength ?? 0);
  let current = answer;
  let position = start;
  for (let resumed = 0; ; resumed++) {
    const failure = yield* piecesOf(current, (length) => (position += length));
    if (position >= end) return;
    const reason = failure ?? new Error(`the answer ended ${end - position} bytes early`);
    if (resumed === resumptions) throw cutShort(bucket, key, reason);
    current = await explained(bucket, () =>
      ask(bucket, key, { Range: `bytes=${position}-${end - 1}`, ...(answer.ETag && { IfMatch: answer.ETag }) }),
    );
  }
}

/** Yields what comes; returns why no more did, if it wasn't the end. */
async function* piecesOf(
  { Body }: GetObjectCommandOutput,
  onPiece: (length: number) => void,
): AsyncGenerator<Uint8Array, Error | undefined> {
  const pieces = (Body as AsyncIterable<Uint8Array> | undefined)?.[Symbol.asyncIterator]();
  if (pieces === undefined) return undefined;
  let isDone = false;
  try {
    for (;;) {
      let next;
      try {
        next = await pieces.next();
      } catch (error) {
        isDone = true;
        return error instanceof Error ? error : new Error(String(error));
      }
      isDone = next.done ?? false;
      if (isDone) return undefined;
      onPiece(next.value.length);
      yield next.value;
    }
  } finally {
    // A reader that leaves early gives the connection back.
    if (!isDone) await pieces.return?.();
  }
}

function cutShort({ url }: Bucket, key: string, cause: Error): KilnError {
  return new KilnError("STORE_UNREACHABLE", `${url}: ${key}: got ${cause.message}, ${resumptions} times over`, {
    hint: "check the network, and try again",
    cause,
  });
}

async function* list(bucket: Bucket, prefix: string): AsyncGenerator<ListedObject> {
  checkPrefix(prefix);
  const { ListObjectsV2Command } = await loadS3Client();
  for (let token: string | undefined; ;) {
    const command = new ListObjectsV2Command({
      Bucket: bucket.name,
      Prefix: bucket.prefix + prefix,
      ...(token === undefined ? {} : { ContinuationToken: token }),
    });
    const send = () => bucket.client.send(command, { abortSignal: bucket.signal });
    const page = await explained(bucket, () => asking(bucket, send));
    for (const { Key = "", Size = 0, LastModified } of page.Contents ?? []) {
      yield { key: Key.slice(bucket.prefix.length), size: Size, modified: secondOf(LastModified) };
    }
    if (page.IsTruncated !== true) return;
    token = page.NextContinuationToken;
  }
}

async function orAbsent<T>(send: () => Promise<T>): Promise<T | undefined> {
  try {
    return await send();
  } catch (error) {
    if (statusOf(error) === 404 && (error as Error).name !== "NoSuchBucket") return undefined;
    throw error;
  }
}

function infoOf(
  { ETag, LastModified }: Pick<GetObjectCommandOutput, "ETag" | "LastModified">,
  size: number,
): ObjectInfo {
  return { size, etag: ETag ?? "", modified: secondOf(LastModified) };
}

/** Headers have whole seconds, lists may have more: one age, however it is asked for. */
function secondOf(date: Date | undefined): number {
  return Math.floor((date?.getTime() ?? 0) / 1000) * 1000;
}
