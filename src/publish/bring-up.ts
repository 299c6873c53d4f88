// Brings the views up to a head. The catalog's size says how far they all are, so it is swapped last: whoever stops before
// that leaves work that the next publisher does again, and finds done. Two at once write the same documents, or lose a
// `replace` and find their leaves in.

import { keys } from "../artifact/pool.ts";
import { settle } from "../log/append.ts";
import { logOf } from "../log/checkpoint.ts";
import type { Store } from "../stores/store.ts";
import { allChannels, catalogBytes } from "../views/catalog.ts";
import { views } from "../views/index.ts";
import { shardReader } from "../views/shards.ts";
import { changesOf } from "../views/shown.ts";
import { withRows } from "../views/table.ts";
import type { Recheck, TakenLeaf, ViewTarget } from "../views/view.ts";
import { emptyCatalog, type PublishedState, readCatalog, stateAt } from "./state.ts";
import { changeSource, repositorySource, type Sourced, viewSigner } from "./view-source.ts";
import { contended, mend, mostAttempts, onceOnly, overwriting } from "./view-target.ts";

export interface BringUp extends Sourced {
  readonly pause: (attempt: number) => Promise<void>;
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
    const rechecks = await writeViews(options, state, { target: onceOnly(options.store), afresh: false });
    const size = options.head.checkpoint.size;
    if (await swapCatalog({ ...options, size }, state, (key, bytes) => options.store.create(key, bytes))) return;
    // Somebody else did the same at the same time.
    for (const recheck of rechecks) await recheck();
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
    if (await swapCatalog({ store, size: head.checkpoint.size }, state, (key, bytes) => mend(store, key, bytes))) {
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
): Promise<Recheck[]> {
  const leaves: TakenLeaf[] = state.tail.flatMap(({ index, entry, sound }) =>
    entry.sort === "leaf" && sound ? [{ index, leaf: entry.leaf }] : [],
  );
  const log = changeSource(options, state);
  const changes = await changesOf(leaves, log, { afresh });
  const source = { ...log, ...repositorySource(options, state, log), changes, afresh };
  const rechecks: Recheck[] = [];
  for (const view of views) {
    const recheck = await view.take(leaves, source, target);
    if (recheck !== undefined) rechecks.push(recheck);
  }
  return rechecks;
}

/** `size`: how many leaves it has taken in with these rows. False: somebody else swapped it first. */
export async function swapCatalog(
  { store, size }: { readonly store: Store; readonly size: number },
  state: Pick<PublishedState, "stored" | "rows">,
  write: (key: string, bytes: Uint8Array) => Promise<unknown>,
): Promise<boolean> {
  const { catalog, etag } = state.stored;
  const { table, shards } = await withRows(catalog.table, state.rows, shardReader(store));
  await Promise.all([...shards].map(([digest, bytes]) => write(keys.catalogShard(digest), bytes)));
  const next = catalogBytes({ kiln: 1, size, table });
  return (await store.replace(keys.catalog, next, etag)) === "replaced";
}

async function readDocumentEtag(store: Store): Promise<string | null> {
  return (await store.head(keys.catalog))?.etag ?? null;
}
