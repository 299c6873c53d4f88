// Which releases a mirror of this scope must have, said by the log alone: all of them; those of some names; or what some channels
// show and showed before, as their views have it.

import pMap from "p-map";

import type { AttestationLeaf, ReleaseLeaf } from "../artifact/leaf.ts";
import type { PlacedEntry } from "../publish/state.ts";
import { attestations, type CatalogReader, findChannel, names as namesIn, releases } from "../views/catalog.ts";
import { shownAfter, type ShownSource } from "../views/shown.ts";
import { readWithdrawal } from "../views/withdrawal.ts";
import { isWhole, type Scope } from "./scope.ts";

export interface Wanted {
  readonly releases: readonly ReleaseLeaf[];
  /** Manifests of those that were retired: what they name may be gone. */
  readonly retired: ReadonlySet<string>;
  /** Made after the releases: their envelopes are blobs of their own. */
  readonly attestations: readonly Pick<AttestationLeaf, "digest">[];
  /** Manifests of releases, and digests of attestations, that the target's log doesn't lead to yet. */
  readonly added: ReadonlySet<string>;
}

export interface WantedFrom {
  readonly scope: Scope;
  /** What the target lacks of the log, or all of it. */
  readonly entries: readonly PlacedEntry[];
  readonly catalog: CatalogReader;
  readonly log: ShownSource;
  /** How many leaves the target's log has. */
  readonly before: number;
}

type Found = Pick<Wanted, "releases" | "attestations">;

export async function wantedOf({ scope, entries, catalog, log, before }: WantedFrom): Promise<Wanted> {
  const wanted = isWhole(scope) ? everything(entries) : await someOf({ scope, catalog, log });
  const added = everything(entries.filter(({ index }) => index >= before));
  const gone = await pMap(
    wanted.releases,
    async (leaf) => ((await readWithdrawal(leaf, log)).retired === null ? [] : [leaf.manifest]),
    { concurrency: 8 },
  );
  return {
    ...wanted,
    retired: new Set(gone.flat()),
    added: new Set([
      ...added.releases.map(({ manifest }) => manifest),
      ...added.attestations.map(({ digest }) => digest),
    ]),
  };
}

async function someOf({ scope, catalog, log }: Pick<WantedFrom, "scope" | "catalog" | "log">): Promise<Found> {
  const found = new Map<string, ReleaseLeaf>();
  for await (const leaf of scope.channels === undefined
    ? ofNames(scope, catalog, log)
    : ofChannels(scope, catalog, log)) {
    found.set(leaf.manifest, leaf);
  }
  const all = [...found.values()];
  const later = await pMap(all, ({ name, version }) => Array.fromAsync(attestations(catalog, name, version)), {
    concurrency: 8,
  });
  return { releases: all, attestations: later.flat() };
}

/** Entries that no trusted key signed are in the log, and nobody is served what they name. */
function everything(entries: readonly PlacedEntry[]): Found {
  const leaves = entries.flatMap(({ entry, sound }) => (sound && entry.sort === "leaf" ? [entry.leaf] : []));
  return {
    releases: leaves.filter((leaf) => leaf.type === "release"),
    attestations: leaves.filter((leaf) => leaf.type === "attestation"),
  };
}

async function* ofNames({ names = [] }: Scope, catalog: CatalogReader, log: ShownSource): AsyncGenerator<ReleaseLeaf> {
  for (const name of names) {
    for await (const { leaf: index } of releases(catalog, name)) {
      const leaf = await log.leaf(index);
      if (leaf?.type === "release") yield leaf;
    }
  }
}

async function* ofChannels(
  { channels = [] }: Scope,
  catalog: CatalogReader,
  log: ShownSource,
): AsyncGenerator<ReleaseLeaf> {
  for await (const name of namesIn(catalog)) {
    for (const channel of channels) {
      const shows = await findChannel(catalog, name, channel);
      const leaf = shows === undefined ? undefined : await log.leaf(shows.leaf);
      if (leaf?.type !== "channel") continue;
      for (const { release } of await shownAfter({ leaf }, log)) yield release;
    }
  }
}
