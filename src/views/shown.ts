// What a channel shows of one name to stock clients: the release that its newest move leads to, and a few that it showed
// before. Never one that is newer than the current, to Kiln (released later) or to a client (by the versions of its packages): so a
// channel that moves back takes its clients back too. What was retired is
// shown no more; of what was yanked each view knows what its clients expect. All of it comes from the log's own entries, move by
// move, and from nothing that a store merely says.

import pMap from "p-map";

import { type ChannelLeaf, isWithdrawal, type ReleaseLeaf } from "../artifact/leaf.ts";
import { type Manifest, manifestFile, parseManifest } from "../artifact/manifest.ts";
import { hasNewer } from "../artifact/packages.ts";
import { poolKey } from "../artifact/pool.ts";
import { isKilnError } from "../errors.ts";
import type { TakenLeaf, ViewSource } from "./view.ts";
import { readWithdrawal, type WithdrawalSource } from "./withdrawal.ts";

/** What must be known of log and pool. */
export interface ShownSource extends Pick<ViewSource, "blob" | "releaseIndex">, WithdrawalSource {}

/** What must be known to tell what leaves change. */
export interface ChangeSource extends ShownSource {
  /** Leaves that all views have taken in. A document that has more was written by a publisher who didn't come to an end. */
  readonly settled: number;
  /** Every channel of a name, with its newest move, in order. */
  channels(name: string): AsyncIterable<TakenMove>;
  /** The document of a channel of a name as it stands, read once. What it remembers needn't be read from log and pool from then on. */
  standing(name: string, channel: string): Promise<Uint8Array | undefined>;
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
  /** The reason; null: it isn't retired. What a channel shows never is. */
  readonly retired: string | null;
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
  source: ChangeSource,
  { afresh }: { readonly afresh: boolean },
): Promise<ChannelChange[]> {
  const moves = Map.groupBy(leaves.flatMap(moveOf), ({ leaf }) => `${leaf.channel} ${leaf.name}`);
  const known = afresh ? source : remembering(source);
  const moved = await pMap(moves.values(), (all) => changeOf(all, known, afresh), { concurrency: 8 });
  const withdrawal = afresh ? [] : await Array.fromAsync(withdrawalChanges(leaves, moves, known));
  return [...moved, ...withdrawal].toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
}

const orderOf = ({ channel, name }: ChannelChange) => `${channel} ${name}`;

async function changeOf(moves: readonly TakenMove[], source: ChangeSource, afresh: boolean): Promise<ChannelChange> {
  const [first] = moves as readonly [TakenMove];
  const newest = moves.at(-1) as TakenMove;
  const { channel, name } = newest.leaf;
  if (!afresh && first.leaf.follows !== null) await source.standing(name, channel);
  const now = await shownAfter(newest, source);
  const change = { channel, name, newest: await newestLeaf(newest, now, source) };
  if (afresh) return { ...change, now, before: [] };
  const settled = first.leaf.follows === null ? undefined : await source.leaf(first.leaf.follows);
  const before = settled?.type === "channel" ? await shownAfter({ leaf: settled }, source, source.settled) : [];
  const between = await Promise.all(moves.slice(0, -1).map((move) => shownAfter(move, source, 0)));
  return { ...change, now, before: [...before, ...between.flat()] };
}

/** Channels that didn't move, and show what was yanked or retired, or was until now. */
async function* withdrawalChanges(
  leaves: readonly TakenLeaf[],
  moves: ReadonlyMap<string, unknown>,
  source: ChangeSource,
): AsyncGenerator<ChannelChange> {
  const said = leaves.flatMap(({ leaf }) => (isWithdrawal(leaf) ? [leaf] : []));
  for (const [name, ofName] of Map.groupBy(said, (leaf) => leaf.name)) {
    const versions = new Set(ofName.map(({ version }) => version));
    for await (const move of source.channels(name)) {
      const { channel } = move.leaf;
      if (moves.has(`${channel} ${name}`)) continue;
      const before = await shownAfter(move, source, source.settled);
      if (!before.some(({ release }) => versions.has(release.version))) continue;
      const now = await shownAfter(move, source);
      yield { channel, name, newest: await newestLeaf(move, now, source), now, before };
    }
  }
}

/** The newest leaf of the move, and of whatever took back what it shows, or would show. */
export async function newestLeaf(move: TakenMove, now: readonly Shown[], source: ShownSource): Promise<number> {
  const all = [...now, ...(await shownAfter(move, source, 0))];
  const said = await Promise.all(all.map(({ release }) => source.withdrawal(release.name, release.version)));
  return Math.max(move.index, ...said.flatMap(({ yank = -1, retire = -1 }) => [yank, retire]));
}

export interface TakenMove {
  readonly index: number;
  readonly leaf: ChannelLeaf;
}

function moveOf({ index, leaf }: TakenLeaf): TakenMove[] {
  return leaf.type === "channel" ? [{ index, leaf }] : [];
}

/** Several changes show the same releases: each is read once. Not for all of a store: that many don't fit into memory. */
function remembering(source: ChangeSource): ChangeSource {
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

/**
 * What the channel shows after `move`: the current release first. Empty: the move leads to no release of the log.
 * `size`: retirements that were logged from there on don't count yet.
 */
export async function shownAfter(
  { leaf: move }: { readonly leaf: ChannelLeaf },
  source: ShownSource,
  size: number = Infinity,
): Promise<Shown[]> {
  const isKept = async ({ name, version }: ChannelLeaf): Promise<boolean> => {
    const { retire } = await source.withdrawal(name, version);
    return retire !== undefined && retire >= size;
  };
  const current = await releaseOf(move, source);
  if (current === undefined || (current.retired !== null && !(await isKept(move)))) return [];
  const shown: Shown[] = [current];
  let before = move.follows;
  for (let looked = 0; before !== null && looked < movesLookedAt && shown.length <= earlierReleases; looked++) {
    const leaf = await source.leaf(before);
    // The chain of moves is one channel's of one name; whatever else stands there ends it.
    if (leaf?.type !== "channel" || leaf.name !== move.name || leaf.channel !== move.channel) break;
    const isShown = shown.some(({ release }) => release.manifest === leaf.manifest);
    const index = isShown ? undefined : await source.releaseIndex(leaf.name, leaf.version);
    // Of what isn't shown nothing is read: a mirror of this channel may not have it.
    if (index !== undefined && (await isEarlier(index, current, source))) {
      const { retired } = await readWithdrawal(leaf, source);
      const earlier = retired === null || (await isKept(leaf)) ? await releaseOf(leaf, source) : undefined;
      if (earlier !== undefined) shown.push(earlier);
    }
    before = leaf.follows;
  }
  return shown;
}

/** By the log alone. A hotfix of an old line is released later than the new line, and clients must not take what it replaces for newer. */
async function isEarlier(index: number, current: Shown, source: ShownSource): Promise<boolean> {
  if (index >= current.leaf) return false;
  const leaf = await source.leaf(index);
  return leaf?.type === "release" && !hasNewer(leaf.packages ?? [], current.release.packages ?? []);
}

/** The release that is logged at `index`; `undefined`: none is. Throws STORE_CORRUPT. */
export async function releaseAt(index: number, source: ShownSource): Promise<Shown | undefined> {
  const release = await source.leaf(index);
  if (release?.type !== "release") return undefined;
  const blob = { sha256: release.manifest, file: manifestFile };
  const manifest = parseManifest(await source.blob(blob), poolKey(blob));
  return { leaf: index, release, manifest, ...(await readWithdrawal(release, source)) };
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
