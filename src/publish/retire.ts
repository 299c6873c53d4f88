// Retiring: the log says that a release's artifacts needn't be kept. Its manifest, signatures, SBOMs and provenance stay, so
// that it can be verified what it was; `kiln gc` removes the rest, once it has been retired for the grace time.

import type { Leaf } from "../artifact/leaf.ts";
import { KilnError } from "../errors.ts";
import { inStep } from "../report.ts";
import { type CatalogReader, findRetired, names, releases } from "../views/catalog.ts";
import { checkKeys } from "./allowed.ts";
import { type Released, released } from "./decide.ts";
import { commit, type Publisher, seconds } from "./publisher.ts";
import { dispensableReleases, type Policy } from "./retention.ts";
import { channelsShowing, identityOf, type ReleaseName, shown } from "./yank.ts";

/** Those that are named, or those that a policy gives of some names (of all, when none is named). */
export type Retirement =
  | { readonly releases: readonly ReleaseName[] }
  | { readonly policy: Policy; readonly names: readonly string[] };

export interface Retired {
  /** Those that were not retired before. */
  readonly releases: readonly Released[];
  readonly treeSize: number;
}

/** Retires them all in one append. Throws NOT_FOUND, RELEASE_SHOWN of what a channel leads to, KEY_NOT_ALLOWED. */
export async function retire(publisher: Publisher, wanted: Retirement & { readonly reason: string }): Promise<Retired> {
  checkKeys(publisher, "log", "release");
  const { outcome, head } = await inStep(
    publisher.context.report,
    "retire",
    () =>
      commit(publisher, async ({ catalog }) => {
        const releases = await toRetire(catalog, wanted);
        const time = seconds(publisher.context.now());
        const leaves = releases.map((release): Leaf => ({
          type: "retire",
          kiln: 1,
          ...identityOf(release),
          reason: wanted.reason,
          time,
        }));
        return { entries: [], leaves, outcome: releases };
      }),
    ({ outcome: releases }) => `${releases.length} ${releases.length === 1 ? "release" : "releases"}`,
  );
  return { releases: outcome, treeSize: head.checkpoint.size };
}

/** What would be retired, as the catalog says. Throws NOT_FOUND, RELEASE_SHOWN. */
export async function toRetire(catalog: CatalogReader, wanted: Retirement): Promise<Released[]> {
  if ("policy" in wanted) {
    for (const name of wanted.names) await requireKnown(catalog, name);
    const all = wanted.names.length > 0 ? wanted.names : await Array.fromAsync(names(catalog));
    const found = await Promise.all(all.map((name) => dispensableReleases(catalog, name, wanted.policy)));
    return found.flat();
  }
  const found = new Map<string, Released>();
  for (const { name, version } of wanted.releases) {
    const release = await released(catalog, name, version);
    if ((await findRetired(catalog, name, release.version)) !== undefined) continue;
    const showing = await channelsShowing(catalog, release);
    if (showing.length > 0) throw shown(release, showing, "retire");
    found.set(`${name}@${release.version}`, release);
  }
  return [...found.values()];
}

async function requireKnown(catalog: CatalogReader, name: string): Promise<void> {
  for await (const row of releases(catalog, name)) if (row.leaf >= 0) return;
  throw new KilnError("NOT_FOUND", `${name}: there is no such name`, { hint: "`kiln list` shows what exists" });
}
