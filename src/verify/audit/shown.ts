// What the audited log makes channels show, and whether the document of a repository has taken that in.

import { signerOf } from "../../artifact/authority.ts";
import { type Leaf, parseEntry } from "../../artifact/leaf.ts";
import { keys, poolKey } from "../../artifact/pool.ts";
import { readEntry } from "../../log/entries.ts";
import { leafHash } from "../../log/merkle.ts";
import { readWholeBlob } from "../../stores/read.ts";
import { loggedAfter, type ShownSource } from "../../views/shown.ts";
import type { DocumentsToCheck } from "./documents.ts";
import { isShownIn } from "./part.ts";
import { nodeIn } from "./tree.ts";

/** The leaf indexes of the newest move of each name, channel by channel: of those that the store has. */
export function movesByChannel({ history, part }: DocumentsToCheck): Map<string, number[]> {
  const channels = new Map<string, number[]>();
  for (const [key, { index }] of history.moves) {
    const [, name = ""] = key.split("/");
    const channel = key.slice(key.lastIndexOf("/") + 1, -".json".length);
    if (!isShownIn(part, { name, channel })) continue;
    channels.set(channel, [...(channels.get(channel) ?? []), index]);
  }
  return channels;
}

/** Whether a document that has taken in `size` leaves lacks one of these moves, or that something which it shows was taken back. */
async function isBehind(
  { moves, size }: { readonly moves: readonly number[]; readonly size: number },
  options: DocumentsToCheck,
): Promise<boolean> {
  const { history } = options;
  if (size <= Math.max(...moves)) return true;
  if (size > history.newestWithdrawal()) return false;
  const source = shownSource(options);
  for (const index of moves) {
    const leaf = await source.leaf(index);
    if (leaf?.type !== "channel") continue;
    for (const { release } of await loggedAfter(leaf, source, size)) {
      const { yank = -1, retire = -1 } = history.withdrawal(release.name, release.version);
      if (Math.max(yank, retire) >= size) return true;
    }
  }
  return false;
}

/** Whether all views have taken in these moves, as the catalog says, which is swapped last. */
export async function isTaken(moves: readonly number[], options: DocumentsToCheck): Promise<boolean> {
  const { catalog } = options;
  return catalog !== undefined && !(await isBehind({ moves, size: catalog.size }, options));
}

/**
 * Whether a document that has taken in `size` leaves is another moment's than the audited log's: it was moved since, or is about to be.
 * One that the newest moves don't touch stays as it was, and is this moment's.
 */
export async function isMoving(
  { moves, size }: { readonly moves: readonly number[]; readonly size: number },
  options: DocumentsToCheck,
): Promise<boolean> {
  if (size > options.tree.size) return true;
  return !(await isTaken(moves, options)) && isBehind({ moves, size }, options);
}

/** Its leaves are those of the audited tree, and signed by keys that may. */
export function shownSource({ store, trust, tree, history }: DocumentsToCheck): ShownSource {
  return {
    async leaf(index): Promise<Leaf | undefined> {
      const bytes = await readEntry(store, { index, size: tree.size });
      const entry = parseEntry(bytes, index);
      if (entry.sort !== "leaf" || !nodeIn(tree, { level: 0, index }).equals(leafHash(bytes))) return undefined;
      signerOf(entry, index, trust);
      return entry.leaf;
    },
    blob: (blob) => readWholeBlob(store, poolKey(blob), blob.sha256),
    releaseIndex: async (name, version) => history.documentIndex(keys.release(name, version)),
    withdrawal: async (name, version) => history.withdrawal(name, version),
  };
}
