// Retiring: the log says that a release's artifacts needn't be kept. Its manifest, signatures, SBOMs and provenance stay, so
// that it can be verified what it was; `kiln gc` removes the rest, once it is older than the grace time.

import type { Leaf } from "../artifact/leaf.ts";
import { inStep } from "../report.ts";
import { findRetired } from "../views/catalog.ts";
import { checkKeys } from "./allowed.ts";
import { type Released, released } from "./decide.ts";
import { commit, type Publisher, seconds } from "./publisher.ts";
import { channelsShowing, identityOf, type ReleaseName, shown } from "./yank.ts";

export interface Retired {
  /** Those that were not retired before. */
  readonly releases: readonly Released[];
  readonly treeSize: number;
}

/** Retires them all in one append. Throws NOT_FOUND, RELEASE_SHOWN of what a channel leads to, KEY_NOT_ALLOWED. */
export async function retire(
  publisher: Publisher,
  wanted: { readonly releases: readonly ReleaseName[]; readonly reason: string },
): Promise<Retired> {
  checkKeys(publisher, "log", "release");
  const { outcome, head } = await inStep(publisher.context.report, "retire", () =>
    commit(publisher, async ({ catalog }) => {
      const releases = new Map<string, Released>();
      for (const { name, version } of wanted.releases) {
        const release = await released(catalog, name, version);
        if ((await findRetired(catalog, name, release.version)) !== undefined) continue;
        const showing = await channelsShowing(catalog, release);
        if (showing.length > 0) throw shown(release, showing, "retire");
        releases.set(`${name}@${release.version}`, release);
      }
      const time = seconds(publisher.context.now());
      const leaves = [...releases.values()].map((release): Leaf => ({
        type: "retire",
        kiln: 1,
        ...identityOf(release),
        reason: wanted.reason,
        time,
      }));
      return { entries: [], leaves, outcome: [...releases.values()] };
    }),
  );
  return { releases: outcome, treeSize: head.checkpoint.size };
}
