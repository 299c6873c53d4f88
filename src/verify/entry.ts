// One log entry, believed: it is in the checkpoint's tree at its index, and a key that the pinned trust file allows for
// what it says, at that place, signed it. Loads nothing heavy: a deploy that finds its channel unmoved ends here.
// The store writes index, entry and proof; the checkpoint was opened with the pinned log key before.

import { signerOf } from "../artifact/authority.ts";
import type { Leaf } from "../artifact/leaf.ts";
import type { Trust } from "../artifact/trust.ts";
import { KilnError } from "../errors.ts";
import type { Checkpoint } from "../log/checkpoint.ts";
import { leafHash, verifyInclusion } from "../log/merkle.ts";
import { parseStrictly } from "./canonical-entry.ts";

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
