// What a publish adds to the log, given the log as it stands: pure decisions over the catalog, taken anew after every lost
// race, so that they are exact at the moment of the commit.
//
// - The same identity is there already, or the same commit was released: that release is adopted. One commit, one bake.
// - The same version with other bytes is refused: a published version never changes.
// - What was yanked or retired is led to by nothing new: no channel, no alias, no publish of its commit again.
// - A channel moves only forward by itself: publishing an ancestor of what it shows leaves it. `promote` may go anywhere.

import type { Digest } from "../artifact/digest.ts";
import type { AliasLeaf, ChannelLeaf, Leaf, ReleaseLeaf } from "../artifact/leaf.ts";
import { KilnError } from "../errors.ts";
import { type CatalogReader, findAlias, findChannel, findClaim, findRelease, withdrawalOf } from "../views/catalog.ts";

/** A release in the log. */
export interface Released {
  readonly name: string;
  readonly version: string;
  readonly manifest: Digest;
  readonly commit: string | null;
  /** The index of its own log entry. */
  readonly leaf: number;
}

export interface Claimant {
  readonly name: string;
  readonly version: string;
  readonly manifest: Digest;
  readonly claims: ReleaseLeaf["claims"];
}

/**
 * The release that stands for this bake already, if there is one. Throws IMMUTABLE_CONFLICT, RELEASE_YANKED,
 * RELEASE_RETIRED.
 */
export async function adopted(catalog: CatalogReader, wanted: Claimant): Promise<Released | undefined> {
  const { name, version, manifest, claims } = wanted;
  const claim = claims === null ? undefined : await findClaim(catalog, name, claims);
  if (claim !== undefined) return notWithdrawn(catalog, await released(catalog, name, claim.version));
  const same = await findRelease(catalog, name, version);
  if (same !== undefined && same.manifest === manifest) {
    return notWithdrawn(catalog, await released(catalog, name, version));
  }
  if (same !== undefined) {
    throw new KilnError("IMMUTABLE_CONFLICT", `${name}@${version}: got manifest ${manifest}, want ${same.manifest}`, {
      hint:
        claims === null
          ? "a published version never changes, nor what was said of its origin: publish all files of one version together, or give this one a new version"
          : "this version was published from another bake: give this one a new version",
      details: { published: same.manifest, commit: same.commit },
    });
  }
  await refuseAlias(catalog, wanted);
  return undefined;
}

/**
 * Before a bake, so that it isn't for nothing: whether its commit can have this version. A manifest names its commit, so no
 * bake of one commit is the release of another. Throws IMMUTABLE_CONFLICT.
 */
export async function checkVersionIsFree(
  catalog: CatalogReader,
  wanted: { readonly name: string; readonly version: string; readonly commit: string },
): Promise<void> {
  const { name, version, commit } = wanted;
  const same = await findRelease(catalog, name, version);
  if (same === undefined) return refuseAlias(catalog, wanted);
  if (same.commit === commit) return;
  const other = same.commit === null ? "a tree without a commit" : `commit ${same.commit}`;
  throw new KilnError("IMMUTABLE_CONFLICT", `${name}@${version}: got commit ${commit}, want ${other}`, {
    hint: "this version was published from another commit: give this one a new version",
    details: { published: same.manifest, commit: same.commit },
  });
}

async function refuseAlias(
  catalog: CatalogReader,
  { name, version }: { readonly name: string; readonly version: string },
): Promise<void> {
  const alias = await findAlias(catalog, name, version);
  if (alias === undefined) return;
  throw new KilnError("IMMUTABLE_CONFLICT", `${name}@${version}: it is an alias of ${alias.version} already`, {
    hint: "give this bake a new version",
  });
}

/** The release, unless it was taken back. Throws RELEASE_YANKED, RELEASE_RETIRED. */
export async function notWithdrawn<T extends { readonly name: string; readonly version: string }>(
  catalog: CatalogReader,
  release: T,
): Promise<T> {
  const { name, version } = release;
  const { yanked, retired } = await withdrawalOf(catalog, name, version);
  if (retired !== null) {
    throw new KilnError("RELEASE_RETIRED", `${name}@${version}: it was retired: ${retired}`, {
      hint: `\`kiln list ${name}\` shows what else exists`,
      details: { name, version, reason: retired },
    });
  }
  if (yanked === null) return release;
  throw new KilnError("RELEASE_YANKED", `${name}@${version}: it was yanked: ${yanked}`, {
    hint: `choose another version, or take that back with \`kiln unyank ${name}@${version}\``,
    details: { name, version, reason: yanked },
  });
}

/**
 * The leaf that makes `alias` another name of the release; none when it is one already. Throws IMMUTABLE_CONFLICT,
 * RELEASE_YANKED, RELEASE_RETIRED.
 */
export async function aliasLeaf(options: {
  readonly catalog: CatalogReader;
  readonly release: Released;
  readonly alias: string;
  readonly time: number;
}): Promise<AliasLeaf | undefined> {
  const { catalog, release, alias, time } = options;
  const { name, version, manifest } = release;
  if (alias === version) return undefined;
  const taken = (await findAlias(catalog, name, alias)) ?? (await findRelease(catalog, name, alias));
  if (taken?.manifest === manifest) return undefined;
  if (taken !== undefined) {
    throw new KilnError("IMMUTABLE_CONFLICT", `${name}@${alias}: it stands for ${taken.version}, not ${version}`, {
      hint: "an alias never moves: tag this commit with another name",
    });
  }
  await notWithdrawn(catalog, release);
  return { type: "alias", kiln: 1, name, version, manifest, alias, time };
}

export interface ChannelWish {
  readonly channel: string;
  /** Whether what the channel shows is ahead of what is published: then it stays. Without it, it moves in any case. */
  readonly isAhead?: ((shown: Released) => Promise<boolean>) | undefined;
}

/**
 * The leaf that makes the channel show the release; none when it shows it already, or is ahead of it. Throws RELEASE_YANKED,
 * RELEASE_RETIRED.
 */
export async function channelLeaf(options: {
  readonly catalog: CatalogReader;
  readonly release: Released;
  readonly wish: ChannelWish;
  readonly time: number;
}): Promise<ChannelLeaf | undefined> {
  const { catalog, release, wish, time } = options;
  const { name, version, manifest } = release;
  const shown = await findChannel(catalog, name, wish.channel);
  if (shown?.manifest === manifest) return undefined;
  if (shown !== undefined && (await wish.isAhead?.(await released(catalog, name, shown.version)))) return undefined;
  await notWithdrawn(catalog, release);
  return {
    type: "channel",
    kiln: 1,
    name,
    version,
    manifest,
    channel: wish.channel,
    counter: (shown?.counter ?? 0) + 1,
    follows: shown?.leaf ?? null,
    time,
  };
}

/** The release that a version or an alias stands for. Throws NOT_FOUND. */
export async function released(catalog: CatalogReader, name: string, version: string): Promise<Released> {
  const alias = await findAlias(catalog, name, version);
  const row = await findRelease(catalog, name, alias?.version ?? version);
  if (row === undefined) {
    throw new KilnError("NOT_FOUND", `${name}@${version}: there is no such release`, {
      hint: `\`kiln list ${name}\` shows what exists`,
    });
  }
  return { name, version: row.version, manifest: row.manifest, commit: row.commit, leaf: row.leaf };
}

/** One leaf or none, as a list. */
export function present<T extends Leaf>(leaf: T | undefined): T[] {
  return leaf === undefined ? [] : [leaf];
}
