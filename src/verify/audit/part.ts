// A mirror of a part of a store says so in its kiln.json, which anybody who owns the store can change. So it is believed in one thing
// alone: that whole releases may be absent. What the log says that its channels or names lead to must be there, a release
// whose manifest is there must be there with all that belongs to it, and the audit says how many it couldn't look at.

import type { Leaf } from "../../artifact/leaf.ts";
import { manifestFile } from "../../artifact/manifest.ts";
import { keys, poolKey } from "../../artifact/pool.ts";
import type { StoreDocument } from "../../artifact/store-document.ts";
import type { DocumentsToCheck } from "./documents.ts";

type Mirrored = NonNullable<StoreDocument["mirror"]>;

export interface Part {
  readonly channels: readonly string[] | undefined;
  readonly names: readonly string[] | undefined;
  /** Manifests of releases that aren't here, as far as they were asked for. */
  readonly elsewhere: Set<string>;
}

/** `undefined`: the store doesn't say that it is a part of another. */
export function partOf(mirror: Mirrored | undefined): Part | undefined {
  if (mirror === undefined || (mirror.channels === undefined && mirror.names === undefined)) return undefined;
  return { channels: mirror.channels, names: mirror.names, elsewhere: new Set() };
}

/** Whether views of the part know of this channel of this name. */
export function isShownIn(
  part: Part | undefined,
  { name, channel }: { readonly name: string; readonly channel: string },
): boolean {
  if (part === undefined) return true;
  return part.channels?.includes(channel) !== false && part.names?.includes(name) !== false;
}

/** Whether a release, or what is about one, may be absent, and is. */
export async function isElsewhere(leaf: Leaf, { part, store, required }: PartToCheck): Promise<boolean> {
  if (part === undefined || required.has(leaf.manifest)) return false;
  if (part.names?.includes(leaf.name) === true) return false;
  if (part.elsewhere.has(leaf.manifest)) return true;
  if ((await store.head(poolKey({ sha256: leaf.manifest, file: manifestFile }))) !== undefined) return false;
  part.elsewhere.add(leaf.manifest);
  return true;
}

export interface PartToCheck extends DocumentsToCheck {
  /** Manifests that must be here. */
  readonly required: ReadonlySet<string>;
}

/** Says what couldn't be looked at. */
export function noteElsewhere({ part, findings }: DocumentsToCheck): void {
  if (part === undefined) return;
  const of =
    part.channels === undefined
      ? `the releases of ${part.names?.join(", ")}`
      : `what ${part.channels.join(", ")} shows`;
  const count = part.elsewhere.size;
  findings.note(
    "MIRROR_PARTIAL",
    keys.store,
    `${keys.store}: it says that this mirrors only ${of}: ${count} ${count === 1 ? "release isn't" : "releases aren't"} here`,
  );
}
