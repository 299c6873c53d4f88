// Which releases a policy retires: all but what is worth keeping. Kept are, of each channel, what it shows now and the newest releases
// that it showed, and whatever is said to be deployed. Releases that no channel ever showed count as one more channel of their name.
// What was yanked is worth nothing, but if a channel shows it or a host runs it, it stays too. A pure decision over the catalog.

import type { Digest } from "../artifact/digest.ts";
import { isAllowed } from "../artifact/trust.ts";
import { type CatalogReader, moves, type ReleaseRow, releases, withdrawalOf } from "../views/catalog.ts";
import type { Released } from "./decide.ts";

export interface Policy {
  /** How many releases of each channel are kept: at least 1. */
  readonly keep: number;
  /** Patterns: of other channels all that they ever showed is kept. */
  readonly channels: readonly string[];
  /** What hosts run: manifests' digests, or NAME@VERSION. */
  readonly deployed: ReadonlySet<string>;
}

/** The releases of `name` that the policy retires, oldest first. */
export async function dispensableReleases(catalog: CatalogReader, name: string, policy: Policy): Promise<Released[]> {
  const candidates: ReleaseRow[] = [];
  const yanked = new Set<Digest>();
  for await (const row of releases(catalog, name)) {
    const withdrawal = await withdrawalOf(catalog, name, row.version);
    if (withdrawal.retired === null) candidates.push(row);
    if (withdrawal.yanked !== null) yanked.add(row.manifest);
  }
  const shown = await shownBy(catalog, name);
  const kept = new Set<Digest>();
  for (const [channel, newestFirst] of shown) {
    const isPruned = isAllowed(policy.channels, channel);
    const [current] = newestFirst;
    const sound = newestFirst.filter((manifest) => !yanked.has(manifest));
    const own = isPruned ? sound.slice(0, policy.keep) : newestFirst;
    for (const manifest of own) kept.add(manifest);
    if (current !== undefined) kept.add(current);
  }
  const everShown = new Set([...shown.values()].flat());
  const unshown = candidates.filter(({ manifest }) => !everShown.has(manifest));
  const newestUnshown = unshown.filter(({ manifest }) => !yanked.has(manifest)).toSorted((a, b) => b.leaf - a.leaf);
  for (const { manifest } of newestUnshown.slice(0, policy.keep)) kept.add(manifest);
  return candidates
    .filter(({ manifest, version }) => {
      const isDeployed = policy.deployed.has(manifest) || policy.deployed.has(`${name}@${version}`);
      return !kept.has(manifest) && !isDeployed;
    })
    .toSorted((a, b) => a.leaf - b.leaf)
    .map(({ version, manifest, commit, leaf }) => ({ name, version, manifest, commit, leaf }));
}

/** What each channel showed, each release once, newest move first. */
async function shownBy(catalog: CatalogReader, name: string): Promise<Map<string, Digest[]>> {
  const shown = new Map<string, Digest[]>();
  for await (const { channel, move } of moves(catalog, name)) {
    const before = (shown.get(channel) ?? []).filter((manifest) => manifest !== move.manifest);
    shown.set(channel, [move.manifest, ...before]);
  }
  return shown;
}
