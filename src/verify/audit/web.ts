// The pages for people: each is what the fold of the log gives, byte for byte. The fold goes along while the log is read, so that a
// log of any length needs no second reading; what views haven't settled yet is kept apart, and taken in as far as a page has.
// What another Kiln wrote can't be compared, and pages that are behind, or ahead, of a publish in progress are a note.

import { signerOf } from "../../artifact/authority.ts";
import { type Leaf, parseEntry, type ReleaseLeaf } from "../../artifact/leaf.ts";
import { poolKey } from "../../artifact/pool.ts";
import { isKilnError, KilnError } from "../../errors.ts";
import { logOf, readCheckpoint } from "../../log/checkpoint.ts";
import { readEntry } from "../../log/entries.ts";
import { leafHash } from "../../log/merkle.ts";
import { readDocument, readWholeBlob } from "../../stores/read.ts";
import { contentsOf, describeState } from "../../views/web/contents.ts";
import { describeRelease, emptyName, frontRowOf, takeLeaf } from "../../views/web/fold.ts";
import { emptyFront, withNames } from "../../views/web/front-writer.ts";
import { frontPage } from "../../views/web/front.ts";
import type { Place } from "../../views/web/install.ts";
import { webKeys } from "../../views/web/keys.ts";
import { namePage } from "../../views/web/name.ts";
import { pagesVersion, readPage, styleBytes, styleKey } from "../../views/web/page.ts";
import { releasePage } from "../../views/web/release.ts";
import { splitEvents, splitOff } from "../../views/web/split-off.ts";
import {
  type FrontRow,
  type NameState,
  readNameState,
  readReleaseState,
  type ReleaseRow,
} from "../../views/web/state.ts";
import { readPresent } from "../release-artifact.ts";
import { requireDigest } from "../signed-release.ts";
import type { DocumentsToCheck } from "./documents.ts";
import { inOrder } from "./in-order.ts";
import { nodeIn } from "./tree.ts";

export interface WebToCheck extends DocumentsToCheck {
  /** Where clients reach the store. */
  readonly publicUrl: string;
  readonly web: WebFold;
  /** Releases whose page was last changed before this leaf aren't looked at. */
  readonly from: number;
}

interface Logged {
  readonly index: number;
  readonly leaf: Leaf;
}

interface NameFold {
  readonly state: NameState;
  readonly rows: Map<string, ReleaseRow>;
  /** The newest move of each channel, and the newest release. */
  readonly newest: Map<string, Logged>;
  /** Keys of pages of older events. */
  readonly older: string[];
  /** Leaves that the views haven't all taken in. */
  readonly late: Logged[];
}

export interface WebFold {
  readonly names: ReadonlyMap<string, NameFold>;
  add(index: number, leaf: Leaf): void;
}

/** `settled`: how many leaves the catalog has taken in, and so all views. */
export function newWebFold(origin: string, settled: number): WebFold {
  const names = new Map<string, NameFold>();
  return {
    names,
    add(index, leaf) {
      const { name } = leaf;
      const fold = names.get(name) ?? newNameFold(name, index);
      names.set(name, fold);
      if (index >= settled) fold.late.push({ index, leaf });
      else takeIn(fold, { index, leaf }, origin);
    },
  };
}

function newNameFold(name: string, first: number): NameFold {
  return { state: emptyName(name, first), rows: new Map(), newest: new Map(), older: [], late: [] };
}

function takeIn({ state, rows, newest, older }: NameFold, { index, leaf }: Logged, origin: string): void {
  takeLeaf(state, index, leaf, rows.get(leaf.version));
  const row = state.releases.at(-1);
  if (leaf.type === "release" && row?.leaf === index) rows.set(leaf.version, row);
  if (leaf.type === "release" || leaf.type === "channel") {
    newest.set(leaf.type === "channel" ? leaf.channel : "", { index, leaf });
  }
  for (const { digest } of splitEvents(state, { origin })) older.push(webKeys.older(state.name, digest));
}

/** Keys of pages that there must be: an audit of all objects knows them by these. */
export async function checkWeb(options: WebToCheck): Promise<ReadonlySet<string>> {
  const { findings, web } = options;
  const pages = new Set<string>([styleKey, webKeys.front]);
  const all = { ...options, pages };
  const start = async ([name, fold]: [string, NameFold]) => {
    // Of a name that nobody touched since, only what the front page shows is needed.
    if (fold.state.taken > options.from || fold.late.length > 0) {
      await findings.checkAsync(webKeys.name(name), () => checkName(fold, all));
    }
    return fold.newest.size === 0 ? [] : [frontRowOf(fold.state)];
  };
  const rows = (await Array.fromAsync(inOrder(web.names, { ahead: namesAhead, start }))).flat();
  if (rows.length > 0) await findings.checkAsync(webKeys.front, () => checkFront(rows, all));
  return pages;
}

/** Names that are being checked at once. */
const namesAhead = 8;

type WithPages = WebToCheck & { readonly pages: Set<string> };

async function checkFront(rows: readonly FrontRow[], options: WithPages): Promise<void> {
  const stored = await readPageOf(webKeys.front, options);
  if (stored === undefined) return;
  const { state, made } = await withNames(emptyFront, rows, { origin: options.trust.origin, object: unread });
  const wanted = frontPage(state, placeOf(options));
  // While somebody publishes, the front page is of one moment and those of the names of others.
  if (!wanted.equals(stored) && (await isMoving(options))) return behind(webKeys.front, options);
  requireSame(stored, wanted, webKeys.front);
  const others = [...made].map(([digest, bytes]) => [webKeys.names(digest), bytes] as const);
  for (const [key, bytes] of [...others, [styleKey, styleBytes] as const]) {
    requireSame(await readWanted(key, options), bytes, key);
  }
}

async function checkName(fold: NameFold, options: WithPages): Promise<void> {
  const { trust, findings, tree, pages } = options;
  const { state } = fold;
  const key = webKeys.name(state.name);
  const stored = await readPageOf(key, options);
  const found = stored && readNameState(stored, key);
  const isAhead = found !== undefined && found.taken > tree.size;
  for (const version of fold.rows.keys()) pages.add(webKeys.release(state.name, version));
  for (const late of fold.late) if (found === undefined || late.index < found.taken) takeIn(fold, late, trust.origin);
  const contents = await checkReleases(fold, options);
  await describeState(state, [...fold.newest.values()], contents.source);
  const older = [...splitOff(state, trust)].map(({ digest }) => webKeys.older(state.name, digest));
  if (isAhead && found.taken <= (await sizeByNow(options))) return behind(key, options);
  if (stored === undefined) return;
  if (isAhead) throw mismatch(key, `got the leaves before ${found.taken}, want at most the log's ${tree.size}`);
  if (found !== undefined && found.taken < state.taken) {
    throw mismatch(key, `got the leaves before ${found.taken}, want those before ${state.taken}`);
  }
  const unknown = found?.keys.find((one) => !trust.openpgp.some(({ fingerprint }) => fingerprint === one));
  if (unknown !== undefined) throw mismatch(key, `got the key ${unknown}, want one of the trust file's`);
  state.keys = found?.keys ?? [];
  // What a release lacks is a finding of its own, and pages were written when it was there.
  if (!contents.isWhole) return;
  requireSame(stored, namePage(state, placeOf(options)), key);
  // They are named by their digests, which the page has: so they are right if they are there and what their names say.
  for (const page of [...older, ...fold.older]) {
    await findings.checkAsync(page, async () => requireNamed(await readWanted(page, options), page));
  }
}

interface ReadReleases {
  readonly source: BlobSource;
  /** False: of some there is something missing. */
  readonly isWhole: boolean;
}

type BlobSource = Parameters<typeof contentsOf>[1];

async function checkReleases({ rows, state }: NameFold, options: WithPages): Promise<ReadReleases> {
  const source: BlobSource = { blob: (blob) => readWholeBlob(options.store, poolKey(blob), blob.sha256) };
  let isWhole = true;
  for (const row of rows.values()) {
    const leaf = await releaseLeafAt(row.leaf, options);
    const contents = leaf && (await contentsOf(leaf, source));
    if (contents === undefined) isWhole = false;
    else describeRelease(row, contents.manifest);
    if (leaf === undefined || contents === undefined || (row.changed ?? row.leaf) < options.from) continue;
    const key = webKeys.release(state.name, row.version);
    const wanted = releasePage({ name: state.name, row, leaf, contents, place: placeOf(options) });
    await options.findings.checkAsync(key, () => checkReleasePage(row, wanted, { ...options, key }));
  }
  return { source, isWhole };
}

async function checkReleasePage(
  row: ReleaseRow,
  wanted: Uint8Array,
  options: WithPages & { readonly key: string },
): Promise<void> {
  const { key } = options;
  const stored = await readPageOf(key, options);
  if (stored === undefined) return;
  const { changed } = readReleaseState(stored, key);
  if (changed > (row.changed ?? row.leaf) && (await isMoving(options))) return behind(key, options);
  requireSame(stored, wanted, key);
}

async function releaseLeafAt(index: number, { store, tree, trust }: WebToCheck): Promise<ReleaseLeaf | undefined> {
  const bytes = await readEntry(store, { index, size: tree.size });
  const entry = parseEntry(bytes, index);
  if (entry.sort !== "leaf" || !nodeIn(tree, { level: 0, index }).equals(leafHash(bytes))) return undefined;
  signerOf(entry, index, trust);
  return entry.leaf.type === "release" ? entry.leaf : undefined;
}

function placeOf({ trust, publicUrl }: WebToCheck): Place & { readonly releaseKeys: readonly string[] } {
  return { origin: trust.origin, url: publicUrl, releaseKeys: trust.release.map(({ publicKey }) => publicKey) };
}

/** A page that can be compared; `undefined`: it isn't there yet, or another Kiln wrote it, which are notes. */
async function readPageOf(key: string, options: WithPages): Promise<Buffer | undefined> {
  const { store, findings, pages } = options;
  pages.add(key);
  const found = await readDocument(store, key);
  if (found === undefined) {
    if (!isBehind(options)) throw new KilnError("OBJECT_MISSING", `${key}: got no such object, want a page of the log`);
    behind(key, options);
    return undefined;
  }
  const { version } = readPage(found.bytes, key);
  if (version === pagesVersion) return found.bytes;
  const problem = `another Kiln wrote it (pages ${version}, not ${pagesVersion}); \`kiln views rebuild\` writes it anew`;
  findings.note("VIEW_BEHIND", key, `${key}: ${problem}`);
  return undefined;
}

async function readWanted(key: string, { store, pages }: WithPages): Promise<Buffer> {
  pages.add(key);
  return readPresent(store, key);
}

/** Whether the views haven't taken in all of the log. */
function isBehind({ catalog, checkpoint }: WebToCheck): boolean {
  return (catalog?.size ?? 0) < checkpoint.size;
}

/** Whether somebody publishes, or stopped: then pages may be of different moments. */
async function isMoving(options: WebToCheck): Promise<boolean> {
  return isBehind(options) || (await sizeByNow(options)) > options.tree.size;
}

/** How many leaves the log has now, by its own key: publishers don't wait for auditors. */
async function sizeByNow({ store, trust }: Pick<WebToCheck, "store" | "trust">): Promise<number> {
  return (await readCheckpoint(store, logOf(trust))).size;
}

function behind(key: string, { findings }: WebToCheck): void {
  findings.note("VIEW_BEHIND", key, `${key}: it is of another moment than the log; a publish goes on, or stopped`);
}

function requireSame(got: Uint8Array, want: Uint8Array, key: string): void {
  if (Buffer.compare(got, want) !== 0) throw mismatch(key, "got another page than the log gives");
}

function requireNamed(bytes: Uint8Array, key: string): void {
  requireDigest(bytes, /([0-9a-f]{64})\.html$/.exec(key)?.[1] ?? "", key);
}

function mismatch(key: string, problem: string): KilnError {
  return new KilnError("VIEW_MISMATCH", `${key}: ${problem}`, {
    hint: "`kiln views rebuild` writes it anew from the log",
  });
}

function unread(): never {
  throw new TypeError("a list that is made at once reads none of its pages");
}

/**
 * Lets a page pass that the audited log doesn't explain, if what it shows was published since the audit began. Throws
 * OBJECT_UNKNOWN otherwise.
 */
export async function requireLaterPage(key: string, options: DocumentsToCheck): Promise<void> {
  const { store, tree } = options;
  const bytes = await readPresent(store, key);
  try {
    const changed = /^web\/[^/]+\/index\.html$/.test(key)
      ? readNameState(bytes, key).taken - 1
      : readReleaseState(bytes, key).changed;
    if (changed >= tree.size && changed < (await sizeByNow(options))) return;
  } catch (error) {
    if (!isKilnError(error, "STORE_CORRUPT")) throw error;
  }
  throw new KilnError("OBJECT_UNKNOWN", `${key}: got a page of what isn't in the log`);
}
