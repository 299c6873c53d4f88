// Writing a body of any size into a file at the disk's speed: the producer makes the next pieces while the last ones are
// being written, and what was written goes to the disk meanwhile, so that the fsync at the end has little left to do.
// At most two batches are held, and what is written is given back, so memory stays flat.

import type { FileHandle } from "node:fs/promises";

import { giveBack } from "./give-back.ts";

/** Bytes that go into one write. */
const batchSize = 1024 * 1024;
/** Bytes after which the disk is told to start: the kernel alone would wait until gigabytes are dirty. */
const flushSize = 64 * 1024 * 1024;

/**
 * Writes `body` at the handle's position and returns how many bytes it had. A piece that `body` gave is lost to whoever
 * made it: it must not change, and may be empty later. Nothing is durable before the caller's fsync. Errors of `body` and
 * of the file pass through.
 */
export async function writeBody(handle: FileHandle, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<number> {
  if (body instanceof Uint8Array) {
    await writeAll(handle, [body]);
    return body.length;
  }
  let total = 0;
  let batch: Uint8Array[] = [];
  let batched = 0;
  let unflushed = 0;
  let writing = Promise.resolve();
  let flushing = Promise.resolve();
  try {
    for await (const piece of body) {
      total += piece.length;
      batched += piece.length;
      batch.push(piece);
      if (batched < batchSize) continue;
      await writing;
      writing = handled(writeAndGiveBack(handle, batch));
      unflushed += batched;
      batch = [];
      batched = 0;
      if (unflushed < flushSize) continue;
      await flushing;
      flushing = handled(handle.datasync());
      unflushed = 0;
    }
    await writing;
    await writeAndGiveBack(handle, batch);
    await flushing;
    return total;
  } finally {
    // The caller will close the handle: nothing may still be using it.
    await Promise.allSettled([writing, flushing]);
  }
}

/** The same promise, whose rejection somebody will look at later. */
function handled(work: Promise<void>): Promise<void> {
  work.catch(() => undefined);
  return work;
}

/** The collector would let a hundred megabytes of written pieces pile up before it looked at them. */
async function writeAndGiveBack(handle: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  await writeAll(handle, pieces);
  for (const piece of pieces) giveBack(piece);
}

async function writeAll(handle: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  let rest = pieces.filter((piece) => piece.length > 0);
  while (rest.length > 0) {
    // The system takes 1024 pieces at once, and may take fewer bytes than it was given.
    const now = rest.slice(0, 1024);
    const { bytesWritten } = await handle.writev(now);
    rest = [...dropBytes(now, bytesWritten), ...rest.slice(1024)];
  }
}

function dropBytes(pieces: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count;
  return pieces.flatMap((piece) => {
    const dropped = Math.min(left, piece.length);
    left -= dropped;
    return dropped === piece.length ? [] : [piece.subarray(dropped)];
  });
}
