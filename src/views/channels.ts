// `channels/<name>/<channel>.json`: the newest move of a channel and the release that it shows, both with proofs.
// A document never goes back: one that has a later move, or the same, stays as it is, unless the views are rebuilt: nothing that
// stands there is believed then.

import pMap from "p-map";

import { keys } from "../artifact/pool.ts";
import { isKilnError } from "../errors.ts";
import { documentBytes, parseChannelDocument } from "./documents.ts";
import { packEarlier, type Remembered, rememberedIn } from "./earlier.ts";
import { provenEntry } from "./prove.ts";
import { atOnce, type RepositorySource, type TakenLeaf, type View, type ViewTarget } from "./view.ts";

export const channelsView: View<RepositorySource> = {
  name: "channels",
  async take(leaves, source, target) {
    const newest = new Map<string, TakenLeaf>();
    for (const taken of leaves) {
      if (taken.leaf.type === "channel") newest.set(keys.channel(taken.leaf.name, taken.leaf.channel), taken);
    }
    await pMap(newest, ([key, taken]) => writeChannel({ key, taken, source, target }), { concurrency: atOnce });
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
  const { name, channel, follows } = leaf;
  const standing = source.afresh || follows === null ? undefined : await source.standing(name, channel);
  const change = source.changes.find((one) => one.name === name && one.channel === channel);
  const bytes = documentBytes({
    kiln: 1,
    name,
    channel,
    checkpoint: source.checkpoint.note,
    move: await provenEntry(index, source),
    release: await provenEntry(shown, source),
    earlier: packEarlier(change?.now[0], before(standing, { key, follows })),
  });
  const isIn = (current: Uint8Array | undefined) => !source.afresh && moveIn(current, key) >= index;
  const guess = follows === null ? "absent" : standing;
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

/** What the document that stands there remembers, when it is the one before this move. */
function before(
  standing: Uint8Array | undefined,
  { key, follows }: { readonly key: string; readonly follows: number | null },
): readonly Remembered[] {
  if (standing === undefined) return [];
  try {
    const found = rememberedIn(standing, key);
    return found[0]?.move.index === follows ? found : [];
  } catch (error) {
    if (isKilnError(error, "STORE_CORRUPT")) return [];
    throw error;
  }
}
