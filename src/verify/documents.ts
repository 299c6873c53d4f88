// The documents that readers start from, believed: their checkpoint is the pinned log's, their entries are in its tree and
// signed by keys that may say so, and they speak of what was asked for. Whoever owns the store could have put another
// document here, validly signed: an older one only a reader who remembers a counter or a checkpoint can tell.

import { isCanonical } from "../artifact/json.ts";
import type {
  AliasLeaf,
  ChannelLeaf,
  Leaf,
  ReleaseLeaf,
  RetireLeaf,
  WithdrawalLeaf,
  UnyankLeaf,
  YankLeaf,
} from "../artifact/leaf.ts";
import { keys } from "../artifact/pool.ts";
import type { Trust } from "../artifact/trust.ts";
import { KilnError } from "../errors.ts";
import { type Checkpoint, logOf, openCheckpoint } from "../log/checkpoint.ts";
import {
  type ChannelDocument,
  parseChannelDocument,
  parseReleaseDocument,
  type ProvenEntry,
  type ReleaseDocument,
} from "../views/documents.ts";
import { verifyEntry } from "./entry.ts";

/** A leaf at its place in the log. */
export interface Placed<L extends Leaf> {
  readonly index: number;
  readonly leaf: L;
}

export interface VerifiedRelease {
  readonly checkpoint: Checkpoint;
  readonly release: Placed<ReleaseLeaf>;
  /** When `version` was an alias: the entry that made it one. */
  readonly alias: Placed<AliasLeaf> | undefined;
  /** The newest entry that yanked it, or took that back. */
  readonly yank: Placed<YankLeaf | UnyankLeaf> | undefined;
  readonly retire: Placed<RetireLeaf> | undefined;
}

export interface VerifiedChannel {
  readonly checkpoint: Checkpoint;
  readonly move: Placed<ChannelLeaf>;
  readonly release: Placed<ReleaseLeaf>;
}

/** The document of `name`@`version` (or an alias). Throws what `verifyEntry` throws, CHECKPOINT_INVALID, SUBJECT_MISMATCH. */
export function verifyReleaseDocument(
  bytes: Uint8Array,
  { name, version, trust }: { readonly name: string; readonly version: string; readonly trust: Trust },
): VerifiedRelease {
  const key = keys.release(name, version);
  const document = parseReleaseDocument(bytes, key);
  requireCanonical(document, bytes, key);
  const checkpoint = openCheckpoint(document.checkpoint, logOf(trust));
  const release = releaseOf(document.release, { key, checkpoint, trust });
  const alias = document.alias && aliasOf(document.alias, { key, checkpoint, trust });
  const shown = alias === undefined ? release.leaf.version : alias.leaf.alias;
  if (release.leaf.name !== name || shown !== version) {
    throw mismatch(key, `got the entry of ${release.leaf.name}@${shown}, want ${name}@${version}`);
  }
  if (alias !== undefined) wantSameRelease(key, alias.leaf, release.leaf);
  const yank = document.yank && withdrawalOf(document.yank, { key, checkpoint, trust }, "yank", "unyank");
  const retire = document.retire && withdrawalOf(document.retire, { key, checkpoint, trust }, "retire");
  for (const said of [yank, retire]) if (said !== undefined) wantSameRelease(key, said.leaf, release.leaf);
  return { checkpoint, release, alias, yank, retire };
}

/** The document of a channel of `name`. Throws what `verifyEntry` throws, CHECKPOINT_INVALID, SUBJECT_MISMATCH. */
export function verifyChannelDocument(
  bytes: Uint8Array,
  { name, channel, trust }: { readonly name: string; readonly channel: string; readonly trust: Trust },
): VerifiedChannel {
  const key = keys.channel(name, channel);
  const document = parseChannelDocument(bytes, key);
  requireCanonical(document, bytes, key);
  const checkpoint = openCheckpoint(document.checkpoint, logOf(trust));
  const release = releaseOf(document.release, { key, checkpoint, trust });
  const leaf = leafOf(document.move, { checkpoint, trust });
  if (leaf.type !== "channel") throw mismatch(key, `got an entry of type ${leaf.type}, want a channel move`);
  for (const [got, want, what] of [
    [leaf.name, name, "name"],
    [leaf.channel, channel, "channel"],
    [document.name, name, "name"],
    [document.channel, channel, "channel"],
  ] as const) {
    if (got !== want) throw mismatch(key, `got the ${what} ${got}, want ${want}`);
  }
  wantSameRelease(key, leaf, release.leaf);
  return { checkpoint, move: { index: document.move.index, leaf }, release };
}

/** A member that stands there twice would be read differently by different readers. Throws STORE_CORRUPT. */
function requireCanonical(document: ReleaseDocument | ChannelDocument, bytes: Uint8Array, key: string): void {
  if (isCanonical(document, bytes)) return;
  throw new KilnError("STORE_CORRUPT", `${key}: got a document that isn't in canonical JSON`);
}

interface Against {
  readonly checkpoint: Checkpoint;
  readonly trust: Trust;
}

function releaseOf(proven: ProvenEntry, against: Against & { readonly key: string }): Placed<ReleaseLeaf> {
  const leaf = leafOf(proven, against);
  if (leaf.type === "release") return { index: proven.index, leaf };
  throw mismatch(against.key, `got an entry of type ${leaf.type}, want a release`);
}

function aliasOf(proven: ProvenEntry, against: Against & { readonly key: string }): Placed<AliasLeaf> {
  const leaf = leafOf(proven, against);
  if (leaf.type === "alias") return { index: proven.index, leaf };
  throw mismatch(against.key, `got an entry of type ${leaf.type}, want an alias`);
}

function withdrawalOf<Type extends WithdrawalLeaf["type"]>(
  proven: ProvenEntry,
  against: Against & { readonly key: string },
  ...types: readonly Type[]
): Placed<Extract<WithdrawalLeaf, { readonly type: Type }>> {
  const leaf = leafOf(proven, against);
  if (types.some((type) => type === leaf.type)) {
    return { index: proven.index, leaf: leaf as Extract<WithdrawalLeaf, { readonly type: Type }> };
  }
  throw mismatch(against.key, `got an entry of type ${leaf.type}, want ${types.join(" or ")}`);
}

function leafOf({ index, entry, proof }: ProvenEntry, { checkpoint, trust }: Against): Leaf {
  const bytes = Buffer.from(entry, "base64");
  const hashes = proof.map((hash) => Buffer.from(hash, "base64"));
  return verifyEntry({ index, entry: bytes, proof: hashes, checkpoint, trust });
}

function wantSameRelease(key: string, pointer: ChannelLeaf | AliasLeaf | WithdrawalLeaf, release: ReleaseLeaf): void {
  const { name, version, manifest } = pointer;
  if (release.name === name && release.version === version && release.manifest === manifest) return;
  throw mismatch(
    key,
    `got the release ${release.name}@${release.version} (${release.manifest}), want ${name}@${version} (${manifest})`,
  );
}

function mismatch(key: string, problem: string): KilnError {
  return new KilnError("SUBJECT_MISMATCH", `${key}: ${problem}`);
}
