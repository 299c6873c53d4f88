// What a channel shows of one name to stock clients: the release that its newest move leads to, and a few that it showed
// before. Never one that is newer than the current: so a channel that moves back takes its clients back too. All of it comes
// from the log's own entries, move by move, and from nothing that a store merely says.

import pMap from "p-map";

import type { ChannelLeaf, Leaf, ReleaseLeaf } from "../artifact/leaf.ts";
import { type Manifest, manifestFile, parseManifest } from "../artifact/manifest.ts";
import { poolKey } from "../artifact/pool.ts";
import { isKilnError } from "../errors.ts";
import type { TakenLeaf, ViewSource } from "./view.ts";

/** What must be known of log and pool. */
export interface ShownSource extends Pick<ViewSource, "blob" | "releaseIndex"> {
  /** The leaf at `index`, proven to be in the tree and signed by a key that may; `undefined`: there is no such leaf. */
  leaf(index: number): Promise<Leaf | undefined>;
}

/** How many releases a channel shows beside the current one. */
const earlierReleases = 3;
/** How many moves are looked at for them: a channel that goes to and fro shows fewer. */
const movesLookedAt = 12;

export interface Shown {
  /** The release's leaf index. */
  readonly leaf: number;
  readonly release: ReleaseLeaf;
  readonly manifest: Manifest;
  /** The reason; null: it isn't yanked. */
  readonly yanked: string | null;
}

/** What leaves that are taken in do to one name in one channel. */
export interface ChannelChange {
  readonly channel: string;
  readonly name: string;
  /** Index of the newest leaf that decides what is shown now. */
  readonly newest: number;
  /** The current release first; empty: the channel leads to no release of the log. */
  readonly now: readonly Shown[];
  /** What a view may still have of it: every release that the channel showed since the views were settled. */
  readonly before: readonly Shown[];
}

/** Channel by channel, in order of the name. `afresh`: what was shown before doesn't matter. */
export async function changesOf(
  leaves: readonly TakenLeaf[],
  source: ShownSource,
  { afresh }: { readonly afresh: boolean },
): Promise<ChannelChange[]> {
  const moves = Map.groupBy(leaves.flatMap(moveOf), ({ leaf }) => `${leaf.channel} ${leaf.name}`);
  const known = afresh ? source : remembering(source);
  const inOrder = [...moves.values()].toSorted(([a], [b]) => (orderOf(a) < orderOf(b) ? -1 : 1));
  return pMap(inOrder, (all) => changeOf(all, known, afresh), { concurrency: 8 });
}

const orderOf = (move: TakenMove | undefined) => `${move?.leaf.channel} ${move?.leaf.name}`;

async function changeOf(moves: readonly TakenMove[], source: ShownSource, afresh: boolean): Promise<ChannelChange> {
  const [first] = moves as readonly [TakenMove];
  const newest = moves.at(-1) as TakenMove;
  const { channel, name } = newest.leaf;
  const change = { channel, name, newest: newest.index };
  const now = await shownAfter(newest, source);
  if (afresh) return { ...change, now, before: [] };
  const settled = first.leaf.follows === null ? undefined : await source.leaf(first.leaf.follows);
  const before = settled?.type === "channel" ? await shownAfter({ leaf: settled }, source) : [];
  const between = await Promise.all(moves.slice(0, -1).map(({ leaf }) => releaseOf(leaf, source)));
  return { ...change, now, before: [...before, ...between.filter((one) => one !== undefined)] };
}

interface TakenMove {
  readonly index: number;
  readonly leaf: ChannelLeaf;
}

function moveOf({ index, leaf }: TakenLeaf): TakenMove[] {
  return leaf.type === "channel" ? [{ index, leaf }] : [];
}

/** Several changes show the same releases: each is read once. Not for all of a store: that many don't fit into memory. */
function remembering(source: ShownSource): ShownSource {
  const blobs = new Map<string, Promise<Uint8Array>>();
  return {
    ...source,
    blob: (blob) => {
      const found = blobs.get(blob.sha256) ?? source.blob(blob);
      blobs.set(blob.sha256, found);
      return found;
    },
  };
}

/** What the channel shows after `move`: the current release first. Empty: the move leads to no release of the log. */
export async function shownAfter(
  { leaf: move }: { readonly leaf: ChannelLeaf },
  source: ShownSource,
): Promise<Shown[]> {
  const current = await releaseOf(move, source);
  if (current === undefined) return [];
  const shown: Shown[] = [current];
  let before = move.follows;
  for (let looked = 0; before !== null && looked < movesLookedAt && shown.length <= earlierReleases; looked++) {
    const leaf = await source.leaf(before);
    // The chain of moves is one channel's of one name; whatever else stands there ends it.
    if (leaf?.type !== "channel" || leaf.name !== move.name || leaf.channel !== move.channel) break;
    const isShown = shown.some(({ release }) => release.manifest === leaf.manifest);
    const earlier = isShown ? undefined : await releaseOf(leaf, source);
    if (earlier !== undefined && earlier.leaf < current.leaf) shown.push(earlier);
    before = leaf.follows;
  }
  return shown;
}

/** The release that is logged at `index`; `undefined`: none is. Throws STORE_CORRUPT. */
export async function releaseAt(index: number, source: ShownSource): Promise<Shown | undefined> {
  const release = await source.leaf(index);
  if (release?.type !== "release") return undefined;
  const blob = { sha256: release.manifest, file: manifestFile };
  const manifest = parseManifest(await source.blob(blob), poolKey(blob));
  return { leaf: index, release, manifest, yanked: null };
}

async function releaseOf(move: ChannelLeaf, source: ShownSource): Promise<Shown | undefined> {
  const index = await source.releaseIndex(move.name, move.version);
  const shown = index === undefined ? undefined : await releaseAt(index, source);
  const isMoves = shown?.release.name === move.name && shown.release.manifest === move.manifest;
  return isMoves ? shown : undefined;
}

/** The same; `undefined` also for a release that its own signer made wrong, which an audit says: nobody else's views wait for it. */
export async function soundReleaseAt(index: number, source: ShownSource): Promise<Shown | undefined> {
  try {
    return await releaseAt(index, source);
  } catch (error) {
    if (isKilnError(error, "STORE_CORRUPT", "NOT_FOUND")) return undefined;
    throw error;
  }
}
