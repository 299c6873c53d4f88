// What shall lead to a release: a channel, an alias. Decided for the log as it stands, with the gates that a move asks.

import type { Digest } from "../artifact/digest.ts";
import type { Leaf } from "../artifact/leaf.ts";
import type { Manifest } from "../artifact/manifest.ts";
import type { CatalogReader } from "../views/catalog.ts";
import { aliasLeaf, channelLeaf, type ChannelWish, present, type Released } from "./decide.ts";
import { type GateAnswer, judge } from "./gates.ts";
import { type Publisher, seconds } from "./publisher.ts";

/** What shall lead to a release. */
export interface Pointers {
  readonly channel?: ChannelWish | undefined;
  /** Another version string for the release: the tag on its commit. */
  readonly alias?: string | undefined;
}

export interface Pointing {
  /** Where the gates refused something: what logs that, and nothing else. */
  readonly leaves: readonly Leaf[];
  readonly moved: string | null;
  readonly gates: readonly GateAnswer[];
  readonly refused: boolean;
}

/** The leaves that make alias and channel lead to `release`, as far as they don't yet, if its gates let them. */
export async function pointing(options: {
  readonly catalog: CatalogReader;
  readonly release: Released;
  /** Of a release that isn't in the log yet. */
  readonly manifest?: Manifest | undefined;
  /** Of releases that are published together with it. */
  readonly manifests?: ReadonlyMap<Digest, Manifest> | undefined;
  readonly pointers: Pointers;
  readonly publisher: Publisher;
}): Promise<Pointing> {
  const { catalog, release, manifest, manifests, publisher } = options;
  const { store } = publisher;
  const { alias, channel } = options.pointers;
  const time = seconds(publisher.context.now());
  const also = alias === undefined ? undefined : await aliasLeaf({ catalog, release, time, alias });
  const move = channel === undefined ? undefined : await channelLeaf({ catalog, release, time, wish: channel });
  const moved = move?.channel ?? null;
  const identity = release.manifest;
  const { gates, refusals } = await judge({ store, catalog, identity, manifest, manifests, channel: moved, time });
  const leaves = refusals ?? [...present(also), ...present(move)];
  return { leaves, moved, gates, refused: refusals !== undefined };
}
