// The target's views. What no key is needed for is made here, from the target's own log and pool, as a publisher would make it: nothing
// that the source says of it is read, and addresses are the target's. What is signed is taken over as it was read from the source.
// Of a part of a store, views show that part alone. The catalog is swapped last: its size says how far all of them are; where the source's
// views were behind its log when they were read, so are the mirror's.

import type { Leaf } from "../artifact/leaf.ts";
import { keys } from "../artifact/pool.ts";
import type { Trust } from "../artifact/trust.ts";
import type { Head } from "../log/head.ts";
import { type BringUp, swapCatalog } from "../publish/bring-up.ts";
import { emptyCatalog, type PublishedState, rowsUpTo, stateAt } from "../publish/state.ts";
import { changeSource, repositorySource } from "../publish/view-source.ts";
import { onceOnly } from "../publish/view-target.ts";
import type { Store } from "../stores/store.ts";
import { views } from "../views/index.ts";
import { changesOf } from "../views/shown.ts";
import type { Standing, TakenLeaf } from "../views/view.ts";
import { isWhole, type Scope } from "./scope.ts";
import type { Wanted } from "./wanted.ts";

export interface ViewsToWrite {
  readonly target: Store;
  readonly trust: Trust;
  readonly head: Head;
  readonly scope: Scope;
  readonly wanted: Wanted;
  readonly repositories: readonly Standing[];
  /** How many leaves all of them have taken in. */
  readonly settled: number;
  /** Write every view anew, whatever the target has. */
  readonly all: boolean;
  readonly publicUrl: string;
  readonly pause: (attempt: number) => Promise<void>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const mostAttempts = 100;

/** When this returns, every view of the target is as new as its log, or as new as the source's was. */
export async function writeViews(options: ViewsToWrite): Promise<boolean> {
  const { target, trust, head, scope, settled: size, all, publicUrl, pause, now } = options;
  const bringUp: BringUp = { store: target, trust, head, pause, now, publicUrl, signers: noSigners };
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    if (attempt > 0) await pause(attempt);
    const afresh = all || !isWhole(scope);
    const state = await stateOf(bringUp, afresh);
    await takeAll(bringUp, state, { ...options, afresh });
    if (state.stored.catalog.size >= size) return true;
    const rows = await rowsUpTo(size, state, target);
    const { stored } = state;
    if (await swapCatalog({ store: target, size }, { stored, rows }, (key, bytes) => target.create(key, bytes)))
      return true;
  }
  return false;
}

async function stateOf({ store, trust, head }: BringUp, afresh: boolean): Promise<PublishedState> {
  if (!afresh) return stateAt({ store, trust, head });
  const etag = (await store.head(keys.catalog))?.etag ?? null;
  return stateAt({ store, trust, head, stored: { catalog: emptyCatalog, etag } });
}

async function takeAll(
  bringUp: BringUp,
  state: PublishedState,
  { scope, wanted, repositories, afresh }: ViewsToWrite & { readonly afresh: boolean },
): Promise<void> {
  const isShown = partOf(scope, wanted);
  const leaves: TakenLeaf[] = state.tail.flatMap(({ index, entry, sound }) =>
    entry.sort === "leaf" && sound && isShown(entry.leaf) ? [{ index, leaf: entry.leaf }] : [],
  );
  const log = changeSource(bringUp, state);
  const known: typeof log = {
    ...log,
    // A release that isn't here has no manifest to read.
    leaf: async (index) => {
      const leaf = await log.leaf(index);
      return leaf?.type === "release" && !isShown(leaf) ? undefined : leaf;
    },
    async *channels(name) {
      for await (const move of log.channels(name)) if (isShown(move.leaf)) yield move;
    },
  };
  // By the whole log: what its channels show is here, and of what they would show only the log is read.
  const changes = await changesOf(leaves, { ...known, leaf: log.leaf }, { afresh });
  const repository = repositorySource(bringUp, state, known);
  const source = { ...known, ...repository, changes, afresh };
  const target = onceOnly(bringUp.store);
  for (const view of views) if (view.mirror === undefined) await view.take(leaves, source, target);
  if (!isWhole(scope)) for (const view of views) await view.takePart?.(leaves, source, target);
  for (const repository of repositories) await repository.copy(target, source);
}

/** Which leaves the views of a mirror of this scope know of. */
function partOf(scope: Scope, wanted: Wanted): (leaf: Leaf) => boolean {
  if (isWhole(scope)) return () => true;
  const { channels, names } = scope;
  const manifests = new Set(wanted.releases.map(({ manifest }) => manifest));
  return (leaf) => {
    if (names?.includes(leaf.name) === false) return false;
    if (leaf.type === "channel") return channels?.includes(leaf.channel) !== false;
    return manifests.has(leaf.manifest);
  };
}

function signsNothing(): never {
  throw new TypeError("a mirror has no key: a view whose documents are signed says so by `mirror`");
}

const noSigners: BringUp["signers"] = {
  openpgp: { fingerprint: "", publicKey: "", signState: signsNothing, signBytes: signsNothing, signText: signsNothing },
};
