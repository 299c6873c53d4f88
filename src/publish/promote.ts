// Moving a channel: one log entry, no copy, no rebuild. What it may start from is a version, an alias, a channel or a
// commit; it always ends at one manifest digest.

import { KilnError } from "../errors.ts";
import { inStep } from "../report.ts";
import { findChannel, releases } from "../views/catalog.ts";
import type { CatalogReader } from "../views/catalog.ts";
import { checkKeys } from "./allowed.ts";
import { channelLeaf, present, type Released, released } from "./decide.ts";
import { type GateAnswer, judge, requirePassed } from "./gates.ts";
import { commit, type Publisher, seconds } from "./publisher.ts";

/** What names a release: its version or an alias, a channel that shows it, or the commit that it was baked from. */
export type Selector =
  | { readonly name: string; readonly by: "version"; readonly version: string }
  | { readonly name: string; readonly by: "channel"; readonly channel: string }
  | { readonly name: string; readonly by: "commit"; readonly commit: string };

export interface Promoted {
  readonly release: Released;
  /** What the channel showed before; null: nothing. */
  readonly from: string | null;
  /** False when it showed the release already. */
  readonly moved: boolean;
  readonly treeSize: number;
  /** What the gates of the channel said. */
  readonly gates: readonly GateAnswer[];
}

/** Moves `channel` to what `selector` names, forward or back. Throws NOT_FOUND, KEY_NOT_ALLOWED, GATE_FAILED, RELEASE_YANKED, RELEASE_RETIRED. */
export async function promote(publisher: Publisher, selector: Selector, channel: string): Promise<Promoted> {
  const { store, context } = publisher;
  checkKeys(publisher, "log", "release");
  const { outcome, head } = await inStep(context.report, `move ${selector.name}:${channel}`, () =>
    commit(publisher, async ({ catalog }) => {
      const release = await select(catalog, selector);
      const shown = await findChannel(catalog, selector.name, channel);
      const time = seconds(context.now());
      const leaf = await channelLeaf({ catalog, release, wish: { channel }, time });
      const aim = leaf === undefined ? null : channel;
      const { gates, refusals } = await judge({ store, catalog, identity: release.manifest, channel: aim, time });
      const outcome = { release, from: shown?.version ?? null, moved: leaf !== undefined, gates };
      return { entries: [], leaves: refusals ?? present(leaf), outcome };
    }),
  );
  requirePassed(outcome.release, outcome.gates);
  return { ...outcome, treeSize: head.checkpoint.size };
}

/** Throws NOT_FOUND, or USAGE when a short commit id fits several. */
export async function select(catalog: CatalogReader, selector: Selector): Promise<Released> {
  const { name } = selector;
  if (selector.by === "version") return released(catalog, name, selector.version);
  if (selector.by === "channel") {
    const shown = await findChannel(catalog, name, selector.channel);
    if (shown !== undefined) return released(catalog, name, shown.version);
    throw new KilnError("NOT_FOUND", `${name}:${selector.channel}: there is no such channel`, {
      hint: "`kiln list` shows names and their channels",
    });
  }
  const found: Released[] = [];
  for await (const row of releases(catalog, name)) {
    if (row.commit?.startsWith(selector.commit)) found.push(await released(catalog, name, row.version));
  }
  if (found.length === 1) return found[0] as Released;
  if (found.length === 0) {
    throw new KilnError("NOT_FOUND", `${name}#${selector.commit}: no release was baked from this commit`, {
      hint: "bake and publish the commit first",
    });
  }
  throw new KilnError("USAGE", `${name}#${selector.commit}: got ${found.length} releases that fit`, {
    hint: `name one: ${found.map((release) => `${name}@${release.version}`).join(", ")}`,
  });
}
