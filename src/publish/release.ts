// Publishing a bake: adopt what is there, else upload, then one append with the release, its alias and its channel move.
// Done twice, or by two jobs at once, it is a success that changes nothing the second time.

import type { Leaf } from "../artifact/leaf.ts";
import type { Manifest } from "../artifact/manifest.ts";
import { packagesOf } from "../artifact/packages.ts";
import { KilnError } from "../errors.ts";
import { settle } from "../log/append.ts";
import { logOf } from "../log/checkpoint.ts";
import { inStep } from "../report.ts";
import type { CatalogReader } from "../views/catalog.ts";
import { checkKeys, checkStatement } from "./allowed.ts";
import type { Bake } from "./bake-folder.ts";
import { requireDistinct, requireUnclaimed } from "./clashes.ts";
import {
  adopted,
  aliasLeaf,
  channelLeaf,
  type ChannelWish,
  type Claimant,
  present,
  type Released,
  released,
} from "./decide.ts";
import { type GateAnswer, judge, requirePassed } from "./gates.ts";
import { type Addition, commit, type Publisher, seconds } from "./publisher.ts";
import { type PublishedState, stateAt } from "./state.ts";
import { upload, type Uploaded } from "./upload.ts";

/** What shall lead to a release. */
export interface Pointers {
  readonly channel?: ChannelWish | undefined;
  /** Another version string for the release: the tag on its commit. */
  readonly alias?: string | undefined;
}

export interface PublishOptions extends Pointers {
  readonly bake: Bake;
}

export interface Published {
  readonly release: Released;
  /** False when the release was in the log before. */
  readonly added: boolean;
  /** The channel that was moved; null: none was. */
  readonly moved: string | null;
  readonly treeSize: number;
  /** What the gates said that were asked. */
  readonly gates: readonly GateAnswer[];
}

/** Throws IMMUTABLE_CONFLICT, NAME_CLASH, BAKE_CHANGED, KEY_NOT_ALLOWED, GATE_FAILED, and what the store and the log throw. */
export async function publishRelease(publisher: Publisher, options: PublishOptions): Promise<Published> {
  const { store, trust, signers, context } = publisher;
  checkKeys(publisher, "log", "release", "openpgp");
  const { bake } = options;
  requireDistinct(bake.manifest);
  const before = await stateAt({ store, trust, head: await settle({ store, log: logOf(trust) }) });
  const there = await adopted(before.catalog, claimOf(bake));
  const count = bake.manifest.artifacts.length;
  if (there === undefined) await rehearse(publisher, options, before);
  const uploaded =
    there !== undefined
      ? undefined
      : await inStep(
          context.report,
          `sign and upload ${count} ${count === 1 ? "artifact" : "artifacts"}`,
          (step) => upload({ store, signers, bake, context, step }),
          () => `manifest ${bake.identity.slice(0, 12)}`,
        );
  const { outcome, head } = await inStep(
    context.report,
    "commit to the log",
    () => commit(publisher, (state) => additionFor({ state, uploaded, options, publisher })),
    ({ from, head }) => (from === undefined ? "nothing to add" : `leaves ${from} to ${head.checkpoint.size - 1}`),
  );
  // Between the rehearsal and the commit somebody moved the channel that a gate compares with: the blobs belong to nobody.
  requirePassed(outcome.release, outcome.gates);
  return { ...outcome, treeSize: head.checkpoint.size };
}

/** Points a channel and an alias at a release that is there. Throws NOT_FOUND, and what publishing throws. */
export async function pointAt(
  publisher: Publisher,
  { name, version }: { readonly name: string; readonly version: string },
  pointers: Pointers,
): Promise<Published> {
  checkKeys(publisher, "log", "release");
  const { outcome, head } = await inStep(publisher.context.report, `point at ${name}@${version}`, () =>
    commit(publisher, async ({ catalog }) => {
      const release = await released(catalog, name, version);
      const { leaves, moved, gates } = await pointing({ catalog, release, pointers, publisher });
      return { entries: [], leaves, outcome: { release, added: false, moved, gates } };
    }),
  );
  requirePassed(outcome.release, outcome.gates);
  return { ...outcome, treeSize: head.checkpoint.size };
}

/**
 * Throws what the commit would throw, before anything is uploaded for it: KEY_NOT_ALLOWED, IMMUTABLE_CONFLICT, GATE_FAILED. What
 * a gate refuses is logged here, after it was asked again at the place in the log where the refusal stands.
 */
async function rehearse(publisher: Publisher, options: PublishOptions, before: PublishedState): Promise<void> {
  const { size } = before.head.checkpoint;
  const { name, version, manifest: identity, claims } = claimOf(options.bake);
  checkStatement(publisher, { type: "release", name }, size);
  await requireUnclaimed(before.catalog, { name, version, packages: packagesOf(options.bake.manifest) });
  const release = { name, version, manifest: identity, commit: claims?.commit ?? null, leaf: size };
  const { manifest } = options.bake;
  const { leaves, refused } = await pointing({
    catalog: before.catalog,
    release,
    manifest,
    pointers: options,
    publisher,
  });
  for (const leaf of leaves) checkStatement(publisher, leaf, size);
  if (refused) await logRefusals(publisher, options, release);
}

/** Throws GATE_FAILED once it is in the log; returns when by now the gates let the release pass, or it is there already. */
async function logRefusals(publisher: Publisher, options: PublishOptions, release: Released): Promise<void> {
  const { manifest } = options.bake;
  const { outcome } = await commit(publisher, async ({ catalog }) => {
    const there = await adopted(catalog, claimOf(options.bake));
    if (there !== undefined) return { entries: [], leaves: [], outcome: [] };
    const { leaves, refused, gates } = await pointing({ catalog, release, manifest, pointers: options, publisher });
    return { entries: [], leaves: refused ? leaves : [], outcome: gates };
  });
  requirePassed(release, outcome);
}

interface Pointing {
  /** Where the gates refused something: what logs that, and nothing else. */
  readonly leaves: readonly Leaf[];
  readonly moved: string | null;
  readonly gates: readonly GateAnswer[];
  readonly refused: boolean;
}

/** The leaves that make alias and channel lead to `release`, as far as they don't yet, if its gates let them. */
async function pointing(options: {
  readonly catalog: CatalogReader;
  readonly release: Released;
  /** Of a release that isn't in the log yet. */
  readonly manifest?: Manifest | undefined;
  readonly pointers: Pointers;
  readonly publisher: Publisher;
}): Promise<Pointing> {
  const { catalog, release, manifest, publisher } = options;
  const { alias, channel } = options.pointers;
  const time = seconds(publisher.context.now());
  const also = alias === undefined ? undefined : await aliasLeaf({ catalog, release, time, alias });
  const move = channel === undefined ? undefined : await channelLeaf({ catalog, release, time, wish: channel });
  const moved = move?.channel ?? null;
  const question = { store: publisher.store, catalog, identity: release.manifest, manifest, channel: moved, time };
  const { gates, refusals } = await judge(question);
  const leaves = refusals ?? [...present(also), ...present(move)];
  return { leaves, moved, gates, refused: refusals !== undefined };
}

async function additionFor(options: {
  readonly state: PublishedState;
  readonly uploaded: Uploaded | undefined;
  readonly options: PublishOptions;
  readonly publisher: Publisher;
}): Promise<Addition<Omit<Published, "treeSize">>> {
  const { state, uploaded, publisher } = options;
  const { bake } = options.options;
  const { catalog } = state;
  const there = await adopted(catalog, claimOf(bake));
  if (there === undefined) {
    await requireUnclaimed(catalog, { ...claimOf(bake), packages: packagesOf(bake.manifest) });
  }
  const time = seconds(publisher.context.now());
  const added = there === undefined ? newRelease({ bake, uploaded, state, time }) : undefined;
  const release = there ?? (added as NewRelease).release;
  const manifest = added === undefined ? undefined : bake.manifest;
  const pointers = options.options;
  const { leaves, moved, gates, refused } = await pointing({ catalog, release, manifest, pointers, publisher });
  const outcome = { release, added: added !== undefined, moved, gates };
  if (refused) return { entries: [], leaves, outcome };
  return { entries: added?.entries ?? [], leaves: [...present(added?.leaf), ...leaves], outcome };
}

interface NewRelease {
  readonly release: Released;
  readonly leaf: Leaf;
  readonly entries: readonly Uint8Array[];
}

function newRelease(options: {
  readonly bake: Bake;
  readonly uploaded: Uploaded | undefined;
  readonly state: PublishedState;
  readonly time: number;
}): NewRelease {
  const { bake, uploaded, state, time } = options;
  const { name, version, claims, manifest } = claimOf(bake);
  if (uploaded === undefined) {
    throw new KilnError("LOG_INCONSISTENT", `${name}@${version}: it was in the log, and is there no more`);
  }
  const { entries, signatures } = uploaded;
  return {
    release: {
      name,
      version,
      manifest,
      commit: claims?.commit ?? null,
      leaf: state.head.checkpoint.size + entries.length,
    },
    leaf: {
      type: "release",
      kiln: 1,
      name,
      version,
      manifest,
      signatures,
      entries: entries.length,
      claims,
      bakeKey: bake.manifest.bakeKey,
      packages: packagesOf(bake.manifest),
      time,
    },
    entries,
  };
}

function claimOf({ manifest: { name, version, source }, identity }: Bake): Claimant {
  const claims = source.commit === null ? null : { commit: source.commit, recipe: source.recipe };
  return { name, version, manifest: identity, claims };
}
