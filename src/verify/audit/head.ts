// `log/head` as an audit sees it: what the next append would go on from. Publishers read it with their own code, which can
// write; here it is only held against the checkpoint that readers see.

import { z } from "zod";

import { digestSchema } from "../../artifact/digest.ts";
import { isCanonical, parseStored } from "../../artifact/json.ts";
import { keys } from "../../artifact/pool.ts";
import { KilnError } from "../../errors.ts";
import { type Checkpoint, logOf, openCheckpoint } from "../../log/checkpoint.ts";
import { rootOf } from "../../log/merkle.ts";
import { rowOf } from "../../log/row.ts";
import { readPresent } from "../release-artifact.ts";
import type { LogToCheck } from "./log.ts";

const headSchema = z.strictObject({
  kiln: z.literal(1),
  checkpoint: z.string(),
  edge: z.array(z.base64()).max(64),
  added: z
    .union([
      z.strictObject({ from: z.int().nonnegative(), row: z.base64() }),
      z.strictObject({ from: z.int().nonnegative(), staged: digestSchema }),
    ])
    .nullable(),
});

/** The head may be ahead of what readers see, never behind it, and never another log. */
export async function checkHead({ store, trust, checkpoint, findings }: LogToCheck): Promise<void> {
  const head = await findings.checkAsync(keys.head, async () => openHead(await readPresent(store, keys.head), trust));
  if (head === undefined) return;
  if (head.size > checkpoint.size) {
    const ahead = `it has ${head.size} leaves, readers see ${checkpoint.size}`;
    findings.note("APPEND_UNFINISHED", keys.head, `${keys.head}: ${ahead}`);
  } else if (head.size < checkpoint.size || !head.root.equals(checkpoint.root)) {
    const message = `${keys.head}: got ${head.size} leaves, want those of the checkpoint, which has ${checkpoint.size}`;
    findings.add({ code: "LOG_INCONSISTENT", severity: "error", subject: keys.head, message });
  }
}

/** Throws STORE_CORRUPT, CHECKPOINT_INVALID, PROOF_INVALID. */
function openHead(bytes: Uint8Array, trust: LogToCheck["trust"]): Checkpoint {
  const result = headSchema.safeParse(parseStored(bytes, keys.head));
  if (!result.success) throw new KilnError("STORE_CORRUPT", `${keys.head}: ${z.prettifyError(result.error)}`);
  if (!isCanonical(result.data, bytes)) {
    throw new KilnError("STORE_CORRUPT", `${keys.head}: got a document that isn't in canonical JSON`);
  }
  const checkpoint = openCheckpoint(result.data.checkpoint, logOf(trust));
  const hashes = result.data.edge.map((hash) => Buffer.from(hash, "base64"));
  const edge = { size: checkpoint.size, hashes };
  if (!rootOf(edge).equals(checkpoint.root)) {
    throw new KilnError("STORE_CORRUPT", `${keys.head}: got an edge that doesn't lead to its checkpoint's root`);
  }
  // The next append goes on from these entries.
  const { added } = result.data;
  if (added !== null && "row" in added) rowOf(added, edge, keys.head);
  return checkpoint;
}
