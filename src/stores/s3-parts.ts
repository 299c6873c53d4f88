// A large object, sent in parts while it is read. The parts' memory is taken once and used again, so a publish of any size holds as much as
// is under way. The object is there when all parts are, or not at all.

import type { CompletedPart } from "@aws-sdk/client-s3";
import pMap from "p-map";

import { giveBack } from "../system/give-back.ts";
import { asking, type Bucket, placeOf, statusOf } from "./s3-bucket.ts";
import { loadS3Client } from "./s3-client.ts";
import { servedAs } from "./served-as.ts";

/** Bytes of a part. The protocol takes 10,000 parts. */
export const partSize = 16 * 1024 * 1024;
export const partsAtOnce = 3;

interface Part {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/**
 * False: somebody else made the object meanwhile. Takes the memory of `pieces`. Throws what they throw, and what the client throws;
 * then no part is kept.
 */
export async function sendParts(bucket: Bucket, key: string, pieces: AsyncIterable<Uint8Array>): Promise<boolean> {
  const {
    AbortMultipartUploadCommand,
    CompleteMultipartUploadCommand,
    CreateMultipartUploadCommand,
    UploadPartCommand,
  } = await loadS3Client();
  const { client, name, signal } = bucket;
  const object = { Bucket: name, Key: placeOf(bucket, key) };
  // What a server keeps of a part is compared with this.
  const checked = { ChecksumAlgorithm: "CRC32" } as const;
  const begin = new CreateMultipartUploadCommand({ ...object, ...checked, ...servedAs(key) });
  const { UploadId } = await asking(bucket, () => client.send(begin, { abortSignal: signal }));
  const upload = { ...object, UploadId };
  const ending = new AbortController();
  const options = { abortSignal: AbortSignal.any([signal, ending.signal]) };
  const free: Uint8Array[] = [];
  const send = async ({ number, bytes }: Part): Promise<CompletedPart> => {
    const command = new UploadPartCommand({ ...upload, ...checked, PartNumber: number, Body: bytes });
    const { ETag, ChecksumCRC32 } = await asking(bucket, () => client.send(command, options));
    free.push(bytes);
    return { PartNumber: number, ETag, ChecksumCRC32 };
  };
  try {
    const Parts = await pMap(partsOf(pieces, free), send, { concurrency: partsAtOnce });
    const complete = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts }, IfNoneMatch: "*" });
    await asking(bucket, () => client.send(complete, options));
    return true;
  } catch (error) {
    ending.abort();
    // What was sent so far would be kept, and paid for. What can't be ended now is left to gc: what failed first is what counts.
    await client.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined);
    // 409, again and again: somebody else completes the same object this moment. No such upload: it was completed, and the answer lost.
    if (statusOf(error) === 412 || statusOf(error) === 409) return false;
    if (error instanceof Error && error.name === "NoSuchUpload") return false;
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
