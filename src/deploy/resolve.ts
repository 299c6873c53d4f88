// NAME:CHANNEL or NAME@VERSION → one manifest digest, believed: the document's entries are in the pinned log and signed by
// keys that may say so, and this host has seen nothing newer. Nothing is acted on before; afterwards only the digest counts.

import { type Digest, digestOf } from "../artifact/digest.ts";
import { checkName } from "../artifact/name.ts";
import { keys } from "../artifact/pool.ts";
import type { Trust } from "../artifact/trust.ts";
import { KilnError } from "../errors.ts";
import { readDocument } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import { type VerifiedRelease, verifyChannelDocument, verifyReleaseDocument } from "../verify/documents.ts";
import { remember } from "./memory.ts";

export type Subject =
  | { readonly name: string; readonly channel: string; readonly version?: undefined }
  | { readonly name: string; readonly version: string; readonly channel?: undefined };

export interface Resolved {
  readonly name: string;
  readonly version: string;
  readonly manifest: Digest;
  /** The leaf of the release. */
  readonly index: number;
  /** Of a channel: its move's counter. */
  readonly counter: number | undefined;
}

export interface Source {
  readonly store: ReadableStore;
  readonly trust: Trust;
  /** Where this host keeps what it has seen. */
  readonly root: string;
  readonly signal: AbortSignal;
}

/** Parses what a person types. Throws USAGE or NAME_INVALID. */
export function parseSubject(text: string): Subject {
  const [, name, sign, rest] = /^([^@:]*)([@:])(.*)$/s.exec(text) ?? [];
  if (name === undefined || rest === undefined) {
    throw new KilnError("USAGE", `got ${JSON.stringify(text)}, want NAME@VERSION or NAME:CHANNEL`);
  }
  checkName("name", name);
  if (sign === "@") return { name, version: checkName("version", rest) };
  return { name, channel: checkName("channel", rest) };
}

/**
 * Throws NOT_FOUND; STORE_CORRUPT, CHECKPOINT_INVALID, PROOF_INVALID, SIGNATURE_INVALID, KEY_NOT_ALLOWED, SUBJECT_MISMATCH
 * for a document that isn't to be believed; RELEASE_YANKED and RELEASE_RETIRED; HEAD_REPLAYED and LOG_INCONSISTENT for one that contradicts what was seen.
 */
export async function resolve(subject: Subject, { store, trust, root, signal }: Source): Promise<Resolved> {
  const { name } = subject;
  const memory = { root, origin: trust.origin, store, signal };
  if (subject.channel !== undefined) {
    const { channel } = subject;
    const bytes = await documentAt(keys.channel(name, channel), `${name}:${channel}`, store);
    const { checkpoint, move, release } = verifyChannelDocument(bytes, { name, channel, trust });
    const { counter } = move.leaf;
    const head = { subject: `${name}:${channel}`, counter, index: move.index, document: digestOf(bytes) };
    await remember({ checkpoint, head }, memory);
    return { name, version: release.leaf.version, manifest: release.leaf.manifest, index: release.index, counter };
  }
  const bytes = await documentAt(keys.release(name, subject.version), `${name}@${subject.version}`, store);
  const { checkpoint, release, yank, retire } = verifyReleaseDocument(bytes, { name, version: subject.version, trust });
  await remember({ checkpoint }, memory);
  refuseTakenBack(`${name}@${subject.version}`, { yank, retire });
  return {
    name,
    version: release.leaf.version,
    manifest: release.leaf.manifest,
    index: release.index,
    counter: undefined,
  };
}

/**
 * Whoever names a version means it, but not what its maker took back since. A host that has it on its disk may still go back to
 * it: `rollback` asks no store. Known hole: who owns the store can put the document back that was written before.
 */
function refuseTakenBack(subject: string, { yank, retire }: Pick<VerifiedRelease, "yank" | "retire">): void {
  if (retire !== undefined) {
    throw new KilnError("RELEASE_RETIRED", `${subject}: it was retired: ${retire.leaf.reason}`, {
      hint: "deploy another version; what is retired isn't kept in the store",
    });
  }
  if (yank?.leaf.type !== "yank") return;
  throw new KilnError("RELEASE_YANKED", `${subject}: it was yanked: ${yank.leaf.reason}`, {
    hint: "deploy another version, or what a channel shows",
  });
}

async function documentAt(key: string, subject: string, store: ReadableStore): Promise<Uint8Array> {
  const document = await readDocument(store, key);
  if (document !== undefined) return document.bytes;
  throw new KilnError("NOT_FOUND", `${subject}: got nothing by this name in ${store.url}`, {
    hint: "`kiln list` shows the names, versions and channels that exist",
  });
}
