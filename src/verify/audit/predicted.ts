// A document of which the log gives every byte, but for the leaf that it says it was decided by: that may be a later one, when
// something of it was taken away since.

import { KilnError } from "../../errors.ts";
import { logOf, readCheckpoint } from "../../log/checkpoint.ts";
import { readDocument } from "../../stores/read.ts";
import { replaceLimit } from "../../stores/store.ts";
import { type DocumentsToCheck, wasTaken } from "./documents.ts";

export interface Predicted {
  readonly key: string;
  /** The newest leaf that decides it. */
  readonly newest: number;
  /** The leaf that it says. Throws STORE_CORRUPT. */
  readonly leafIn: (bytes: Uint8Array, key: string) => number;
  /** Its bytes, were it decided by this leaf. */
  readonly bytes: (leaf: number) => Uint8Array;
}

/** Throws OBJECT_MISSING, STORE_CORRUPT, VIEW_MISMATCH. */
export async function checkPredicted(predicted: Predicted, options: DocumentsToCheck): Promise<void> {
  const { key, newest, leafIn, bytes } = predicted;
  const found = await readDocument(options.store, key, replaceLimit);
  const isPending = !wasTaken(newest, options);
  if (found === undefined) {
    if (isPending) return noteBehind(key, options);
    throw new KilnError("OBJECT_MISSING", `${key}: got no such object, want what the log gives`);
  }
  const leaf = leafIn(found.bytes, key);
  if (await isOfLater(leaf, options)) return;
  if (leaf >= newest && Buffer.compare(found.bytes, bytes(leaf)) === 0) return;
  if (isPending) return noteBehind(key, options);
  throw notOfLog(key);
}

/** Whether a document that says this leaf was written since the audit began. What says more than the log has is none. */
export async function isOfLater(leaf: number, { store, trust, tree }: DocumentsToCheck): Promise<boolean> {
  return leaf >= tree.size && leaf < (await readCheckpoint(store, logOf(trust))).size;
}

export function noteBehind(key: string, { findings }: DocumentsToCheck): undefined {
  findings.note("VIEW_BEHIND", key, `${key}: it hasn't taken in the newest moves yet`);
}

export function notOfLog(key: string): KilnError {
  return new KilnError("VIEW_MISMATCH", `${key}: got other content than the log gives`, {
    hint: "`kiln views rebuild` writes it anew from the log",
  });
}
