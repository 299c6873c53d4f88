// Garbage collection: removes what nothing refers to, or what the log retires, when it is older than the grace time by the store's
// own clock. It runs while others publish, without a lock:
//
//   clock    what was made or renewed after `since` (the store's now, less the grace) stays, whatever it is
//   mark     everything that the log as it stands, the views' documents and the generations that they keep name
//   sweep    what is old and not marked goes, one object at a time, each only if it is still as old
//
// A publish that commits meanwhile names blobs that it made or renewed less than half the grace ago (see ../group.ts), so none of them
// is old. If we stop anywhere, what is left is garbage still. Whatever can't be read ends it before anything is removed.

import { randomBytes } from "node:crypto";

import pMap from "p-map";

import { isWithdrawal } from "../../artifact/leaf.ts";
import { keys, probes } from "../../artifact/pool.ts";
import { parseStoreDocument } from "../../artifact/store-document.ts";
import type { Trust } from "../../artifact/trust.ts";
import type { Context } from "../../context.ts";
import { isKilnError } from "../../errors.ts";
import { settle } from "../../log/append.ts";
import { logOf } from "../../log/checkpoint.ts";
import type { Head } from "../../log/head.ts";
import { isCovered } from "../../log/tiles.ts";
import { inStep, type Step } from "../../report.ts";
import { readDocument, readWholeBlob } from "../../stores/read.ts";
import type { ListedObject, Store } from "../../stores/store.ts";
import { checkSignal } from "../../system/retry.ts";
import { views } from "../../views/index.ts";
import { isLapsed } from "../reserve.ts";
import { readCatalog, readVerified } from "../state.ts";
import { foldCatalogs, sizeAt } from "./catalog-shards.ts";
import { type Marks, newMarks } from "./marks.ts";
import { type LoggedRelease, markAttestation, markReleases } from "./pool.ts";

export interface Gc {
  readonly store: Store;
  /** The pinned trust file. */
  readonly trust: Trust;
  /** Milliseconds that something must have been unused, and unchanged, before it goes. */
  readonly grace: number;
  /** Says what would go, and removes nothing. */
  readonly isDryRun: boolean;
  /** Told of each object that goes, or would. */
  readonly onRemoved: (object: ListedObject) => void;
  readonly context: Pick<Context, "now" | "report" | "signal">;
}

export interface Collected {
  /** Objects that went, or would go. */
  readonly removed: number;
  /** Their bytes. */
  readonly bytes: number;
  /** Uploads that were never completed, and are given up now. */
  readonly uploads: number;
  /** Objects that were looked at. */
  readonly seen: number;
  /** What was made or renewed after this stays; milliseconds since 1970 by the store's clock. */
  readonly since: number;
}

/** Throws STORE_NOT_FOUND, STORE_CORRUPT, OBJECT_MISSING, SIGNATURE_INVALID and CANCELLED, and what the store throws. */
export async function collectGarbage(options: Gc): Promise<Collected> {
  const { store, trust, grace, context } = options;
  const since = (await storeClock(store)) - grace;
  const head = await settle({ store, log: logOf(trust) });
  const isGarbage = await inStep(
    context.report,
    "look for what is referred to",
    (step) => mark({ ...options, since, head, step }),
    (marked) => `${marked.count} objects`,
  );
  return inStep(
    context.report,
    options.isDryRun ? "look for the rest" : "remove the rest",
    (step) => sweep(isGarbage.areas, { ...options, since, step }),
    ({ removed, seen }) => `${removed} of ${seen} objects`,
  );
}

/** The store's now: when something that is made this moment was made. */
async function storeClock(store: Store): Promise<number> {
  const key = keys.probe(randomBytes(8).toString("hex"), "clock");
  try {
    await store.create(key, Buffer.from("now"));
    return (await store.head(key))?.modified ?? 0;
  } finally {
    await store.remove(key, Number.MAX_SAFE_INTEGER);
  }
}

/** A part of the store that gc looks through. Every other key is left alone. */
interface Area {
  readonly prefix: string;
  readonly isGarbage: (object: ListedObject) => boolean | Promise<boolean>;
}

interface Marking extends Gc {
  readonly since: number;
  readonly head: Head;
  readonly step: Step;
}

async function mark(options: Marking): Promise<{ readonly count: number; readonly areas: readonly Area[] }> {
  const { store, trust, head, since, context } = options;
  const { size } = head.checkpoint;
  const marks = newMarks();
  if (head.added !== null && "staged" in head.added) marks.add(keys.staging(head.added.staged));
  const catalogs = foldCatalogs(await sizeAt(store, { moment: since, size }));
  const releases: LoggedRelease[] = [];
  const retired = new Set<string>();
  const channels = new Set<string>();
  for await (const { index, entry, sound } of readVerified({ store, trust, head, from: 0 })) {
    checkSignal(context.signal);
    if (entry.sort !== "leaf" || !sound) continue;
    const { leaf } = entry;
    await catalogs.add(index, leaf);
    if (leaf.type === "release") releases.push({ leaf, isRetired: false });
    else if (leaf.type === "attestation") markAttestation(leaf, marks);
    else if (leaf.type === "channel") channels.add(leaf.channel);
    else if (isWithdrawal(leaf) && leaf.type === "retire") retired.add(leaf.manifest);
  }
  for (const digest of await catalogs.kept()) marks.add(keys.catalogShard(digest));
  for (const { digest } of (await readCatalog(store)).catalog.table) marks.add(keys.catalogShard(digest));
  const named = releases.map(({ leaf }) => ({ leaf, isRetired: retired.has(leaf.manifest) }));
  await markReleases(named, { ...options, marks, isPart: await isPart(store) });
  const generations = await markGenerations([...channels], { ...options, marks });
  const isUnmarked = ({ key }: ListedObject) => !marks.has(key);
  const areas: Area[] = [
    { prefix: "pool/", isGarbage: isUnmarked },
    { prefix: "log/staging/", isGarbage: isUnmarked },
    { prefix: "log/tile/", isGarbage: ({ key }) => isCovered(key, size) },
    { prefix: "catalog/shard/", isGarbage: isUnmarked },
    { prefix: "reservations/", isGarbage: ({ key }) => isLapsed(store, { key, now: context.now() }) },
    { prefix: probes, isGarbage: () => true },
    ...generations.map(({ prefix, pattern }) => ({
      prefix,
      isGarbage: (object: ListedObject) => pattern.test(object.key) && isUnmarked(object),
    })),
  ];
  return { count: marks.count, areas };
}

async function isPart(store: Store): Promise<boolean> {
  const found = await readDocument(store, keys.store);
  const { mirror } = found === undefined ? {} : parseStoreDocument(found.bytes);
  return mirror?.channels !== undefined || mirror?.names !== undefined;
}

async function markGenerations(channels: readonly string[], options: Marking & { readonly marks: Marks }) {
  const { store, trust, since, context, marks } = options;
  const source = {
    channels,
    keys: trust.openpgp.map(({ publicKey }) => publicKey),
    now: context.now(),
    since,
    list: (prefix: string) => store.list(prefix),
    read: async (key: string) => (await readDocument(store, key))?.bytes,
    object: async (key: string, sha256: string) => presentBlob(store, key, sha256),
    modified: async (key: string) => (await store.head(key))?.modified,
  };
  const all = views.flatMap(({ generations }) => generations ?? []);
  for (const { kept } of all) for await (const key of kept(source)) marks.add(key);
  return all;
}

async function presentBlob(store: Store, key: string, sha256: string): Promise<Uint8Array | undefined> {
  try {
    return await readWholeBlob(store, key, sha256);
  } catch (error) {
    if (isKilnError(error, "NOT_FOUND")) return undefined;
    throw error;
  }
}

const removedAtOnce = 16;

async function sweep(
  areas: readonly Area[],
  { store, since, isDryRun, onRemoved, step, context }: Gc & { readonly since: number; readonly step: Step },
): Promise<Collected> {
  let [removed, bytes, seen] = [0, 0, 0];
  const look = async (object: ListedObject, { isGarbage }: Area): Promise<void> => {
    checkSignal(context.signal);
    step.progress((seen += 1), undefined, "items");
    if (object.modified > since || !(await isGarbage(object))) return;
    if (!isDryRun && (await store.remove(object.key, since)) === "kept") return;
    removed += 1;
    bytes += object.size;
    onRemoved(object);
  };
  for (const area of areas) {
    await pMap(store.list(area.prefix), (object) => look(object, area), { concurrency: removedAtOnce });
  }
  let uploads = 0;
  for await (const { begun, abort } of store.uploads?.() ?? []) {
    checkSignal(context.signal);
    if (begun > since) continue;
    if (!isDryRun) await abort();
    uploads += 1;
  }
  return { removed, bytes, uploads, seen, since };
}
