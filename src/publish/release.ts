// Publishing a bake: adopt what is there, else upload, then one append with the release, its alias and its channel move.
// Done twice, or by two jobs at once, it is a success that changes nothing the second time.

import type { Leaf } from "../artifact/leaf.ts";
import { KilnError } from "../errors.ts";
import { settle } from "../log/append.ts";
import { logOf } from "../log/checkpoint.ts";
import { inStep } from "../report.ts";
import type { CatalogReader } from "../views/catalog.ts";
import { checkKeys, checkStatement } from "./allowed.ts";
import type { Bake } from "./bake-folder.ts";
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
}

/** Throws IMMUTABLE_CONFLICT, BAKE_CHANGED, KEY_NOT_ALLOWED, and what the store and the log throw. */
export async function publishRelease(publisher: Publisher, options: PublishOptions): Promise<Published> {
  const { store, trust, signers, context } = publisher;
  checkKeys(publisher, "log", "release", "openpgp");
  const { bake } = options;
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
      const { leaves, moved } = await pointing({ catalog, release, pointers, publisher });
      return { entries: [], leaves, outcome: { release, added: false, moved } };
    }),
  );
  return { ...outcome, treeSize: head.checkpoint.size };
}

/** Throws what the commit would throw, before anything is uploaded for it: KEY_NOT_ALLOWED, IMMUTABLE_CONFLICT. */
async function rehearse(publisher: Publisher, options: PublishOptions, before: PublishedState): Promise<void> {
  const { size } = before.head.checkpoint;
  const { name, version, manifest, claims } = claimOf(options.bake);
  checkStatement(publisher, { type: "release", name }, size);
  const release = { name, version, manifest, commit: claims?.commit ?? null, leaf: size };
  const { leaves } = await pointing({ catalog: before.catalog, release, pointers: options, publisher });
  for (const leaf of leaves) checkStatement(publisher, leaf, size);
}

/** The leaves that make alias and channel lead to `release`, as far as they don't yet. */
async function pointing(options: {
  readonly catalog: CatalogReader;
  readonly release: Released;
  readonly pointers: Pointers;
  readonly publisher: Publisher;
}): Promise<{ leaves: Leaf[]; moved: string | null }> {
  const { catalog, release, publisher } = options;
  const { alias, channel } = options.pointers;
  const time = seconds(publisher.context.now());
  const also = alias === undefined ? undefined : await aliasLeaf({ catalog, release, time, alias });
  const move = channel === undefined ? undefined : await channelLeaf({ catalog, release, time, wish: channel });
  return { leaves: [...present(also), ...present(move)], moved: move?.channel ?? null };
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
  const time = seconds(publisher.context.now());
  const added = there === undefined ? newRelease({ bake, uploaded, state, time }) : undefined;
  const release = there ?? (added as NewRelease).release;
  const { leaves, moved } = await pointing({ catalog, release, pointers: options.options, publisher });
  return {
    entries: added?.entries ?? [],
    leaves: [...present(added?.leaf), ...leaves],
    outcome: { release, added: added !== undefined, moved },
  };
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
      time,
    },
    entries,
  };
}

function claimOf({ manifest: { name, version, source }, identity }: Bake): Claimant {
  const claims = source.commit === null ? null : { commit: source.commit, recipe: source.recipe };
  return { name, version, manifest: identity, claims };
}
