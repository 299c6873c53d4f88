// Yanking: a release stays where it is, and nothing leads to it any more. The channels that show it are moved by the same
// append, before it: at no point of the log does a channel show what was yanked.

import type { Leaf } from "../artifact/leaf.ts";
import { KilnError } from "../errors.ts";
import { inStep } from "../report.ts";
import { type CatalogReader, channels, withdrawalOf } from "../views/catalog.ts";
import { checkKeys } from "./allowed.ts";
import { channelLeaf, present, type Released, released } from "./decide.ts";
import { type GateAnswer, judge, requirePassed } from "./gates.ts";
import { type Addition, commit, type Publisher, seconds } from "./publisher.ts";

export interface ReleaseName {
  readonly name: string;
  /** Or an alias. */
  readonly version: string;
}

export interface Yank extends ReleaseName {
  readonly reason: string;
  /** The version (or alias) that the channels which show it move to; undefined: none shows it, or it is refused. */
  readonly moveTo?: string | undefined;
}

export interface Yanked {
  readonly release: Released;
  /** False when it was so before. */
  readonly changed: boolean;
  /** The channels that were moved. */
  readonly moved: readonly string[];
  readonly treeSize: number;
}

/** Throws NOT_FOUND, RELEASE_SHOWN, GATE_FAILED, KEY_NOT_ALLOWED; RELEASE_YANKED and RELEASE_RETIRED of what it would move to. */
export async function yank(publisher: Publisher, wanted: Yank): Promise<Yanked> {
  checkKeys(publisher, "log", "release");
  const { name, version } = wanted;
  const { outcome, head } = await inStep(publisher.context.report, `yank ${name}@${version}`, () =>
    commit(publisher, ({ catalog }) => yanking(wanted, { catalog, publisher })),
  );
  const { target, gates, ...yanked } = outcome;
  requirePassed(target, gates);
  return { ...yanked, treeSize: head.checkpoint.size };
}

/** Takes a yank back. Throws NOT_FOUND, RELEASE_RETIRED, KEY_NOT_ALLOWED. */
export async function unyank(publisher: Publisher, { name, version }: ReleaseName): Promise<Yanked> {
  checkKeys(publisher, "log", "release");
  const { outcome, head } = await inStep(publisher.context.report, `unyank ${name}@${version}`, () =>
    commit(publisher, async ({ catalog }) => {
      const release = await released(catalog, name, version);
      const { yanked, retired } = await withdrawalOf(catalog, name, release.version);
      const changed = yanked !== null;
      if (changed && retired !== null) {
        throw new KilnError("RELEASE_RETIRED", `${name}@${release.version}: it was retired: ${retired}`, {
          hint: "what is retired isn't kept; publish a new version",
        });
      }
      const leaf: Leaf = { type: "unyank", kiln: 1, ...identityOf(release), time: seconds(publisher.context.now()) };
      return { entries: [], leaves: changed ? [leaf] : [], outcome: { release, changed, moved: [] } };
    }),
  );
  return { ...outcome, treeSize: head.checkpoint.size };
}

interface Yanking extends Omit<Yanked, "treeSize"> {
  /** What the channels move to. */
  readonly target: Released;
  readonly gates: readonly GateAnswer[];
}

async function yanking(
  { name, version, reason, moveTo }: Yank,
  { catalog, publisher }: { readonly catalog: CatalogReader; readonly publisher: Publisher },
): Promise<Addition<Yanking>> {
  const release = await released(catalog, name, version);
  const target = moveTo === undefined ? release : await released(catalog, name, moveTo);
  const outcome = { release, changed: false, moved: [], target, gates: [] };
  if ((await withdrawalOf(catalog, name, release.version)).yanked !== null) return { entries: [], leaves: [], outcome };
  const showing = await channelsShowing(catalog, release);
  if (showing.length > 0 && target.manifest === release.manifest) throw shown(release, showing, "yank");

  const { store, context } = publisher;
  const time = seconds(context.now());
  const moves: Leaf[] = [];
  const gates: GateAnswer[] = [];
  const refused: Leaf[] = [];
  for (const channel of showing) {
    moves.push(...present(await channelLeaf({ catalog, release: target, wish: { channel }, time })));
    const judged = await judge({ store, catalog, identity: target.manifest, channel, time });
    gates.push(...judged.gates);
    refused.push(...(judged.refusals ?? []));
  }
  if (gates.some(({ passed }) => !passed)) return { entries: [], leaves: refused, outcome: { ...outcome, gates } };
  const leaf: Leaf = { type: "yank", kiln: 1, ...identityOf(release), reason, time };
  return { entries: [], leaves: [...moves, leaf], outcome: { ...outcome, changed: true, moved: showing, gates } };
}

export function identityOf({ name, version, manifest }: Released): Pick<Released, "name" | "version" | "manifest"> {
  return { name, version, manifest };
}

/** The channels whose current release it is. */
export async function channelsShowing(catalog: CatalogReader, { name, manifest }: Released): Promise<string[]> {
  const found: string[] = [];
  for await (const { channel, shows } of channels(catalog, name)) if (shows.manifest === manifest) found.push(channel);
  return found;
}

export function shown({ name, version }: Released, showing: readonly string[], verb: "yank" | "retire"): KilnError {
  const are =
    showing.length === 1 ? `the channel ${showing[0]} that shows it` : `channels that show it: ${showing.join(", ")}`;
  const hint =
    verb === "yank"
      ? `say which version they shall show instead: kiln yank ${name}@${version} --move-to VERSION …`
      : `promote another version there first; \`kiln list ${name}\` shows what exists`;
  return new KilnError("RELEASE_SHOWN", `${name}@${version}: got ${are}, want none`, {
    hint,
    details: { name, version, channels: showing },
  });
}
