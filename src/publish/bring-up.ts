// Brings the views up to a head. The catalog's size says how far they all are, so it is swapped last: whoever stops before
// that leaves work that the next publisher does again, and finds done. Two at once write the same documents, or lose a
// `replace` and find their leaves in.

import { createHash } from "node:crypto";

import type { Digest } from "../artifact/digest.ts";
import { parseEntry } from "../artifact/leaf.ts";
import { parseVkey } from "../artifact/log-key.ts";
import { keys, poolKey } from "../artifact/pool.ts";
import { type Trust, validityOf } from "../artifact/trust.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { settle } from "../log/append.ts";
import { logOf } from "../log/checkpoint.ts";
import { readEntry } from "../log/entries.ts";
import type { Head } from "../log/head.ts";
import { leafHash, verifyInclusion } from "../log/merkle.ts";
import { inclusionProof, knowing } from "../log/proof.ts";
import { tileReader } from "../log/tiles.ts";
import type { Signers } from "../sign/signers.ts";
import { readDocument, readWholeBlob } from "../stores/read.ts";
import { replaceLimit, type Store } from "../stores/store.ts";
import {
  aliases,
  allChannels,
  catalogBytes,
  channels,
  findRelease,
  findWithdrawal,
  releases,
} from "../views/catalog.ts";
import { views } from "../views/index.ts";
import { shardReader } from "../views/shards.ts";
import { type ChangeSource, changesOf, type ShownSource, soundReleaseAt } from "../views/shown.ts";
import { withRows } from "../views/table.ts";
import type { Next, RepositorySource, TakenLeaf, ViewSigner, ViewSource, ViewTarget } from "../views/view.ts";
import { emptyCatalog, isSound, type PublishedState, readCatalog, stateAt } from "./state.ts";

const mostAttempts = 1000;

export interface BringUp {
  readonly store: Store;
  readonly trust: Trust;
  readonly head: Head;
  readonly pause: (attempt: number) => Promise<void>;
  /** For what stock clients check: only the views that have such documents ask it. */
  readonly signers: Pick<Signers, "openpgp">;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Where clients reach the store; ends in `/`. */
  readonly publicUrl: string;
  /** The state at the head, where it was read just now. */
  readonly known?: PublishedState;
  /** What the caller added: whatever lies before it is for others to bring in. */
  readonly added?: { readonly from: number | undefined; readonly milliseconds: number };
}

/** When this returns, every view has taken in at least the head's leaves. */
export async function bringUp(options: BringUp): Promise<void> {
  const { store, trust, head, known, added } = options;
  const from = added?.from ?? head.checkpoint.size;
  const milliseconds = added?.milliseconds ?? 0;
  // Where the clock stands still, as in simulations, there is no waiting for anybody either.
  if (known === undefined || known.stored.catalog.size >= from || milliseconds === 0) return bringUpNow(options);
  const line = { size: known.stored.catalog.size, from, milliseconds };
  if (await othersBringUp(options, line)) return;
  // Not only the own: who waits meanwhile needn't do it again.
  const { known: _, ...afresh } = options;
  await bringUpNow({ ...afresh, head: await settle({ store, log: logOf(trust) }) });
}

/** Which attempts' waits lie between one look and the next, the first and the longest; and how long that is, more or less. */
const waits = { first: 4, longest: 6, milliseconds: 160 };
const mostInLine = 20;

/**
 * True: others brought in the head's leaves. Many publishers at once would each write every document for all of them; so whoever finds
 * that leaves before its own are still to come leaves that to their publisher. It takes over as the next in the line, or when nothing
 * moves for about as long as its own commit took: the later the farther it stands behind.
 */
async function othersBringUp(
  { store, head, pause }: BringUp,
  line: { readonly size: number; readonly from: number; readonly milliseconds: number },
): Promise<boolean> {
  const { from, milliseconds } = line;
  const wanted = head.checkpoint.size;
  const placeAt = (size: number) => Math.min(mostInLine, Math.ceil((from - size) / Math.max(1, wanted - from)));
  const patience = 3 + Math.floor(milliseconds / waits.milliseconds);
  let { size } = line;
  for (let idle = 0; idle < patience * placeAt(size); idle++) {
    await pause(Math.min(waits.first + idle, waits.longest));
    const { catalog } = await readCatalog(store);
    if (catalog.size >= wanted) return true;
    if (catalog.size >= from) return false;
    if (catalog.size > size) idle = -1;
    size = catalog.size;
  }
  return false;
}

async function bringUpNow(options: BringUp): Promise<void> {
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    if (attempt > 0) await options.pause(attempt);
    const state = (attempt === 0 ? options.known : undefined) ?? (await stateAt(options));
    if (state.stored.catalog.size >= options.head.checkpoint.size) return;
    await writeViews(options, state, { target: onceOnly(options.store), afresh: false });
    if (await swapCatalog(options, state, (key, bytes) => options.store.create(key, bytes))) return;
  }
  throw contended(keys.catalog);
}

/**
 * Writes every view anew from the log and the pool, whatever stands there. Documents that a publisher has brought further meanwhile are
 * written over with what we knew, and lose it: then their catalog is another, ours loses its swap, and all is written again at the
 * newer head. If we stop before that, the rebuild has to be repeated.
 */
export async function rebuildViews(options: Omit<BringUp, "head" | "known">): Promise<{ leaves: number }> {
  const { store, trust } = options;
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    if (attempt > 0) await options.pause(attempt);
    // The catalog first: one that is swapped after this look isn't ours, and one that was swapped before has no more than the head.
    const found = await readDocumentEtag(store);
    const head = await settle({ store, log: logOf(trust) });
    const state = await stateAt({ store, trust, head, stored: { catalog: emptyCatalog, etag: found } });
    const at = { ...options, head };
    await writeViews(at, state, { target: overwriting(store), afresh: true });
    if (await swapCatalog(at, state, (key, bytes) => mend(store, key, bytes))) {
      return { leaves: head.checkpoint.size };
    }
  }
  throw contended(keys.catalog);
}

/**
 * Signs anew what expires, with a new date: every channel's documents, as they are. Returns the channels that have some. Needs no
 * leaf, and adds none.
 */
export async function refreshViews(options: BringUp): Promise<string[]> {
  await bringUp(options);
  const { catalog } = await stateAt(options);
  const source = { signer: viewSigner(options) };
  const target = onceOnly(options.store);
  const refreshed: string[] = [];
  for (const channel of await allChannels(catalog)) {
    for (const view of views) {
      if (await view.refresh?.(channel, source, target)) refreshed.push(channel);
    }
  }
  return refreshed;
}

async function writeViews(
  options: BringUp,
  state: PublishedState,
  { target, afresh }: { readonly target: ViewTarget; readonly afresh: boolean },
): Promise<void> {
  const leaves: TakenLeaf[] = state.tail.flatMap(({ index, entry, sound }) =>
    entry.sort === "leaf" && sound ? [{ index, leaf: entry.leaf }] : [],
  );
  const log = changeSource(options, state);
  const changes = await changesOf(leaves, log, { afresh });
  const source = { ...log, ...repositorySource(options, state, log), changes, afresh };
  for (const view of views) await view.take(leaves, source, target);
}

/** False: somebody else swapped it first. */
export async function swapCatalog(
  { store, head }: BringUp,
  state: PublishedState,
  write: (key: string, bytes: Uint8Array) => Promise<unknown>,
): Promise<boolean> {
  const { catalog, etag } = state.stored;
  const { table, shards } = await withRows(catalog.table, state.rows, shardReader(store));
  await Promise.all([...shards].map(([digest, bytes]) => write(keys.catalogShard(digest), bytes)));
  const next = catalogBytes({ kiln: 1, size: head.checkpoint.size, table });
  return (await store.replace(keys.catalog, next, etag)) === "replaced";
}

/** Log and pool as of the head. */
export function changeSource(options: BringUp, state: PublishedState): ViewSource & ChangeSource {
  const log = logSource(options, state);
  return {
    ...log,
    settled: state.stored.catalog.size,
    async *channels(name) {
      for await (const { shows } of channels(state.catalog, name)) {
        const leaf = await log.leaf(shows.leaf);
        if (leaf?.type === "channel" && leaf.name === name) yield { index: shows.leaf, leaf };
      }
    },
  };
}

function logSource({ store, trust, head }: BringUp, state: PublishedState): ViewSource & ShownSource {
  const { checkpoint } = head;
  const { size } = checkpoint;
  const tiles = tileReader(store, size);
  const read = state.grownFrom === undefined ? tiles : knowing(state.grownFrom, tiles);
  const tail = new Map(state.tail.map(({ index, bytes }) => [index, bytes]));
  const entry = async (index: number) => tail.get(index) ?? (await readEntry(store, { index, size }));
  return {
    logId: parseVkey(trust.log).id,
    checkpoint,
    entry,
    prove: (index) => inclusionProof({ index, size }, read),
    leaf: async (index) => {
      const bytes = await entry(index);
      if (!tail.has(index)) {
        const proof = await inclusionProof({ index, size }, read);
        verifyInclusion({ index, size, leaf: leafHash(bytes), proof, root: checkpoint.root });
      }
      const parsed = parseEntry(bytes, index);
      return parsed.sort === "leaf" && isSound(parsed, index, trust) ? parsed.leaf : undefined;
    },
    blob: (blob) => readWholeBlob(store, poolKey(blob), blob.sha256),
    releaseIndex: async (name, version) => (await findRelease(state.catalog, name, version))?.leaf,
    withdrawal: (name, version) => findWithdrawal(state.catalog, name, version),
  };
}

export function repositorySource(
  options: BringUp,
  { catalog, stored }: PublishedState,
  log: ShownSource,
): Omit<RepositorySource, keyof (ViewSource & ChangeSource) | "changes" | "afresh"> {
  return {
    origin: options.trust.origin,
    publicUrl: options.publicUrl,
    signer: viewSigner(options),
    releaseKeys: options.trust.release,
    openpgpKeys: options.trust.openpgp,
    object: (key, sha256) => readOwn(options.store, key, sha256),
    async isNew(name) {
      for await (const { leaf } of releases(catalog, name)) if (leaf < stored.catalog.size) return false;
      return true;
    },
    async *aliases(name, version) {
      for await (const { release } of aliases(catalog, name)) if (release.version === version) yield release.leaf;
    },
    async *releases(name) {
      for await (const { leaf } of releases(catalog, name)) {
        const shown = await soundReleaseAt(leaf, log);
        if (shown?.release.name === name) yield shown;
      }
    },
  };
}

/** What a view wrote: when it is spoilt, the views can be written anew. Throws OBJECT_MISSING, STORE_CORRUPT. */
async function readOwn(store: Store, key: string, sha256: Digest): Promise<Uint8Array> {
  try {
    return await readWholeBlob(store, key, sha256);
  } catch (cause) {
    if (!isKilnError(cause, "NOT_FOUND", "STORE_CORRUPT")) throw cause;
    const code = cause.code === "NOT_FOUND" ? "OBJECT_MISSING" : "STORE_CORRUPT";
    throw new KilnError(code, cause.message, {
      hint: "`kiln views rebuild` writes it anew from the log; `kiln audit` says what else is wrong",
      details: cause.details,
      cause,
    });
  }
}

function viewSigner({ signers, now, trust }: BringUp): ViewSigner {
  return {
    keys: trust.openpgp.map(({ publicKey }) => publicKey),
    now,
    validFor: (channel) => validityOf(trust, channel),
    signText: (text) => signers.openpgp.signText(text, now),
    signBytes: (bytes, when = now) => signers.openpgp.signState(createHash("sha256").update(bytes), when),
  };
}

export function onceOnly(store: Store): ViewTarget {
  return {
    async once(key, bytes) {
      try {
        await store.create(key, bytes);
      } catch (error) {
        // Another publisher wrote it with the proof of another tree: as good as ours.
        if (!isKilnError(error, "IMMUTABLE_CONFLICT")) throw error;
      }
    },
    ...moving(store),
  };
}

function overwriting(store: Store): ViewTarget {
  return {
    once: (key, bytes) => mend(store, key, bytes),
    ...moving(store),
  };
}

function moving(store: Store): Pick<ViewTarget, "swap" | "read" | "copy" | "link"> {
  return {
    swap: (key, next, guess) => swap(store, key, next, guess),
    read: async (key) => (await readDocument(store, key, replaceLimit))?.bytes,
    copy: (key, bytes, guess) => copy(store, key, { bytes, guess }),
    link: (key, from) => store.link(key, from),
  };
}

interface Copy {
  readonly bytes: Uint8Array;
  readonly guess: Uint8Array | undefined;
}

/** `guess`: what is likely to stand there. A wrong guess costs one more request. */
async function copy(store: Store, key: string, { bytes, guess }: Copy): Promise<void> {
  const likely = guess && store.likelyEtag?.(guess);
  if (likely !== undefined && (await store.replace(key, bytes, likely)) === "replaced") return;
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const etag = (await store.head(key))?.etag ?? null;
    if ((await store.replace(key, bytes, etag)) === "replaced") return;
  }
  throw contended(key);
}

/** What somebody spoilt is in the way of its own bytes: they replace it. */
async function mend(store: Store, key: string, bytes: Uint8Array): Promise<void> {
  try {
    await store.create(key, bytes);
  } catch (error) {
    if (!isKilnError(error, "IMMUTABLE_CONFLICT")) throw error;
    await copy(store, key, { bytes, guess: undefined });
  }
}

async function swap(
  store: Store,
  key: string,
  next: Next,
  guess?: "absent" | Uint8Array,
): Promise<Uint8Array | undefined> {
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const guessed = attempt === 0 ? guessedDocument(store, guess) : undefined;
    const found = guessed === undefined ? await readDocument(store, key, replaceLimit) : guessed.document;
    const bytes = await next(found?.bytes);
    if (bytes === undefined) return found?.bytes;
    if ((await store.replace(key, bytes, found?.etag ?? null)) === "replaced") return bytes;
  }
  throw contended(key);
}

/** `undefined`: it must be read. */
function guessedDocument(
  store: Store,
  guess: "absent" | Uint8Array | undefined,
): { readonly document: { readonly bytes: Uint8Array; readonly etag: string } | undefined } | undefined {
  if (guess === "absent") return { document: undefined };
  const etag = guess && store.likelyEtag?.(guess);
  return guess === undefined || etag === undefined ? undefined : { document: { bytes: guess, etag } };
}

function contended(key: string): KilnError {
  return new KilnError("STORE_CONTENDED", `${key}: got ${mostAttempts} lost races in a row, want one that is won`);
}

async function readDocumentEtag(store: Store): Promise<string | null> {
  return (await store.head(keys.catalog))?.etag ?? null;
}
