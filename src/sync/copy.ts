// Copies the objects of releases from the source to the target's pool, each checked against its digest while it passes: what isn't
// what the log leads to never comes to be in the target. The manifest is the last of its release, so a release that the target's log
// leads to, and whose manifest is there, is there whole, and isn't looked at again.
// If we stop here, the target has blobs that nobody refers to, and its gc takes those that get old. So what an earlier run left is
// renewed, and a run that took long looks again, before the target's log leads to any of it.

import pMap from "p-map";

import { attestationKey } from "../artifact/attestation.ts";
import type { Digest } from "../artifact/digest.ts";
import type { ReleaseLeaf } from "../artifact/leaf.ts";
import { blobsOf } from "../artifact/manifest.ts";
import { poolKey } from "../artifact/pool.ts";
import { nativesOf } from "../artifact/signatures.ts";
import type { Context } from "../context.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { renewalAge } from "../publish/gc/grace.ts";
import type { Step } from "../report.ts";
import { readBlob, readWholeBlob } from "../stores/read.ts";
import { documentLimit, type ReadableStore, type Store } from "../stores/store.ts";
import { checkSignal } from "../system/retry.ts";
import { manifestKey, manifestOf, signaturesKey, signaturesOf } from "../verify/signed-release.ts";
import type { Wanted } from "./wanted.ts";

/** An object that the target lacks. */
export interface Lacking {
  readonly key: string;
  readonly sha256: Digest;
  /** Undefined: the log doesn't say it. */
  readonly size: number | undefined;
}

/** Objects in the order in which they are copied. */
export interface LackingRelease {
  readonly name: string;
  readonly version: string;
  readonly objects: readonly Lacking[];
  /** What an earlier run left in the target, so long ago that its gc may take it. */
  readonly old: readonly Lacking[];
}

/** Milliseconds: so old an object may be when it is looked at, and so long a run may take after that. Together they are what gc allows. */
export const oldAfter = renewalAge / 2;

/** Releases and attestations that are looked at, or copied, at once. */
const atOnce = 8;

interface ToLook {
  readonly source: ReadableStore;
  readonly target: ReadableStore;
  /** Look at every object, also of releases whose manifest is there. */
  readonly all: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What is to be copied. Throws OBJECT_MISSING, STORE_CORRUPT, DIGEST_MISMATCH, SUBJECT_MISMATCH. */
export async function lackingOf(wanted: Wanted, stores: ToLook): Promise<LackingRelease[]> {
  const releases = await pMap(
    wanted.releases,
    (leaf) =>
      lackingRelease(leaf, {
        ...stores,
        mayBeGone: wanted.retired.has(leaf.manifest),
        isNew: wanted.added.has(leaf.manifest),
      }),
    { concurrency: atOnce },
  );
  const others = await pMap(
    wanted.attestations,
    ({ digest }) => {
      const one = { key: attestationKey(digest), sha256: digest, size: undefined };
      return lackingOnes([one], { ...stores, mayBeOld: !wanted.added.has(digest) });
    },
    { concurrency: atOnce },
  );
  const besides = {
    name: "",
    version: "",
    objects: others.flatMap(({ objects }) => objects),
    old: others.flatMap(({ old }) => old),
  };
  return [...releases, besides].filter(({ objects, old }) => objects.length + old.length > 0);
}

async function lackingRelease(
  leaf: ReleaseLeaf,
  { mayBeGone, isNew, ...stores }: ToLook & { readonly mayBeGone: boolean; readonly isNew: boolean },
): Promise<LackingRelease> {
  const { source, target, all } = stores;
  const { name, version } = leaf;
  const last = { key: manifestKey(leaf), sha256: leaf.manifest };
  const there = await target.head(last.key);
  // What the target's log leads to is no garbage, however old it is.
  const mayBeOld = there !== undefined && !isNew;
  if (!all && mayBeOld) return { name, version, objects: [], old: [] };
  const document = await fromSource(source, last);
  const manifest = manifestOf(leaf, document);
  const other = { key: signaturesKey(leaf), sha256: leaf.signatures };
  const signed = await fromSource(source, other);
  const signatures = signaturesOf(leaf, manifest, signed);
  const blobs = [...blobsOf(manifest), ...nativesOf(signatures)].map((blob) => ({
    key: poolKey(blob),
    sha256: blob.sha256,
    size: blob.size,
  }));
  const present = mayBeGone ? await pFilter(blobs, async ({ key }) => (await source.head(key)) !== undefined) : blobs;
  const inOrder = [...present, { ...other, size: signed.length }, { ...last, size: document.length }];
  return { name, version, ...(await lackingOnes(inOrder, { ...stores, mayBeOld })) };
}

async function pFilter<T>(all: readonly T[], isKept: (one: T) => Promise<boolean>): Promise<T[]> {
  const kept = await Promise.all(all.map(isKept));
  return all.filter((_, at) => kept[at]);
}

async function lackingOnes(
  wanted: readonly Lacking[],
  { target, now, mayBeOld }: ToLook & { readonly mayBeOld: boolean },
): Promise<Pick<LackingRelease, "objects" | "old">> {
  const objects: Lacking[] = [];
  const old: Lacking[] = [];
  for (const one of new Map(wanted.map((object) => [object.key, object])).values()) {
    const there = await target.head(one.key);
    if (there === undefined) objects.push(one);
    else if (!mayBeOld && now - there.modified >= oldAfter) old.push(one);
  }
  return { objects, old };
}

async function fromSource(source: ReadableStore, { key, sha256 }: Pick<Lacking, "key" | "sha256">): Promise<Buffer> {
  return named(key, () => readWholeBlob(source, key, sha256));
}

/** An object that the log names and the source hasn't got is a finding, not a question that was asked wrongly. */
async function named<T>(key: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isKilnError(error, "NOT_FOUND")) throw error;
    throw new KilnError("OBJECT_MISSING", error.message, {
      hint: "`kiln audit` of the source says what else it lacks; what the target has stays as it is",
      details: { key },
      cause: error,
    });
  }
}

export interface Copied {
  readonly objects: number;
  /** Bytes. */
  readonly bytes: number;
}

/** Throws OBJECT_MISSING, STORE_CORRUPT, CANCELLED, and what the stores throw. */
export async function copyAll(
  releases: readonly LackingRelease[],
  options: {
    readonly source: ReadableStore;
    readonly target: Store;
    readonly context: Pick<Context, "signal">;
    readonly step: Step;
  },
): Promise<Copied> {
  const { source, target, context, step } = options;
  const total = bytesOf(releases);
  let bytes = 0;
  let count = 0;
  async function* passing({ key, sha256, size }: Lacking): AsyncGenerator<Uint8Array> {
    for await (const piece of readBlob(source, key, { sha256, size: size ?? documentLimit })) {
      checkSignal(context.signal);
      step.progress((bytes += piece.length), total, "bytes");
      yield piece;
    }
  }
  const copyRelease = async ({ objects, old }: LackingRelease): Promise<void> => {
    // Made of its own bytes again, it is new. Gone by now: NOT_FOUND, and whoever looks again finds it lacking.
    for (const { key, sha256, size = documentLimit } of old) {
      await target.create(key, readBlob(target, key, { sha256, size }));
    }
    for (const one of objects) {
      await named(one.key, () => target.create(one.key, passing(one)));
      count += 1;
    }
  };
  await pMap(releases, copyRelease, { concurrency: atOnce });
  return { objects: count, bytes };
}

/** As far as it is known. */
export function bytesOf(releases: readonly LackingRelease[]): number {
  return releases.flatMap(({ objects }) => objects).reduce((sum, { size = 0 }) => sum + size, 0);
}
