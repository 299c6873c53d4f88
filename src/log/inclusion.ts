// Proving an entry's inclusion to somebody else: the proof is checked against the checkpoint before it is handed out, so a
// store with a damaged tile never spreads proofs that fail at the client's.

import type { Checkpoint } from "./checkpoint.ts";
import { verifyInclusion } from "./merkle.ts";
import { type HashReader, inclusionProof } from "./proof.ts";

/**
 * The hashes that prove leaf `index` to be in the checkpoint's tree, from its sibling up. `read` reads that tree.
 * Throws PROOF_INVALID when the store's tiles don't lead to the checkpoint's root, and what `read` throws.
 */
export async function proveEntry(
  { index, checkpoint }: { readonly index: number; readonly checkpoint: Pick<Checkpoint, "size" | "root"> },
  read: HashReader,
): Promise<Buffer[]> {
  const { size, root } = checkpoint;
  const proof = await inclusionProof({ index, size }, read);
  for (const leaf of await read([{ level: 0, index }])) verifyInclusion({ index, size, leaf, proof, root });
  return proof;
}
