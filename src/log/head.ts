// `log/head`: the one mutable key whose `replace` commits. It holds everything that the next append and a recovery need:
// the signed checkpoint of the new tree, its edge, and the leaves that it added, or which staged blob has them.
// Only the checkpoint is signed; edge and leaves are believed because they lead to its root.

import { z } from "zod";

import { type Digest, digestSchema } from "../artifact/digest.ts";
import { canonicalBytes, parseStored } from "../artifact/json.ts";
import { keys } from "../artifact/pool.ts";
import { KilnError } from "../errors.ts";
import { readDocument } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import { type Checkpoint, type LogIdentity, openCheckpoint } from "./checkpoint.ts";
import { type Edge, rootOf } from "./merkle.ts";
import { logHint } from "./object.ts";
import { packRow, rowOf } from "./row.ts";

const headSchema = z.strictObject({
  kiln: z.literal(1),
  checkpoint: z.string(),
  edge: z.array(z.base64()).max(64),
  /**
   * The size of the tree before this append, and its leaves: after those before them in the bundle that the first of them lies in, packed;
   * or staged, by their digest. Null in the empty tree.
   */
  added: z
    .union([
      z.strictObject({ from: z.int().nonnegative(), row: z.base64() }),
      z.strictObject({ from: z.int().nonnegative(), staged: digestSchema }),
    ])
    .nullable(),
});

type HeadDocument = z.infer<typeof headSchema>;

/** What an append added. `row`: the entries from the start of the bundle on that the first of them lies in. */
type Added =
  | { readonly from: number; readonly row: readonly Uint8Array[] }
  | { readonly from: number; readonly staged: Digest };

export interface Head {
  readonly checkpoint: Checkpoint;
  readonly edge: Edge;
  readonly added: Added | null;
  /** For `replace`. */
  readonly etag: string;
  /** That of the public checkpoint, which shows this head; absent: it wasn't read with it. */
  readonly shown?: string;
}

/** Reads and verifies the head. Throws STORE_NOT_FOUND without one, CHECKPOINT_INVALID, PROOF_INVALID, STORE_CORRUPT. */
export async function readHead(store: ReadableStore, log: LogIdentity): Promise<Head> {
  const found = await readDocument(store, keys.head);
  if (found === undefined) {
    throw new KilnError("STORE_NOT_FOUND", `${store.url}: got no ${keys.head}, want a store with a log`, {
      hint: "make one with `kiln store create`",
    });
  }
  const result = headSchema.safeParse(parseStored(found.bytes, keys.head, logHint));
  if (!result.success)
    throw new KilnError("STORE_CORRUPT", `${keys.head}: ${z.prettifyError(result.error)}`, { hint: logHint });
  const checkpoint = openCheckpoint(result.data.checkpoint, log);
  const edge: Edge = {
    size: checkpoint.size,
    hashes: result.data.edge.map((hash) => Buffer.from(hash, "base64")),
  };
  if (!rootOf(edge).equals(checkpoint.root)) {
    throw new KilnError("STORE_CORRUPT", `${keys.head}: got an edge that doesn't lead to its checkpoint's root`, {
      hint: logHint,
    });
  }
  return { checkpoint, edge, added: addedIn(result.data, edge), etag: found.etag };
}

/** Throws STORE_CORRUPT. */
function addedIn({ added }: HeadDocument, edge: Edge): Added | null {
  if (added === null || "staged" in added) return added;
  return { from: added.from, row: rowOf(added, edge, keys.head) };
}

export function headBytes({ added, ...head }: Omit<Head, "etag" | "shown">): Uint8Array {
  const document: HeadDocument = {
    kiln: 1,
    checkpoint: head.checkpoint.note,
    edge: head.edge.hashes.map((hash) => hash.toString("base64")),
    added: added !== null && "row" in added ? { from: added.from, row: packRow(added.row) } : added,
  };
  return canonicalBytes(document);
}
