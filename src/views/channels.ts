// `channels/<name>/<channel>.json`: the newest move of a channel and the release that it shows, both with proofs.
// A document never goes back: one that has a later move, or the same, stays as it is, unless the views are rebuilt: nothing that
// stands there is believed then.

import { keys } from "../artifact/pool.ts";
import { isKilnError } from "../errors.ts";
import { documentBytes, parseChannelDocument } from "./documents.ts";
import { provenEntry } from "./prove.ts";
import type { RepositorySource, TakenLeaf, View, ViewTarget } from "./view.ts";

export const channelsView: View<RepositorySource> = {
  name: "channels",
  async take(leaves, source, target) {
    const newest = new Map<string, TakenLeaf>();
    for (const taken of leaves) {
      if (taken.leaf.type === "channel") newest.set(keys.channel(taken.leaf.name, taken.leaf.channel), taken);
    }
    for (const [key, taken] of newest) await writeChannel({ key, taken, source, target });
  },
};

async function writeChannel(options: {
  readonly key: string;
  readonly taken: TakenLeaf;
  readonly source: RepositorySource;
  readonly target: ViewTarget;
}): Promise<void> {
  const { key, taken, source, target } = options;
  const { leaf, index } = taken;
  const shown = await source.releaseIndex(leaf.name, leaf.version);
  if (leaf.type !== "channel" || shown === undefined) return;
  const bytes = documentBytes({
    kiln: 1,
    name: leaf.name,
    channel: leaf.channel,
    checkpoint: source.checkpoint.note,
    move: await provenEntry(index, source),
    release: await provenEntry(shown, source),
  });
  const isIn = (current: Uint8Array | undefined) => !source.afresh && moveIn(current, key) >= index;
  const guess = leaf.follows === null ? "absent" : undefined;
  await target.swap(key, (current) => (isIn(current) ? undefined : bytes), guess);
}

/** The leaf index of the move that a document shows; -1 for none, and for one that can't be read: it is written anew. */
function moveIn(current: Uint8Array | undefined, key: string): number {
  if (current === undefined) return -1;
  try {
    return parseChannelDocument(current, key).move.index;
  } catch (error) {
    if (isKilnError(error, "STORE_CORRUPT")) return -1;
    throw error;
  }
}
