// One log entry, believed: it is in the checkpoint's tree at its index, and a key that the pinned trust file allows for
// what it says, at that place, signed it. Loads nothing heavy: a deploy that finds its channel unmoved ends here.
// The store writes index, entry and proof; the checkpoint was opened with the pinned log key before.

import { signerOf } from "../artifact/authority.ts";
import { canonicalBytes } from "../artifact/json.ts";
import { type Entry, hashedRekordBytes, type Leaf, parseEntry } from "../artifact/leaf.ts";
import type { Trust } from "../artifact/trust.ts";
import { KilnError } from "../errors.ts";
import type { Checkpoint } from "../log/checkpoint.ts";
import { leafHash, verifyInclusion } from "../log/merkle.ts";

export interface EntryToVerify {
  readonly index: number;
  readonly entry: Uint8Array;
  /** Hashes from the leaf to the checkpoint's root. */
  readonly proof: readonly Uint8Array[];
  /** Opened with the pinned key. */
  readonly checkpoint: Pick<Checkpoint, "size" | "root">;
  /** The pinned file. */
  readonly trust: Trust;
}

/** What the entry says. Throws PROOF_INVALID, STORE_CORRUPT, SIGNATURE_INVALID, KEY_NOT_ALLOWED. */
export function verifyEntry({ index, entry, proof, checkpoint, trust }: EntryToVerify): Leaf {
  verifyInclusion({ index, size: checkpoint.size, leaf: leafHash(entry), proof, root: checkpoint.root });
  const parsed = parseStrictly(entry, index);
  if (parsed.sort !== "leaf") {
    throw new KilnError(
      "STORE_CORRUPT",
      `log entry ${index}: got the record of a signature, want one of Kiln's entries`,
    );
  }
  signerOf(parsed, index, trust);
  return parsed.leaf;
}

/**
 * The entry, if it stands in its one canonical form: JSON with a member twice, or spelled in another way, is read
 * differently by different readers. Its signature isn't checked here. Throws STORE_CORRUPT.
 */
export function parseStrictly(bytes: Uint8Array, index: number): Entry {
  const entry = parseEntry(bytes, index);
  const isCanonical =
    entry.sort === "signature"
      ? isSame(hashedRekordBytes(entry.record), bytes)
      : isSame(canonicalBytes(entry.envelope), bytes) &&
        isSame(canonicalBytes(entry.leaf), Buffer.from(entry.envelope.payload, "base64"));
  if (!isCanonical) {
    throw new KilnError("STORE_CORRUPT", `log entry ${index}: got JSON that isn't in canonical form`);
  }
  return entry;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
