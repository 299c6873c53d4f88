// Appending to the log. One `replace` of log/head is the commit; everything before it can be thrown away, everything after
// it can be done by anybody, again and again:
//
//   settle   read the head; if the public checkpoint is behind it, somebody stopped: finish their append first
//   decide   the caller looks at the log as it stands and says which entries to add
//   stage    create log/staging/<digest>, where the entries are more than the head has room for
//                                               — if we stop here, nobody refers to it: nothing happened
//   commit   replace log/head                   — if we stop here, the entries are in; whoever comes next finishes
//   finish   create bundles and tiles, then replace log/checkpoint
//
// Recovery is `finish`, the same code. A `replace` that failed may have won: the next `decide` sees its own entries.

import { type Digest, digestOf } from "../artifact/digest.ts";
import { keys } from "../artifact/pool.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { readDocument } from "../stores/read.ts";
import { documentLimit, type Store } from "../stores/store.ts";
import { type Checkpoint, type LogIdentity, openCheckpoint, signCheckpoint } from "./checkpoint.ts";
import { bundlesToWrite, decodeBundle, encodeBundle, readEntries } from "./entries.ts";
import { type Head, headBytes, readHead } from "./head.ts";
import { type Edge, emptyEdge, extendEdge, leafHash, type Node, rootOf } from "./merkle.ts";
import type { NoteSigner } from "./note.ts";
import type { HashReader } from "./proof.ts";
import { fitsHead, requireRow, rowStart } from "./row.ts";
import { edgeAt, entriesPath, tileReader, tilesToWrite, tileWidth } from "./tiles.ts";

/** Lost races after which a publisher gives up: every one of them is somebody else's success. */
const mostAttempts = 1000;
/** Of the waits between lost races: long enough for whoever just won to finish. */
const moment = 3;

export interface Log {
  readonly store: Store;
  readonly log: LogIdentity;
}

export interface Appender extends Log {
  readonly signer: NoteSigner;
  readonly signal: AbortSignal;
  /** Waits before the next try, after `attempt` lost races. */
  readonly pause: (attempt: number) => Promise<void>;
}

/** Makes the log of a new store: an empty tree. Throws STORE_EXISTS when there is one. */
export async function createLog({ store, log }: Log, signer: NoteSigner): Promise<void> {
  const checkpoint = signCheckpoint({ origin: log.origin, size: 0, root: rootOf(emptyEdge) }, signer);
  const head = headBytes({ checkpoint, edge: emptyEdge, added: null });
  if ((await store.replace(keys.head, head, null)) === "lost") {
    throw new KilnError("STORE_EXISTS", `${store.url}: there is a log already`);
  }
  // If we stop here, the head is ahead of a checkpoint that isn't there: the next publisher writes it.
  await publishCheckpoint({ store, log }, checkpoint);
}

/** The log's head, after finishing whatever append was left unfinished. Needs no key. */
export async function settle(log: Log): Promise<Head> {
  // The checkpoint first: a head read later is never behind it, unless somebody put an older head back.
  const shown = await publicCheckpoint(log);
  const head = await readHead(log.store, log.log);
  if (shown !== undefined) checkContinues(shown.checkpoint, head.checkpoint);
  if (shown?.checkpoint.size === head.checkpoint.size) return { ...head, shown: shown.etag };
  await finish(log, head, await stagedEntries(log, head));
  return head;
}

/** The same after a lost race: whoever won it is most likely finishing, and fifty that helped would each write what they write. */
async function settleInTime(appender: Appender): Promise<Head> {
  const { store, log, pause } = appender;
  const shown = await publicCheckpoint(appender);
  const head = await readHead(store, log);
  if (shown?.checkpoint.size === head.checkpoint.size) {
    checkContinues(shown.checkpoint, head.checkpoint);
    return { ...head, shown: shown.etag };
  }
  await pause(moment);
  return settle(appender);
}

/** Throws LOG_INCONSISTENT when the head is older than what readers were shown, or another tree. */
function checkContinues(shown: Checkpoint, head: Checkpoint): void {
  const isFork = shown.size === head.size && !shown.root.equals(head.root);
  if (shown.size <= head.size && !isFork) return;
  throw new KilnError(
    "LOG_INCONSISTENT",
    `${keys.head}: got ${head.size} leaves${isFork ? " of another tree" : ""}, want those of ${keys.checkpoint}, which has ${shown.size}`,
    { hint: "an older or another head was put in place: restore the right one before anything is published" },
  );
}

/**
 * Appends what `decide` returns for the log as it stands, and is asked again after every lost race; nothing, when that is
 * nothing. `settled` is a head that the caller has just settled: if somebody was faster since, that is one more lost race.
 * `from` is the index of the first entry that was added. Throws STORE_CONTENDED, and what `decide` throws.
 */
export async function append(
  appender: Appender,
  decide: (at: Head) => Promise<readonly Uint8Array[]>,
  settled?: Head,
): Promise<{ head: Head; from: number | undefined }> {
  const { store, signer, signal, pause } = appender;
  let made: Digest | undefined;
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    if (signal.aborted) throw new KilnError("CANCELLED", "append: interrupted before the commit");
    if (attempt > 0) await pause(attempt);
    const before = attempt === 0 ? (settled ?? (await settle(appender))) : await settleInTime(appender);
    const entries = await decide(before);
    if (entries.length === 0) return { head: before, from: undefined };

    const edge = extendEdge(before.edge, entries.map(leafHash));
    const tree = { origin: appender.log.origin, size: edge.size, root: rootOf(edge) };
    const staged = encodeBundle(entries);
    // Recovery reads it as a document: what couldn't be read back must not be committed.
    if (staged.length > documentLimit) {
      throw new KilnError(
        "ENTRY_TOO_LARGE",
        `append: got ${staged.length} bytes of entries, want at most ${documentLimit}`,
      );
    }
    const from = before.checkpoint.size;
    const partial = await lastBundle(store, before);
    const row = [...partial, ...entries];
    const added = fitsHead(row) ? { from, row } : { from, staged: digestOf(staged) };
    const next = { checkpoint: signCheckpoint(tree, signer), edge, added };
    // Where many append, somebody else was faster most of the time: staging for nothing costs more than looking.
    if (attempt > 0 && (await store.head(keys.head))?.etag !== before.etag) continue;
    if ("staged" in added) {
      if (made !== added.staged) await store.create(keys.staging(added.staged), staged);
      made = added.staged;
    }
    if ((await replaceHead(store, headBytes(next), before.etag)) !== "replaced") continue;

    const head: Head = { ...next, etag: "" };
    await finish(appender, head, { edge: before.edge, partial, entries, shown: before.shown });
    return { head, from };
  }
  throw new KilnError("STORE_CONTENDED", `${keys.head}: got ${mostAttempts} lost races in a row, want one that is won`);
}

/** `unknown`: the store didn't answer, so it may have won. The next decision finds its entries in the log, or not. */
async function replaceHead(store: Store, head: Uint8Array, etag: string): Promise<"replaced" | "lost" | "unknown"> {
  try {
    return await store.replace(keys.head, head, etag);
  } catch (error) {
    if (isKilnError(error, "STORE_UNREACHABLE")) return "unknown";
    throw error;
  }
}

/** The entries of the head's last bundle, if that isn't full: those that the next append's bundle begins with. Throws STORE_CORRUPT. */
async function lastBundle(store: Store, { edge, added }: Pick<Head, "edge" | "added">): Promise<readonly Uint8Array[]> {
  const { size } = edge;
  const start = rowStart(size);
  if (added !== null && "row" in added) return added.row.slice(start - rowStart(added.from));
  return readRow(store, edge);
}

/** The same, read from the bundle. */
async function readRow(store: Store, edge: Edge): Promise<readonly Uint8Array[]> {
  const { size } = edge;
  const row: Uint8Array[] = [];
  for await (const { bytes } of readEntries(store, { from: rowStart(size), to: size, size })) row.push(bytes);
  requireRow(edge, row, entriesPath(Math.floor(size / tileWidth), row.length));
  return row;
}

interface Added {
  /** Of the tree before. */
  readonly edge: Edge;
  /** The entries of its last bundle, if that wasn't full. */
  readonly partial: readonly Uint8Array[];
  readonly entries: readonly Uint8Array[];
  /** The etag of the public checkpoint that shows it, as far as is known. */
  readonly shown?: string | undefined;
}

/** Writes bundles and tiles, then shows the checkpoint. Everything but the last step is immutable and may be done twice. */
async function finish(log: Log, head: Head, { edge, partial, entries, shown }: Added): Promise<void> {
  const { store } = log;
  const from = edge.size;
  const opened = rowStart(from);
  const leafHashes = entries.map(leafHash);
  // The hashes that share a tile with new ones are those of the entries that share a bundle with them.
  const hashes = partial.map(leafHash);
  const above = tileReader(store, from);
  const read: HashReader = async (nodes) => {
    const inRow = ({ level, index }: Node) => (level === 0 ? hashes[index - opened] : undefined);
    const missing = await above(nodes.filter((node) => inRow(node) === undefined));
    let taken = 0;
    return nodes.map((node) => inRow(node) ?? (missing[taken++] as Buffer));
  };
  const tiles = await tilesToWrite({ from, leafHashes, read });
  const bundles = bundlesToWrite({ from, partial, entries });
  await Promise.all([...bundles, ...tiles].map(({ key, bytes }) => store.create(key, bytes)));
  if (
    shown !== undefined &&
    (await store.replace(keys.checkpoint, Buffer.from(head.checkpoint.note), shown)) === "replaced"
  )
    return;
  await publishCheckpoint(log, head.checkpoint);
}

/** What the head's append added, proven to lead to its root. Throws STORE_CORRUPT. */
async function stagedEntries({ store }: Log, head: Head): Promise<Added> {
  if (head.added === null) return { edge: emptyEdge, partial: [], entries: [] };
  const { from } = head.added;
  const edge = await edgeAt(from, tileReader(store, from));
  const { partial, entries, key } = await addedRow(store, head.added, edge);
  if (!rootOf(extendEdge(edge, entries.map(leafHash))).equals(head.checkpoint.root)) {
    throw new KilnError("STORE_CORRUPT", `${key}: got leaves that don't lead to the root in ${keys.head}`);
  }
  return { edge, partial, entries };
}

async function addedRow(store: Store, added: NonNullable<Head["added"]>, edge: Edge) {
  if ("row" in added) {
    const partial = added.row.slice(0, added.from - rowStart(added.from));
    requireRow(edge, partial, keys.head);
    return { partial, entries: added.row.slice(partial.length), key: keys.head };
  }
  const key = keys.staging(added.staged);
  const found = await readDocument(store, key);
  if (found === undefined) {
    throw new KilnError("STORE_CORRUPT", `${key}: got nothing, want the leaves from ${added.from} on`);
  }
  return { partial: await readRow(store, edge), entries: decodeBundle(found.bytes, key), key };
}

/** Shows the checkpoint unless a later one is shown. */
async function publishCheckpoint(log: Log, checkpoint: Checkpoint): Promise<void> {
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const shown = await publicCheckpoint(log);
    if (shown !== undefined && shown.checkpoint.size >= checkpoint.size) return;
    const etag = shown === undefined ? await etagOf(log.store) : shown.etag;
    if ((await log.store.replace(keys.checkpoint, Buffer.from(checkpoint.note), etag)) === "replaced") return;
  }
  throw new KilnError("STORE_CONTENDED", `${keys.checkpoint}: got ${mostAttempts} lost races in a row`);
}

/** The checkpoint that readers see. One that can't be read counts as none: the verified head's takes its place. */
async function publicCheckpoint({ store, log }: Log): Promise<{ checkpoint: Checkpoint; etag: string } | undefined> {
  const found = await readDocument(store, keys.checkpoint);
  if (found === undefined) return undefined;
  try {
    return { checkpoint: openCheckpoint(found.bytes, log), etag: found.etag };
  } catch (error) {
    if (isKilnError(error, "CHECKPOINT_INVALID")) return undefined;
    throw error;
  }
}

async function etagOf(store: Store): Promise<string | null> {
  return (await store.head(keys.checkpoint))?.etag ?? null;
}
