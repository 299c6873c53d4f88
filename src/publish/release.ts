// Publishing a bake: adopt what is there, else upload, then one append with the release, its alias and its channel move.
// Done twice, or by two jobs at once, it is a success that changes nothing the second time.

import type { Leaf } from "../artifact/leaf.ts";
import { KilnError } from "../errors.ts";
import { settle } from "../log/append.ts";
import { inStep } from "../report.ts";
import { requireSigners } from "../sign/signers.ts";
import type { Bake } from "./bake-folder.ts";
import { adopted, aliasLeaf, channelLeaf, type ChannelWish, type Claimant, present, type Released } from "./decide.ts";
import { type Addition, commit, logOf, type Publisher, seconds } from "./publisher.ts";
import { type PublishedState, stateAt } from "./state.ts";
import { upload, type Uploaded } from "./upload.ts";

export interface PublishOptions {
  readonly bake: Bake;
  readonly channel?: ChannelWish | undefined;
  /** Another version string for the release: the tag on its commit. */
  readonly alias?: string | undefined;
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
  requireSigners(signers, "log", "release", "openpgp");
  const { bake } = options;
  const before = await stateAt({ store, trust, head: await settle({ store, log: logOf(trust) }) });
  const there = await adopted(before.catalog, claimOf(bake));
  const uploaded =
    there !== undefined
      ? undefined
      : await inStep(
          context.report,
          `sign and upload ${bake.manifest.artifacts.length} artifacts`,
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

async function additionFor(options: {
  readonly state: PublishedState;
  readonly uploaded: Uploaded | undefined;
  readonly options: PublishOptions;
  readonly publisher: Publisher;
}): Promise<Addition<Omit<Published, "treeSize">>> {
  const { state, uploaded, publisher } = options;
  const { bake, channel, alias } = options.options;
  const { catalog } = state;
  const time = seconds(publisher.context.now());
  const claim = claimOf(bake);
  const there = await adopted(catalog, claim);
  const added = there === undefined ? newRelease({ bake, uploaded, state, time }) : undefined;
  const release = there ?? (added as NewRelease).release;
  const move = channel === undefined ? undefined : await channelLeaf({ catalog, release, time, wish: channel });
  const leaves = [
    ...present(added?.leaf),
    ...present(alias === undefined ? undefined : await aliasLeaf({ catalog, release, time, alias })),
    ...present(move),
  ];
  return {
    entries: added?.entries ?? [],
    leaves,
    outcome: { release, added: added !== undefined, moved: move?.channel ?? null },
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
    release: { name, version, manifest, commit: claims?.commit ?? null, leaf: state.head.checkpoint.size + entries.length },
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
