// What a channel shows of one name to stock clients: the release that its newest move leads to, and a few that it showed
// before. Never one that is newer than the current, to Kiln (released later) or to a client (by the versions of its packages): so a
// channel that moves back takes its clients back too. But for what was yanked: of that each view knows what its clients expect, and
// nobody is taken to it. What was retired is shown no more. All of it comes from the log's own entries, move by
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

/** The newest leaf of the move, and of whatever was said of what it shows, or would show, and changed that. */
export async function newestLeaf(move: TakenMove, now: readonly Shown[], source: ShownSource): Promise<number> {
  const would = await loggedAfter(move.leaf, source, 0);
  const [current] = would;
  const said = await Promise.all(
    [...now, ...would].map(async (one) => {
      const { yank = -1, retire = Infinity } = await source.withdrawal(one.release.name, one.release.version);
      const isYanked = one.yanked !== null && yank < retire;
      // Of what isn't shown unless it is yanked, nothing else changes anything.
      const isShown = current === undefined || one.leaf === current.leaf || isEarlier(one, current) || isYanked;
      return [yank < retire ? yank : -1, isShown && retire !== Infinity ? retire : -1];
    }),
  );
  return Math.max(move.index, ...said.flat());
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
 * `size`: what was taken back from there on doesn't count yet.
 */
export async function shownAfter(
  { leaf: move }: { readonly leaf: ChannelLeaf },
  source: ShownSource,
  size: number = Infinity,
): Promise<Shown[]> {
  const shown: Shown[] = [];
  for (const logged of await loggedAfter(move, source, size)) {
    shown.push({ ...logged, manifest: await manifestOf(logged.release, source) });
  }
  return shown;
}

/** A release that a channel shows, as the log has it. */
type Logged = Omit<Shown, "manifest">;

/** The same, by the log alone: no manifest is read, which a mirror of this channel may not have. */
export async function loggedAfter(move: ChannelLeaf, source: ShownSource, size: number): Promise<Logged[]> {
  const isKept = async ({ name, version }: ChannelLeaf): Promise<boolean> => {
    const { retire } = await source.withdrawal(name, version);
    return retire !== undefined && retire >= size;
  };
  const current = await loggedOf(move, source);
  if (current === undefined || (current.retired !== null && !(await isKept(move)))) return [];
  const shown: Logged[] = [current];
  const seen = new Set([move.manifest]);
  let before = move.follows;
  for (let looked = 0, left = earlierReleases; before !== null && looked < movesLookedAt && left > 0; looked++) {
    const leaf = await source.leaf(before);
    // The chain of moves is one channel's of one name; whatever else stands there ends it.
    if (leaf?.type !== "channel" || leaf.name !== move.name || leaf.channel !== move.channel) break;
    const isLookedAt = !seen.has(leaf.manifest) && (await mayBeShown(leaf, current, source));
    const logged = isLookedAt ? await loggedOf(leaf, source) : undefined;
    seen.add(leaf.manifest);
    if (logged !== undefined && (logged.retired === null || (await isKept(leaf)))) {
      const isOlder = isEarlier(logged, current);
      if (isOlder) left--;
      if (isOlder || (await mayBeYanked(logged, source, size))) shown.push(logged);
    }
    before = leaf.follows;
  }
  return shown;
}

/** Of a release that is newer than the current one, and that nobody ever yanked, not even its entry is read. */
async function mayBeShown({ name, version }: ChannelLeaf, current: Logged, source: ShownSource): Promise<boolean> {
  const index = await source.releaseIndex(name, version);
  if (index === undefined) return false;
  return index < current.leaf || (await source.withdrawal(name, version)).yank !== undefined;
}

/** At `size`; of what was yanked, or taken back into use, since then nobody knows what it was before. */
async function mayBeYanked({ release, yanked }: Logged, source: ShownSource, size: number): Promise<boolean> {
  if (yanked !== null) return true;
  const { yank } = await source.withdrawal(release.name, release.version);
  return yank !== undefined && yank >= size;
}

/** By the log alone. A hotfix of an old line is released later than the new line, and clients must not take what it replaces for newer. */
function isEarlier({ leaf, release }: Logged, current: Logged): boolean {
  return leaf < current.leaf && !hasNewer(release.packages ?? [], current.release.packages ?? []);
}

/** The release that is logged at `index`; `undefined`: none is. Throws STORE_CORRUPT. */
export async function releaseAt(index: number, source: ShownSource): Promise<Shown | undefined> {
  const logged = await loggedAt(index, source);
  return logged && { ...logged, manifest: await manifestOf(logged.release, source) };
}

async function loggedAt(index: number, source: ShownSource): Promise<Logged | undefined> {
  const release = await source.leaf(index);
  if (release?.type !== "release") return undefined;
  return { leaf: index, release, ...(await readWithdrawal(release, source)) };
}

async function loggedOf(move: ChannelLeaf, source: ShownSource): Promise<Logged | undefined> {
  const index = await source.releaseIndex(move.name, move.version);
  const logged = index === undefined ? undefined : await loggedAt(index, source);
  const isMoves = logged?.release.name === move.name && logged.release.manifest === move.manifest;
  return isMoves ? logged : undefined;
}

async function manifestOf({ manifest }: ReleaseLeaf, source: ShownSource): Promise<Manifest> {
  const blob = { sha256: manifest, file: manifestFile };
  return parseManifest(await source.blob(blob), poolKey(blob));
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
