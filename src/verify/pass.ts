// One pass over an artifact's bytes, however large: its size, its digest, and the digest state that OpenPGP goes on from.
// Bytes of a small one are kept, because with them signatures are verified natively.

import { createHash, type Hash } from "node:crypto";

import type { Digest } from "../artifact/digest.ts";
import { KilnError } from "../errors.ts";

export interface Passed {
  /** Bytes. */
  readonly size: number;
  readonly sha256: Digest;
  /** Has taken in all of it; `copy` it to go on. */
  readonly state: Hash;
  /** All of it when it is at most `keepLimit`. */
  readonly bytes: Buffer | undefined;
}

/** Up to here hashing once more is cheaper than verifying over a digest, which takes 1 ms. */
export const keepLimit = 1024 * 1024;

/** Stops reading as soon as there are more than `limit` bytes: who serves them may never stop. Throws DIGEST_MISMATCH then. */
export async function passOver(
  body: AsyncIterable<Uint8Array>,
  { what, limit }: { readonly what: string; readonly limit: number },
): Promise<Passed> {
  const state = createHash("sha256");
  let kept: Uint8Array[] | undefined = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > limit) throw new KilnError("DIGEST_MISMATCH", `${what}: got more than the ${limit} bytes that it has`);
    state.update(piece);
    if (size > keepLimit) kept = undefined;
    kept?.push(piece);
  }
  const bytes = kept === undefined ? undefined : Buffer.concat(kept, size);
  return { size, sha256: state.copy().digest("hex"), state, bytes };
}
