// The documents that readers start from, against the log: each release and alias has its own, each channel's shows its newest
// move, the catalog is the fold of the leaves that it has taken in. What is only behind is a note: somebody publishes, or
// stopped. What is behind although the catalog says that it was taken in was put back by somebody.

import type { Digest } from "../../artifact/digest.ts";
import { isCanonical, parseStored } from "../../artifact/json.ts";
import { type AliasLeaf, hasDocument, type Leaf, type ReleaseLeaf } from "../../artifact/leaf.ts";
import { keys } from "../../artifact/pool.ts";
import { isKilnError, KilnError } from "../../errors.ts";
import { readDocument } from "../../stores/read.ts";
import type { ReadableStore } from "../../stores/store.ts";
import { type Catalog, parseCatalog } from "../../views/catalog.ts";
import { verifyChannelDocument, verifyReleaseDocument } from "../documents.ts";
import type { Findings } from "../findings.ts";
import { readPresent } from "../release-artifact.ts";
import { requireDigest } from "../signed-release.ts";
import { fingerprintOf } from "./fingerprints.ts";
import type { History } from "./history.ts";
import { inOrder } from "./in-order.ts";
import type { Lineage } from "./lineage.ts";
import type { LogToCheck } from "./log.ts";
import { isShownIn, type Part } from "./part.ts";
import type { Tree } from "./tree.ts";

export interface DocumentsToCheck extends LogToCheck {
  readonly tree: Tree;
  readonly history: History;
  readonly catalog: Catalog | undefined;
  readonly lineage: Lineage;
  /** What the store mirrors of another; undefined: it is whole. */
  readonly part: Part | undefined;
}

/** The stored catalog; `undefined` when there is none, or none that can be read, which is a finding. */
export async function readStoredCatalog(store: ReadableStore, findings: Findings): Promise<Catalog | undefined> {
  const found = await readDocument(store, keys.catalog);
  return (
    found &&
    findings.check(keys.catalog, () => {
      const catalog = parseCatalog(found.bytes, keys.catalog);
      if (isCanonical(catalog, found.bytes)) return catalog;
      throw new KilnError("STORE_CORRUPT", `${keys.catalog}: got a document that isn't in canonical JSON`);
    })
  );
}

/** The channels' documents and the catalog. */
export async function checkDocuments(options: DocumentsToCheck): Promise<void> {
  for (const [key, { index }] of options.history.moves) {
    const [, name = "", channel = ""] = channelKey.exec(key) ?? [];
    const isHere = isShownIn(options.part, { name, channel }) || (await options.store.head(key)) !== undefined;
    if (isHere) await checkChannelDocument(key, index, options);
  }
  await checkCatalog(options);
}

const channelKey = /^channels\/([^/]+)\/(.+)\.json$/;

/** The document of the release or alias that is logged at `index`. */
export async function checkReleaseDocument(
  { index, leaf }: { readonly index: number; readonly leaf: ReleaseLeaf | AliasLeaf },
  options: DocumentsToCheck,
): Promise<void> {
  const { findings } = options;
  const key = keys.release(leaf.name, shownVersion(leaf));
  const bytes = await readTaken(key, index, options);
  if (bytes === undefined) return;
  await findings.checkAsync(key, async () => {
    const { at, yank, retire } = await releaseIn(bytes, key, options);
    if (at !== index) throw mismatch(key, `got log entry ${at}, want ${index}`);
    const want = options.history.withdrawal(leaf.name, leaf.version);
    checkWithdrawal(key, { said: "yank", got: yank, want: want.yank }, options);
    checkWithdrawal(key, { said: "retirement", got: retire, want: want.retire }, options);
  });
}

/** What a document says of its release's yank or retirement: the log's newest, or a later one than this audit has read. */
function checkWithdrawal(
  key: string,
  { said, got, want }: { readonly said: string; readonly got: number | undefined; readonly want: number | undefined },
  options: DocumentsToCheck,
): void {
  if (got === want || (got !== undefined && got >= options.tree.size)) return;
  const problem = `got ${got === undefined ? "none" : `log entry ${got}`} as its ${said}, want ${want ?? "none"}`;
  if (want === undefined || (got !== undefined && got > want) || wasTaken(want, options)) throw mismatch(key, problem);
  options.findings.note("VIEW_BEHIND", key, `${key}: ${problem}`);
}

/** Whether it is the first of its name and version in the log: a later one is a finding, and nobody is served it. */
export function isFirst({ index, leaf }: { readonly index: number; readonly leaf: Leaf }, history: History): boolean {
  return hasDocument(leaf) && history.documentIndex(keys.release(leaf.name, shownVersion(leaf))) === index;
}

function shownVersion(leaf: ReleaseLeaf | AliasLeaf): string {
  return leaf.type === "alias" ? leaf.alias : leaf.version;
}

async function checkChannelDocument(key: string, index: number, options: DocumentsToCheck): Promise<void> {
  const { findings, tree } = options;
  const bytes = await readTaken(key, index, options);
  if (bytes === undefined) return;
  const move = await findings.checkAsync(key, () => moveIn(bytes, key, options));
  // A later one than this audit has read: it was moved meanwhile.
  if (move === undefined || move === index || move >= tree.size) return;
  const problem = `got the move at log entry ${move}, want the newest one at ${index}`;
  if (move < index && !wasTaken(index, options)) findings.note("VIEW_BEHIND", key, `${key}: ${problem}`);
  else findings.check(key, () => fail(mismatch(key, problem)));
}

/**
 * Lets a document pass that the audited log doesn't explain, if it is of something published since the audit began. Throws
 * OBJECT_UNKNOWN otherwise, and LOG_INCONSISTENT when the log was cut back behind it.
 */
export async function requireLaterDocument(key: string, options: DocumentsToCheck): Promise<void> {
  const bytes = await readPresent(options.store, key);
  try {
    const shown = key.startsWith("channels/")
      ? await moveIn(bytes, key, options)
      : (await releaseIn(bytes, key, options)).at;
    if (shown < options.tree.size) throw unknown(key);
  } catch (error) {
    throw isKilnError(error, ...untrusted) ? unknown(key, error) : error;
  }
}

/** What verifying a document throws of the document itself. */
const untrusted = [
  "STORE_CORRUPT",
  "CHECKPOINT_INVALID",
  "PROOF_INVALID",
  "SIGNATURE_INVALID",
  "KEY_NOT_ALLOWED",
  "SUBJECT_MISMATCH",
] as const;

/** Leaf indexes. */
interface ShownRelease {
  /** Of the release or alias. */
  readonly at: number;
  readonly yank: number | undefined;
  readonly retire: number | undefined;
}

/** What a release's document shows, verified. */
async function releaseIn(bytes: Uint8Array, key: string, { trust, lineage }: DocumentsToCheck): Promise<ShownRelease> {
  const [, name = "", version = ""] = /^releases\/([^/]+)\/(.+)\.json$/.exec(key) ?? [];
  const { checkpoint, release, alias, yank, retire } = verifyReleaseDocument(bytes, { name, version, trust });
  await lineage.require(checkpoint, key);
  return { at: (alias ?? release).index, yank: yank?.index, retire: retire?.index };
}

/** The leaf index of the move that a channel's document shows, verified. */
async function moveIn(bytes: Uint8Array, key: string, { trust, lineage }: DocumentsToCheck): Promise<number> {
  const [, name = "", channel = ""] = channelKey.exec(key) ?? [];
  const { checkpoint, move } = verifyChannelDocument(bytes, { name, channel, trust });
  await lineage.require(checkpoint, key);
  return move.index;
}

/** A document's bytes; absent is a note while the views are behind, and a finding otherwise. */
async function readTaken(key: string, index: number, options: DocumentsToCheck): Promise<Uint8Array | undefined> {
  const { store, findings } = options;
  if (wasTaken(index, options)) return findings.checkAsync(key, () => readPresent(store, key));
  const found = await findings.checkAsync(key, () => readDocument(store, key));
  if (found === undefined) findings.note("VIEW_BEHIND", key, `${key}: it isn't written yet`);
  return found?.bytes;
}

/** Whether the views have taken in the leaf at `index`: the catalog is swapped after all others. */
export function wasTaken(index: number, { catalog }: Pick<DocumentsToCheck, "catalog">): boolean {
  return catalog !== undefined && index < catalog.size;
}

async function checkCatalog({ store, findings, catalog, history, checkpoint }: DocumentsToCheck): Promise<void> {
  if (catalog === undefined) {
    if (checkpoint.size > 0) findings.note("VIEW_BEHIND", keys.catalog, `${keys.catalog}: there is no catalog`);
    return;
  }
  if (catalog.size > checkpoint.size) {
    findings.check(keys.catalog, () =>
      fail(mismatch(keys.catalog, `got ${catalog.size} leaves taken in, want at most the log's ${checkpoint.size}`)),
    );
    return;
  }
  if (catalog.size < checkpoint.size) {
    const problem = `it has taken in ${catalog.size} of ${checkpoint.size} leaves`;
    findings.note("VIEW_BEHIND", keys.catalog, `${keys.catalog}: ${problem}`);
  }
  await findings.checkAsync(keys.catalog, async () => {
    const got = await countRightRows(store, catalog, history);
    if (got !== history.rows.size) {
      throw mismatch(keys.catalog, `got ${got} rows that the log gives, want ${history.rows.size}`);
    }
  });
}

/** Throws VIEW_MISMATCH for a row that the log doesn't give, or one that lies where a look-up wouldn't find it. */
async function countRightRows(store: ReadableStore, catalog: Catalog, { rows }: History): Promise<number> {
  let count = 0;
  let last: string | undefined;
  const start = async ({ first, digest }: Catalog["table"][number]) => {
    const key = keys.catalogShard(digest);
    return { key, first, bytes: await readBlobOf(store, key, digest) };
  };
  for await (const { key, first, bytes } of inOrder(catalog.table, { ahead: shardsAhead, start })) {
    const shard = rowsIn(bytes, key);
    if (shard[0]?.[0] !== first) throw mismatch(key, `got a shard that doesn't begin with ${JSON.stringify(first)}`);
    for (const [name, row] of shard) {
      const want = rows.get(fingerprintOf(name));
      const isRight = want !== undefined && Buffer.compare(want, fingerprintOf(JSON.stringify(row))) === 0;
      if (!isRight || (last !== undefined && name <= last)) {
        throw mismatch(key, `got the row ${JSON.stringify(name)}, which the log doesn't give there`);
      }
      last = name;
      count += 1;
    }
  }
  return count;
}

/** Shards that are on their way while one is being read. */
const shardsAhead = 8;

/** Throws OBJECT_MISSING, DIGEST_MISMATCH. */
async function readBlobOf(store: ReadableStore, key: string, digest: Digest): Promise<Buffer> {
  const bytes = await readPresent(store, key);
  requireDigest(bytes, digest, key);
  return bytes;
}

/** The rows of a shard that is in canonical form: what their values say is compared with the log. Throws STORE_CORRUPT. */
function rowsIn(bytes: Buffer, key: string): readonly (readonly [key: string, row: unknown])[] {
  const rows = parseStored(bytes, key);
  // Writing them gives the same bytes, and each row's members are compared in order: so they are canonical.
  const isShard =
    Array.isArray(rows) && rows.every((row) => Array.isArray(row) && row.length === 2 && typeof row[0] === "string");
  if (isShard && bytes.equals(Buffer.from(JSON.stringify(rows)))) return rows as [string, unknown][];
  throw new KilnError("STORE_CORRUPT", `${key}: got something else than a shard of the catalog in canonical JSON`);
}

function unknown(key: string, cause?: unknown): KilnError {
  const problem = "got an object that neither the log nor Kiln's own work explains";
  return new KilnError("OBJECT_UNKNOWN", `${key}: ${problem}`, { cause });
}

function mismatch(key: string, problem: string): KilnError {
  return new KilnError("VIEW_MISMATCH", `${key}: ${problem}`);
}

function fail(error: KilnError): never {
  throw error;
}
