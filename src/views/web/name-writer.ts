// Takes leaves into the pages of one name: its releases' first, then those of older releases and events, and last the name's own,
// which leads to them. If we stop before that, pages lie there that nothing leads to, and the next publisher writes the same.

import pMap from "p-map";

import type { Leaf, ReleaseLeaf } from "../../artifact/leaf.ts";
import { isKilnError } from "../../errors.ts";
import { atOnce, type Next, type TakenLeaf, type ViewTarget } from "../view.ts";
import { contentsOf, describeState } from "./contents.ts";
import { describeRelease, emptyName, frontRowOf, takeLeaf } from "./fold.ts";
import { webKeys } from "./keys.ts";
import { namePage, olderReleasesPage } from "./name.ts";
import { releasePage } from "./release.ts";
import type { WebSource } from "./source.ts";
import { splitOff } from "./split-off.ts";
import {
  type FrontRow,
  type NameState,
  readNameState,
  readOlderReleases,
  readReleaseState,
  type ReleaseRow,
} from "./state.ts";

export interface NameToWrite {
  readonly name: string;
  /** About this name, in the log's order; at least one. */
  readonly leaves: readonly TakenLeaf[];
  readonly source: WebSource;
  readonly target: ViewTarget;
}

/** The state after the leaves: what the name's page says now, or what it said already; and what the front page was to show until now. */
export async function writeName(options: NameToWrite): Promise<{ state: NameState; before: FrontRow | undefined }> {
  const { name, leaves, source, target } = options;
  const key = webKeys.name(name);
  let state: NameState = emptyName(name, leaves[0]?.index ?? 0);
  let row: FrontRow | undefined;
  const next: Next = async (found) => {
    const before = found === undefined || source.afresh ? undefined : readNameState(found, key);
    state = before ?? emptyName(name, leaves[0]?.index ?? 0);
    row = before && frontRowOf(before);
    const late = leaves.filter(({ index }) => index >= state.taken);
    if (before !== undefined && late.length === 0) return undefined;
    const changes = await takeAll(state, late, source);
    await pMap(changes.rows, (row) => writeRelease(name, row, changes.leaves.get(row.leaf), options), {
      concurrency: atOnce,
    });
    await describeState(state, late, source);
    await moveOlder(state, changes.older, options);
    state.keys = [...source.fingerprints];
    return namePage(state, source);
  };
  await target.swap(key, next, !source.afresh && (await source.isNew(name)) ? "absent" : undefined);
  return { state, before: row };
}

interface Changes {
  /** New, or with something said of them. */
  readonly rows: readonly ReleaseRow[];
  /** Of new releases, by their leaf index. */
  readonly leaves: ReadonlyMap<number, ReleaseLeaf>;
  /** Rows of older pages that were read, by the leaf of the first. */
  readonly older: ReadonlyMap<number, readonly ReleaseRow[]>;
}

async function takeAll(state: NameState, leaves: readonly TakenLeaf[], source: WebSource): Promise<Changes> {
  const rows = new Set<ReleaseRow>();
  const releases = new Map<number, ReleaseLeaf>();
  const older = new Map<number, ReleaseRow[]>();
  const known = new Map(state.releases.map((row) => [row.version, row]));
  for (const { index, leaf } of leaves) {
    const row = known.get(leaf.version) ?? (await olderRow(leaf, { state, older, source }));
    takeLeaf(state, index, leaf, row);
    const newest = state.releases.at(-1);
    if (leaf.type === "release" && newest?.leaf === index) {
      releases.set(index, leaf);
      known.set(leaf.version, newest);
      rows.add(newest);
    }
    if (row?.changed === index) rows.add(row);
  }
  return { rows: [...rows], leaves: releases, older };
}

/** The row of a release on an older page. */
async function olderRow(
  { name, version }: Leaf,
  options: { readonly state: NameState; readonly older: Map<number, ReleaseRow[]>; readonly source: WebSource },
): Promise<ReleaseRow | undefined> {
  const { state, older, source } = options;
  if (state.olderReleases.length === 0) return undefined;
  const at = await source.releaseIndex(name, version);
  if (at === undefined) return undefined;
  const page = state.olderReleases.findLast(({ leaf }) => leaf <= at);
  if (page === undefined) return undefined;
  const rows = older.get(page.leaf) ?? (await readRows(name, page.digest, source));
  older.set(page.leaf, rows);
  return rows.find((row) => row.version === version);
}

async function readRows(name: string, digest: string, source: WebSource): Promise<ReleaseRow[]> {
  const key = webKeys.older(name, digest);
  return readOlderReleases(await source.object(key, digest), key).releases;
}

/** Writes the page of a release, and says in its row what the manifest says. */
async function writeRelease(
  name: string,
  row: ReleaseRow,
  fresh: ReleaseLeaf | undefined,
  { source, target }: NameToWrite,
): Promise<void> {
  const leaf = fresh ?? (await source.leaf(row.leaf));
  if (leaf?.type !== "release") return;
  const contents = await contentsOf(leaf, source);
  if (contents !== undefined) describeRelease(row, contents.manifest);
  const key = webKeys.release(name, row.version);
  const bytes = releasePage({ name, row, leaf, contents, place: source });
  const { changed } = row;
  if (changed === undefined && !source.afresh) {
    await target.once(key, bytes);
    return;
  }
  await target.swap(key, (found) => {
    if (found === undefined) return bytes;
    // Made afresh, it may be for another address.
    if (source.afresh) return Buffer.compare(found, bytes) === 0 ? undefined : bytes;
    return changedIn(found, key) > (changed ?? row.leaf) ? undefined : bytes;
  });
}

/** What the page was last changed by; one that can't be read is written anew. */
function changedIn(page: Uint8Array, key: string): number {
  try {
    return readReleaseState(page, key).changed;
  } catch (error) {
    if (isKilnError(error, "STORE_CORRUPT")) return -1;
    throw error;
  }
}

/** Moves what is too much for the name's page to pages of their own, and writes those that changed. */
async function moveOlder(state: NameState, read: Changes["older"], { source, target }: NameToWrite): Promise<void> {
  const { name } = state;
  for (const page of state.olderReleases) {
    const rows = read.get(page.leaf);
    if (rows === undefined) continue;
    const { digest, bytes } = olderReleasesPage(name, rows, source);
    if (digest !== page.digest) await target.once(webKeys.older(name, digest), bytes);
    page.digest = digest;
  }
  for (const { digest, bytes } of splitOff(state, source)) await target.once(webKeys.older(name, digest), bytes);
}
