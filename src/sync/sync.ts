// Mirrors a store, or a part of it, to another one, in an order that leaves every reader of the target with what it needs:
//
//   look     the source's catalog, which says how far its views are; then its repositories, then its log: so the log has all that
//            they name, and they have all that the catalog says                                         → nothing is written
//   copy     blobs, each checked while it passes; a release's manifest last                           → nobody refers to them
//   extend   tiles, then log/head by compare-and-swap, then the checkpoint                             → the target's log is the longer one
//   views    those that need no key are made anew for the target, signed ones are copied, the catalog is last
//
// If we stop anywhere, the target is as it was or further on, and the next run goes on: what is there isn't copied again.
// Only the pinned trust file is believed. A target whose log isn't the start of the source's is refused before anything is written.

import { randomBytes } from "node:crypto";

import { manifestFile, parseManifest } from "../artifact/manifest.ts";
import { keys, poolKey, probes } from "../artifact/pool.ts";
import { parseStoreDocument, publicUrlOf, storeBytes, type StoreDocument } from "../artifact/store-document.ts";
import { trustDocuments } from "../artifact/trust-documents.ts";
import type { Trust } from "../artifact/trust.ts";
import type { Context } from "../context.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { settle } from "../log/append.ts";
import { logOf } from "../log/checkpoint.ts";
import { type Head, readHead } from "../log/head.ts";
import { requireConditions } from "../publish/require-conditions.ts";
import { emptyCatalog, type PublishedState, readCatalog, stateAt } from "../publish/state.ts";
import { changeSource } from "../publish/view-source.ts";
import { inStep } from "../report.ts";
import { readDocument, readWholeBlob } from "../stores/read.ts";
import type { ReadableStore, Store } from "../stores/store.ts";
import { catalogBytes, channels, names, releases } from "../views/catalog.ts";
import { views } from "../views/index.ts";
import type { Standing } from "../views/view.ts";
import { bytesOf, copyAll, lackingOf, type LackingRelease, oldAfter } from "./copy.ts";
import { overlay } from "./overlay.ts";
import { isSameScope, isWhole, type Scope, widened } from "./scope.ts";
import { readSourceLog, type SourceLog } from "./source-log.ts";
import { writeViews } from "./views.ts";
import { type Wanted, wantedOf } from "./wanted.ts";
import { writeLog } from "./write-log.ts";

export interface SyncOptions {
  readonly source: ReadableStore;
  /** Only read when `dryRun` is set. */
  readonly target: ReadableStore;
  /** The pinned trust file of the source's log. */
  readonly trust: Trust;
  /** What is asked for; the target's own scope is kept beside it. */
  readonly asked: Scope;
  /** Where clients reach the target; undefined: as it says itself. */
  readonly publicUrl: string | undefined;
  /** Look at every object and write every view anew, whatever was done before. */
  readonly all: boolean;
  readonly context: Context;
  readonly pause: (attempt: number) => Promise<void>;
}

export interface Synced {
  readonly scope: Scope;
  /** Leaves of the target's log, before and after. */
  readonly before: number;
  readonly leaves: number;
  /** Releases of which something was copied, or is to be. */
  readonly releases: number;
  readonly objects: number;
  readonly bytes: number;
  /** How many leaves the source is behind the target: then nothing was done. */
  readonly behind: number;
}

/** How often a source that moves on, or a target that others write, is looked at again. */
const mostAttempts = 5;

/** Throws MIRROR_CONFLICT, LOG_INCONSISTENT, STORE_CORRUPT, OBJECT_MISSING, SIGNATURE_INVALID, CANCELLED, STORE_CONTENDED. */
export async function sync(options: SyncOptions & { readonly target: Store }): Promise<Synced> {
  for (let attempt = 0; ; attempt++) {
    if (attempt > 0) await options.pause(attempt);
    try {
      const done = await syncOnce(options);
      if (done !== undefined) return done;
    } catch (error) {
      // What a document of the source named may be gone by now: then there is a newer document.
      if (!isKilnError(error, "NOT_FOUND", "SIGNATURE_INVALID") || attempt + 1 >= mostAttempts) throw error;
    }
    if (attempt + 1 < mostAttempts) continue;
    throw new KilnError(
      "STORE_CONTENDED",
      `${options.target.url}: others wrote to it each time that it was looked at`,
      {
        hint: "run it again; nothing is copied twice",
      },
    );
  }
}

/** Throws STORE_UNSUITABLE. A run that was ended while it asked left its marks. */
async function requireKeeping(target: Store): Promise<void> {
  for await (const { key } of target.list(probes)) await target.remove(key, Number.MAX_SAFE_INTEGER);
  await requireConditions(target, randomBytes(8).toString("hex"));
}

/** What a sync would do. */
export async function plannedSync(options: SyncOptions): Promise<Synced> {
  const plan = await planOf(options, await headOf(options.target, options.trust));
  return resultOf(plan, {
    objects: plan.lacking.flatMap(({ objects }) => objects).length,
    bytes: bytesOf(plan.lacking),
  });
}

interface Plan {
  readonly own: StoreDocument | undefined;
  readonly scope: Scope;
  readonly known: Head | undefined;
  readonly log: SourceLog;
  readonly wanted: Wanted;
  readonly lacking: readonly LackingRelease[];
  readonly repositories: readonly Standing[];
  /** How many leaves they have taken in at least. */
  readonly settled: number;
  /** Whether the views are to be written from the log's start. */
  readonly all: boolean;
}

/** `undefined`: somebody else wrote to the target. */
async function syncOnce(options: SyncOptions & { readonly target: Store }): Promise<Synced | undefined> {
  const { source, target, trust, context, pause } = options;
  const { report } = context;
  // Before anything is finished there that somebody left: it may be another log's.
  scopeOf(await storeDocument(target), options);
  const began = context.now();
  const plan = await planOf(options, await settledHead(target, trust));
  const { own, scope, known, log, wanted, repositories, settled, lacking } = plan;
  if (log.behind > 0) return resultOf(plan, { objects: 0, bytes: 0 });
  if (own === undefined) await requireKeeping(target);
  const copied = await inStep(
    report,
    "copy what is missing",
    (step) => copyAll(lacking, { source, target, context, step }),
    ({ objects }) => `${objects} objects`,
  );
  // What was copied first may be garbage soon, by the target's clock: it is looked at again, and renewed.
  if (context.now() - began >= oldAfter) return undefined;
  const document = await writeStoreDocument(options, own, scope);
  // It says how far the views are: not yet anywhere.
  if ((await target.head(keys.catalog)) === undefined) {
    await target.replace(keys.catalog, catalogBytes(emptyCatalog), null);
  }
  const entries = log.entries.flatMap(({ index, bytes }) => (index >= (known?.checkpoint.size ?? 0) ? [bytes] : []));
  const isWritten = await inStep(report, "extend the log", () =>
    writeLog({ target, trust, known, head: log.head, entries }),
  );
  if (!isWritten) return undefined;
  const publicUrl = publicUrlOf(document);
  const common = {
    target,
    trust,
    head: log.head,
    scope,
    wanted,
    repositories,
    settled,
    all: plan.all,
    publicUrl,
    pause,
    now: context.now(),
  };
  if (!(await inStep(report, "write the views", () => writeViews(common)))) return undefined;
  return resultOf(plan, copied);
}

async function planOf(options: SyncOptions, known: Head | undefined): Promise<Plan> {
  const { source, target, trust, context } = options;
  const own = await storeDocument(target);
  const scope = scopeOf(own, options);
  const { publicUrl } = options;
  const isMoved = own !== undefined && publicUrl !== undefined && publicUrl !== publicUrlOf(own);
  const all = options.all || isMoved || (own?.mirror !== undefined && !isSameScope(own.mirror, scope));
  const reading = { source, target, trust, all };
  const first = await inStep(
    context.report,
    "read the log",
    () => readSourceLog({ ...reading, known }),
    ({ head, behind }) => (behind > 0 ? "the target has more" : `${head.checkpoint.size} entries`),
  );
  const nothing = {
    own,
    scope,
    known,
    log: first,
    wanted: { releases: [], attestations: [], retired: new Set<string>(), added: new Set<string>() },
    lacking: [],
    repositories: [],
    settled: 0,
    all,
  };
  if (first.behind > 0) return nothing;
  const settled = await settledIn(source);
  const repositories = await readRepositories({ ...options, all }, first.head, scope);
  const log = await later(first, reading);
  const state = await stateAt({ store: overlay(source, target), trust, head: log.head });
  const wanted = await wantedOf({
    scope,
    entries: log.entries,
    catalog: state.catalog,
    log: logIn(options, state, log.head),
    before: known?.checkpoint.size ?? 0,
  });
  const lacking = await inStep(
    context.report,
    "look for what is missing",
    () => lackingOf(wanted, { source, target, all, now: context.now() }),
    (found) => `${found.length} releases`,
  );
  const { size } = log.head.checkpoint;
  // What a mirror makes itself is as far as its log, and one of names copies nothing. What is copied is of the channels that there were at first.
  const far = scope.names === undefined ? Math.min(first.head.checkpoint.size, settled ?? size) : size;
  return { ...nothing, log, wanted, lacking, repositories, settled: far };
}

/** How many leaves the source's views have taken in; `undefined`: it doesn't say. */
async function settledIn(source: ReadableStore): Promise<number | undefined> {
  try {
    const { catalog, etag } = await readCatalog(source);
    return etag === null ? undefined : catalog.size;
  } catch (error) {
    if (isKilnError(error, "STORE_CORRUPT")) return undefined;
    throw error;
  }
}

/** The log after the repositories were read: it has all that they have taken in. */
async function later(
  first: SourceLog,
  reading: Omit<Parameters<typeof readSourceLog>[0], "known">,
): Promise<SourceLog> {
  const more = await readSourceLog({ ...reading, target: reading.source, all: false, known: first.head });
  return { head: more.head, entries: [...first.entries, ...more.entries], behind: 0 };
}

/** Every signed document of the source's views, as it stands: of all its channels, and of the names that there is news of. */
async function readRepositories(
  { source, target, trust, context, all }: SyncOptions,
  head: Head,
  scope: Scope,
): Promise<Standing[]> {
  const store = overlay(source, target);
  const stored = all ? { catalog: emptyCatalog, etag: null } : undefined;
  const { catalog, tail } = await stateAt({ store, trust, head, ...(stored === undefined ? {} : { stored }) });
  const touched = new Set(tail.flatMap(({ entry }) => (entry.sort === "leaf" ? [entry.leaf.name] : [])));
  const found = new Set(scope.channels);
  if (isWhole(scope)) {
    for await (const name of names(catalog)) {
      for await (const { channel } of channels(catalog, name)) found.add(channel);
    }
  }
  const from = {
    read: async (key: string) => (await readDocument(source, key))?.bytes,
    object: (key: string, sha256: string) => readWholeBlob(source, key, sha256),
    origin: trust.origin,
    keys: trust.openpgp.map(({ publicKey }) => publicKey),
    now: context.now(),
    channels: [...found].toSorted(),
    async *manifests() {
      if (!isWhole(scope)) return;
      for (const name of [...touched].toSorted()) {
        for await (const { manifest } of releases(catalog, name)) {
          const blob = { sha256: manifest, file: manifestFile };
          yield parseManifest(await readWholeBlob(store, poolKey(blob), manifest), poolKey(blob));
        }
      }
    },
  };
  const standing: Standing[] = [];
  for (const { mirror } of views) if (mirror !== undefined) standing.push(...(await Array.fromAsync(mirror(from))));
  return standing;
}

function logIn({ source, target, trust, context }: SyncOptions, state: PublishedState, head: Head) {
  const store = { ...overlay(source, target), ...refusing };
  const signers = {
    openpgp: { fingerprint: "", publicKey: "", signState: refuse, signBytes: refuse, signText: refuse },
  };
  return changeSource({ store, trust, head, signers, now: context.now(), publicUrl: "" }, state);
}

function refuse(): never {
  throw new TypeError("a sync decides what to copy without writing");
}

const refusing = { list: refuse, create: refuse, link: refuse, replace: refuse, remove: refuse };

async function storeDocument(store: ReadableStore): Promise<StoreDocument | undefined> {
  const found = await readDocument(store, keys.store);
  return found && parseStoreDocument(found.bytes);
}

/** Throws MIRROR_CONFLICT. */
function scopeOf(own: StoreDocument | undefined, { target, trust, asked }: SyncOptions): Scope {
  if (own !== undefined && own.origin !== trust.origin) {
    throw new KilnError("MIRROR_CONFLICT", `${target.url}: got the log of ${own.origin}, want ${trust.origin}`, {
      hint: "a store has one log for good: choose another target",
    });
  }
  // A store that publishers write has everything: it can be brought up to a longer log of its own, but not cut down.
  return widened(own === undefined ? undefined : (own.mirror ?? {}), asked);
}

/** The trust documents and kiln.json; answers what that says. */
async function writeStoreDocument(
  { target, trust, publicUrl, context }: SyncOptions & { readonly target: Store },
  own: StoreDocument | undefined,
  scope: Scope,
): Promise<StoreDocument> {
  for await (const [key, bytes] of trustDocuments(trust, context.now())) {
    if ((await target.head(key)) === undefined) await target.replace(key, bytes, null);
  }
  const base = own ?? { kiln: 1, origin: trust.origin };
  const document: StoreDocument = {
    ...base,
    ...(publicUrl === undefined ? {} : { publicUrl }),
    ...(own !== undefined && own.mirror === undefined ? {} : { mirror: scope }),
  };
  const found = await readDocument(target, keys.store);
  const bytes = storeBytes(document);
  if (found !== undefined && Buffer.compare(found.bytes, bytes) === 0) return document;
  await target.replace(keys.store, bytes, found?.etag ?? null);
  return document;
}

/** The target's head after finishing what somebody left; undefined: it has no log yet. */
async function settledHead(target: Store, trust: Trust): Promise<Head | undefined> {
  const head = await headOf(target, trust);
  return head && (await settle({ store: target, log: logOf(trust) }));
}

async function headOf(target: ReadableStore, trust: Trust): Promise<Head | undefined> {
  if ((await target.head(keys.head)) === undefined) return undefined;
  return readHead(target, logOf(trust));
}

function resultOf(
  { scope, known, log, lacking }: Plan,
  { objects, bytes }: { readonly objects: number; readonly bytes: number },
): Synced {
  return {
    scope,
    before: known?.checkpoint.size ?? 0,
    leaves: log.head.checkpoint.size,
    releases: lacking.filter(({ name, objects }) => name !== "" && objects.length > 0).length,
    objects,
    bytes,
    behind: log.behind,
  };
}
