// A large object, made of parts that are sent while it is read, or that the server copies. The parts' memory is taken once and used again, so a publish of any size holds as much as
// is under way. The object is there when all parts are, or not at all.

import type { CompletedPart } from "@aws-sdk/client-s3";
import pMap from "p-map";

import { giveBack } from "../system/give-back.ts";
import { asking, type Bucket, placeOf, statusOf } from "./s3-bucket.ts";
import { loadS3Client } from "./s3-client.ts";
import { servedAs } from "./served-as.ts";
import type { ObjectInfo } from "./store.ts";

/** Bytes of a part. The protocol takes 10,000 parts. */
export const partSize = 16 * 1024 * 1024;
const partsAtOnce = 3;
/** Bytes that a server copies at once; the protocol allows five times as many. */
export const copySize = 1024 * 1024 * 1024;
/** What a server keeps of a part is compared with this. */
const checked = { ChecksumAlgorithm: "CRC32" } as const;

interface Part {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/**
 * False: somebody else made the object meanwhile. Takes the memory of `pieces`. Throws what they throw, and what the client throws;
 * then no part is kept.
 */
export async function sendParts(bucket: Bucket, key: string, pieces: AsyncIterable<Uint8Array>): Promise<boolean> {
  const { UploadPartCommand } = await loadS3Client();
  const free: Uint8Array[] = [];
  try {
    await inParts(bucket, key, { ...checked, condition: { IfNoneMatch: "*" } }, async (upload, options) => {
      const send = async ({ number, bytes }: Part): Promise<CompletedPart> => {
        const command = new UploadPartCommand({ ...upload, ...checked, PartNumber: number, Body: bytes });
        const { ETag, ChecksumCRC32 } = await asking(bucket, () => bucket.client.send(command, options));
        free.push(bytes);
        return { PartNumber: number, ETag, ChecksumCRC32 };
      };
      return pMap(partsOf(pieces, free), send, { concurrency: partsAtOnce });
    });
    return true;
  } catch (error) {
    // 409, again and again: somebody else completes the same object this moment. No such upload: it was completed, and the answer lost.
    if (statusOf(error) === 412 || statusOf(error) === 409) return false;
    if (error instanceof Error && error.name === "NoSuchUpload") return false;
    throw error;
  }
}

export interface ObjectToCopy {
  readonly from: string;
  /** Of `from`. */
  readonly info: ObjectInfo;
  /** Of what `key` has now. */
  readonly condition: { readonly IfMatch?: string };
}

/** The server copies: no byte of it comes here. Throws what the client throws; then no part is kept. */
export async function copyParts(bucket: Bucket, key: string, { from, info, condition }: ObjectToCopy): Promise<void> {
  const { UploadPartCopyCommand } = await loadS3Client();
  const { etag, size } = info;
  const source = { CopySource: copySource(bucket, from), CopySourceIfMatch: etag };
  const starts = Array.from({ length: Math.ceil(size / copySize) }, (_, part) => part * copySize);
  await inParts(bucket, key, { condition }, async (upload, options) => {
    const copy = async (start: number, part: number): Promise<CompletedPart> => {
      const range = { CopySourceRange: `bytes=${start}-${Math.min(start + copySize, size) - 1}` };
      const command = new UploadPartCopyCommand({ ...upload, ...source, ...range, PartNumber: part + 1 });
      const { CopyPartResult } = await asking(bucket, () => bucket.client.send(command, options));
      return { PartNumber: part + 1, ETag: CopyPartResult?.ETag };
    };
    return pMap(starts, copy, { concurrency: partsAtOnce });
  });
}

/** An object as the headers of a copy name it. */
export function copySource(bucket: Bucket, key: string): string {
  return [bucket.name, ...placeOf(bucket, key).split("/")].map(encodeURIComponent).join("/");
}

interface Making {
  readonly ChecksumAlgorithm?: "CRC32";
  readonly condition: { readonly IfMatch?: string; readonly IfNoneMatch?: string };
}
type Upload = Readonly<Record<"Bucket" | "Key", string> & Record<"UploadId", string | undefined>>;

/** `put` sends the parts; what it does is ended with the first that fails. */
async function inParts(
  bucket: Bucket,
  key: string,
  { condition, ...checksums }: Making,
  put: (upload: Upload, options: { readonly abortSignal: AbortSignal }) => Promise<CompletedPart[]>,
): Promise<void> {
  const { AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CreateMultipartUploadCommand } =
    await loadS3Client();
  const { client, name, signal } = bucket;
  const object = { Bucket: name, Key: placeOf(bucket, key) };
  const begin = new CreateMultipartUploadCommand({ ...object, ...checksums, ...servedAs(key) });
  const { UploadId } = await asking(bucket, () => client.send(begin, { abortSignal: signal }));
  const upload = { ...object, UploadId };
  const ending = new AbortController();
  const options = { abortSignal: AbortSignal.any([signal, ending.signal]) };
  try {
    const Parts = await put(upload, options);
    const complete = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts }, ...condition });
    await asking(bucket, () => client.send(complete, options));
  } catch (error) {
    ending.abort();
    // What was sent so far would be kept, and paid for. What can't be ended now is left to gc: what failed first is what counts.
    await client.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined);
    throw error;
  }
}

/** Each in memory from `free`, where whoever has sent it puts it back. */
async function* partsOf(pieces: AsyncIterable<Uint8Array>, free: Uint8Array[]): AsyncGenerator<Part> {
  const next = () => free.pop() ?? Buffer.allocUnsafeSlow(partSize);
  let number = 1;
  let [part, length] = [next(), 0];
  for await (const piece of pieces) {
    for (let taken = 0; taken < piece.length;) {
      const count = Math.min(piece.length - taken, partSize - length);
      part.set(piece.subarray(taken, taken + count), length);
      taken += count;
      length += count;
      if (length < partSize) continue;
      yield { number, bytes: part };
      number += 1;
      [part, length] = [next(), 0];
    }
    giveBack(piece);
  }
  if (length > 0) yield { number, bytes: part.subarray(0, length) };
}
