// What a channel shows of one name to stock clients: the release that its newest move leads to, and a few that it showed
// before. Never one that is newer than the current: so a channel that moves back takes its clients back too. All of it comes
// from the log's own entries, move by move, and from nothing that a store merely says.

import type { Digest } from "../artifact/digest.ts";
import type { ChannelLeaf } from "../artifact/leaf.ts";
import { type Manifest, manifestFile, parseManifest } from "../artifact/manifest.ts";
import { poolKey } from "../artifact/pool.ts";
import type { RepositorySource, TakenLeaf } from "./view.ts";

/** What must be known of log and pool. */
export type ShownSource = Pick<RepositorySource, "leaf" | "blob" | "releaseIndex">;

/** How many releases a channel shows beside the current one. */
const earlierReleases = 3;
/** How many moves are looked at for them: a channel that goes to and fro shows fewer. */
const movesLookedAt = 12;

export interface Shown {
  /** The release's leaf index. */
  readonly leaf: number;
  readonly manifest: Manifest;
}

/** The newest move of each name in each channel. */
export function newestMoves(leaves: readonly TakenLeaf[]): Map<string, Map<string, TakenMove>> {
  const channels = new Map<string, Map<string, TakenMove>>();
  for (const { index, leaf } of leaves) {
    if (leaf.type !== "channel") continue;
    const names = channels.get(leaf.channel) ?? new Map<string, TakenMove>();
    channels.set(leaf.channel, names.set(leaf.name, { index, leaf }));
  }
  return channels;
}

export interface TakenMove {
  readonly index: number;
  readonly leaf: ChannelLeaf;
}

/** What the channel shows after `move`: the current release first. Empty: the move leads to no release of the log. */
export async function shownAfter({ leaf: move }: TakenMove, source: ShownSource): Promise<Shown[]> {
  const current = await releaseOf(move, source);
  if (current === undefined) return [];
  const shown: (Shown & { readonly digest: Digest })[] = [current];
  let before = move.follows;
  for (let looked = 0; before !== null && looked < movesLookedAt && shown.length <= earlierReleases; looked++) {
    const leaf = await source.leaf(before);
    // The chain of moves is one channel's of one name; whatever else stands there ends it.
    if (leaf?.type !== "channel" || leaf.name !== move.name || leaf.channel !== move.channel) break;
    const earlier = shown.some(({ digest }) => digest === leaf.manifest) ? undefined : await releaseOf(leaf, source);
    if (earlier !== undefined && earlier.leaf < current.leaf) shown.push(earlier);
    before = leaf.follows;
  }
  return shown;
}

async function releaseOf(move: ChannelLeaf, source: ShownSource): Promise<(Shown & { digest: Digest }) | undefined> {
  const index = await source.releaseIndex(move.name, move.version);
  const release = index === undefined ? undefined : await source.leaf(index);
  if (index === undefined || release?.type !== "release") return undefined;
  if (release.name !== move.name || release.manifest !== move.manifest) return undefined;
  const blob = { sha256: release.manifest, file: manifestFile };
  return { leaf: index, digest: release.manifest, manifest: parseManifest(await source.blob(blob), poolKey(blob)) };
}
