// Whether a checkpoint is of this log: an older tree of it, or a tree that it has grown into while the audit goes on, since
// publishers don't wait for auditors. A later one counts only if the store's public checkpoint has got as far and it is
// proven to continue the audited tree; else the log was cut back, or somebody signed another one.

import type { Trust } from "../../artifact/trust.ts";
import { isKilnError, KilnError } from "../../errors.ts";
import { type Checkpoint, logOf, readCheckpoint } from "../../log/checkpoint.ts";
import { verifyConsistency, verifyInclusion } from "../../log/merkle.ts";
import { consistencyProof, type HashReader, inclusionProof } from "../../log/proof.ts";
import { tileReader } from "../../log/tiles.ts";
import type { ReadableStore } from "../../stores/store.ts";
import { nodeIn, rootAt, type Tree, treeReader } from "./tree.ts";

type SignedTree = Pick<Checkpoint, "size" | "root">;

export interface Lineage {
  /** How many leaves the log has by now, as far as anybody needed to know. */
  readonly size: number;
  /** Refuses a checkpoint that isn't of this log; `where` shows it. Throws LOG_INCONSISTENT. */
  require(checkpoint: SignedTree, where: string): Promise<void>;
  /** The proof that a leaf of the audited tree is in the tree of a checkpoint that `require` let pass. Throws PROOF_INVALID. */
  prove(index: number, checkpoint: SignedTree): Promise<readonly Buffer[]>;
}

export function lineageOf({
  store,
  trust,
  tree,
}: {
  readonly store: ReadableStore;
  readonly trust: Trust;
  readonly tree: Tree;
}): Lineage {
  const own = treeReader(tree);
  let later: { readonly size: number; readonly read: HashReader } = { size: tree.size, read: own };
  const readerFor = async ({ size }: SignedTree): Promise<HashReader | undefined> => {
    if (size <= tree.size) return own;
    if (size > later.size) {
      const shown = await readCheckpoint(store, logOf(trust));
      if (shown.size > later.size) later = { size: shown.size, read: tileReader(store, shown.size) };
    }
    return size <= later.size ? later.read : undefined;
  };
  return {
    get size() {
      return later.size;
    },
    async require(checkpoint, where) {
      if (checkpoint.size <= tree.size) return requireOwnTree(checkpoint, tree, where);
      const read = await readerFor(checkpoint);
      if (read === undefined) throw inconsistent(checkpoint, where);
      await requireContinuation({ tree, checkpoint, read, where });
    },
    async prove(index, checkpoint) {
      const { size, root } = checkpoint;
      const proof = await inclusionProof({ index, size }, (await readerFor(checkpoint)) ?? own);
      // The hashes of a later tree are the store's own word.
      if (size > tree.size) verifyInclusion({ index, size, leaf: nodeIn(tree, { level: 0, index }), proof, root });
      return proof;
    },
  };
}

/** Refuses a checkpoint that isn't of a tree that this log had until now. Throws LOG_INCONSISTENT. */
export function requireOwnTree(checkpoint: SignedTree, tree: Tree, where: string): void {
  if (checkpoint.size <= tree.size && rootAt(tree, checkpoint.size).equals(checkpoint.root)) return;
  throw inconsistent(checkpoint, where);
}

async function requireContinuation({
  tree,
  checkpoint,
  read,
  where,
}: {
  readonly tree: Tree;
  readonly checkpoint: SignedTree;
  readonly read: HashReader;
  readonly where: string;
}): Promise<void> {
  const [first, second] = [tree.size, checkpoint.size];
  const proof = await consistencyProof({ first, second }, read);
  try {
    verifyConsistency({ first, firstRoot: rootAt(tree, first), second, secondRoot: checkpoint.root, proof });
  } catch (error) {
    throw isKilnError(error, "PROOF_INVALID") ? inconsistent(checkpoint, where, error) : error;
  }
}

function inconsistent({ size }: SignedTree, where: string, cause?: unknown): KilnError {
  return new KilnError("LOG_INCONSISTENT", `${where}: got a checkpoint of ${size} leaves that this log never had`, {
    hint: "somebody who holds the log key signed another log: use nothing from this store",
    cause,
  });
}
