// One pass over an artifact's bytes, however large: its size, its digest, and the digest state that OpenPGP goes on from.
// Bytes of a small one are kept, because with them signatures are verified natively.

import { createHash, type Hash } from "node:crypto";

import type { Digest } from "../artifact/digest.ts";
import type { SignedState } from "../artifact/openpgp.ts";
import { KilnError } from "../errors.ts";
import { hashInThread, type ThreadHash } from "../system/hash-thread.ts";

export interface Passed {
  /** Bytes. */
  readonly size: number;
  readonly sha256: Digest;
  /** Has taken in all of it. */
  readonly state: Hash | SignedState;
  /** All of it when it is at most `keepLimit`. */
  readonly bytes: Buffer | undefined;
}

/** Up to here hashing once more is cheaper than verifying over a digest, which takes 1 ms. */
export const keepLimit = 1024 * 1024;

/** From here on another thread hashes what is read. */
const threadLimit = 4 * 1024 * 1024;

/** Stops reading as soon as there are more than `limit` bytes: who serves them may never stop. Throws DIGEST_MISMATCH then. */
export async function passOver(
  body: AsyncIterable<Uint8Array>,
  { what, limit }: { readonly what: string; readonly limit: number },
): Promise<Passed> {
  let kept: Uint8Array[] = [];
  let thread: ThreadHash | undefined;
  let size = 0;
  try {
    for await (const piece of body) {
      size += piece.length;
      if (size > limit) throw new KilnError("DIGEST_MISMATCH", `${what}: got more than the ${limit} bytes that it has`);
      if (thread === undefined) kept.push(piece);
      else await thread.update(piece);
      if (thread !== undefined || size <= threadLimit) continue;
      thread = hashInThread();
      for (const one of kept) await thread.update(one);
      kept = [];
    }
    if (thread !== undefined) return { size, ...(await ofThread(thread)) };
  } finally {
    thread?.end();
  }
  const state = createHash("sha256");
  for (const piece of kept) state.update(piece);
  const bytes = size > keepLimit ? undefined : Buffer.concat(kept, size);
  return { size, sha256: state.copy().digest("hex"), state, bytes };
}

async function ofThread(state: ThreadHash): Promise<Omit<Passed, "size">> {
  return { sha256: (await state.digestAfter(new Uint8Array())).toString("hex"), state, bytes: undefined };
}
