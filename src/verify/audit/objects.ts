// Every object of the store, both ways: what the log and the releases name is there (checked elsewhere), and what is there
// is named. Tiles and bundles, also the narrower ones of older trees, must be cut from the tree of this log. Blobs that
// nobody names are a note, because a publish that stopped leaves them; anything else that Kiln doesn't write is a finding.

import type { Digest } from "../../artifact/digest.ts";
import { KilnError } from "../../errors.ts";
import { decodeBundle } from "../../log/entries.ts";
import { leafHash } from "../../log/merkle.ts";
import { readObject } from "../../log/object.ts";
import { entriesPath, tilePath, tileWidth, widthOf } from "../../log/tiles.ts";
import type { Step } from "../../report.ts";
import { readBlob } from "../../stores/read.ts";
import type { ListedObject, ReadableStore } from "../../stores/store.ts";
import { npmKeys, packageOf } from "../../views/npm/registry.ts";
import { webKeys } from "../../views/web/keys.ts";
import { readPresent } from "../release-artifact.ts";
import { requireDigest } from "../signed-release.ts";
import { type DocumentsToCheck, requireLaterDocument } from "./documents.ts";
import { fingerprintOf, type FingerprintTable } from "./fingerprints.ts";
import { inOrder } from "./in-order.ts";
import { type NpmPackages, requireLaterPackument } from "./npm.ts";
import { checkFound, type CheckedRepositories, isOfRepository } from "./repositories.ts";
import { rowIn } from "./tree.ts";
import { requireLaterPage } from "./web.ts";

export interface ObjectsToCheck extends DocumentsToCheck {
  /** Fingerprints of the pool keys that releases name; `undefined`: only some releases were looked at. */
  readonly named: FingerprintTable | undefined;
  readonly packages: NpmPackages;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly repositories: CheckedRepositories;
  /** Keys of the copies of the public keys. */
  readonly copies: ReadonlySet<string>;
  readonly step: Step;
  /** Keys of the pages for people that there must be; `undefined`: they weren't looked at. */
  readonly pages: ReadonlySet<string> | undefined;
}

/** How many objects there are; `undefined` where the store can't list them. */
export async function checkObjects(options: ObjectsToCheck): Promise<number | undefined> {
  await checkTiles(options);
  const { store, findings, step } = options;
  if (store.list === undefined) {
    findings.note("OBJECTS_NOT_LISTED", store.url, `${store.url}: objects that nothing refers to weren't looked for`);
    return undefined;
  }
  let count = 0;
  let unused = 0;
  let example = "";
  const start = async ({ key }: ListedObject) => ({
    key,
    belongs: await findings.checkAsync(key, () => checkObject(key, options)),
  });
  for await (const { key, belongs } of inOrder(store.list(""), { ahead: objectsAhead, start })) {
    step.progress((count += 1), undefined, "items");
    if (belongs !== "unused") continue;
    unused += 1;
    example ||= key;
  }
  if (unused > 0) {
    findings.note(
      "OBJECT_UNUSED",
      example,
      `${unused} objects of the pool belong to no release: ${example}${unused > 1 ? " …" : ""}`,
    );
  }
  return count;
}

/** Objects that are on their way while one is being looked at. */
const objectsAhead = 16;

/** Throws OBJECT_UNKNOWN, STORE_CORRUPT, and what verifying a document that was written meanwhile throws. */
async function checkObject(key: string, options: ObjectsToCheck): Promise<"used" | "unused"> {
  const { history, named, pages } = options;
  if (key.startsWith("pool/")) return named === undefined || named.has(fingerprintOf(key)) ? "used" : "unused";
  if (key.startsWith("log/tile/")) return checkListedTile(key, options);
  if (options.copies.has(key)) return "used";
  if (history.moves.has(key) || history.documentIndex(key) !== undefined || fixed.test(key)) return "used";
  if (key.startsWith("rpm/")) return checkYumObject(key, options);
  if (key.startsWith("npm/")) return checkNpmObject(key, options);
  if (isOfRepository(key)) {
    await checkFound(key, options.repositories, options);
    return "used";
  }
  if (pages === undefined ? key === webKeys.front || page.test(key) : pages.has(key)) return "used";
  const [, staged, shard, ofSuite, ofPage] = underDigest.exec(key) ?? [];
  const digest = staged ?? shard ?? ofSuite ?? ofPage;
  if (digest !== undefined) return checkUnderDigest(key, digest, options);
  if (document.test(key)) {
    await requireLaterDocument(key, options);
    return "used";
  }
  if (page.test(key)) {
    await requireLaterPage(key, options);
    return "used";
  }
  throw unexplained(key);
}

const indexOfYum = /^rpm\/[^/]+\/(?:generations\/[0-9a-f]{64}\/)?repodata\/([0-9a-f]{64})-[a-z]+\.xml\.gz$/;
const stateOfYum = /^rpm\/[^/]+\/state\/([0-9a-f]{64})\.json$/;

/** Of a yum repository, by its key alone. */
const fixedOfYum =
  /^rpm\/[^/]+\/(?:mirrorlist|kiln\.repo|(?:generations\/[0-9a-f]{64}\/)?repodata\/repomd\.xml(?:\.asc)?)$/;

/** What generations are made of, the older ones too, and the packages below the plain address, which are in the pool as well. */
async function checkYumObject(key: string, { store, named }: ObjectsToCheck): Promise<"used"> {
  const [, digest] = indexOfYum.exec(key) ?? stateOfYum.exec(key) ?? [];
  if (digest !== undefined) {
    for await (const _ of readBlob(store, key, { sha256: digest })) void _;
    return "used";
  }
  const [, inPool] = /^rpm\/[^/]+\/(pool\/.+)$/.exec(key) ?? [];
  if (fixedOfYum.test(key)) return "used";
  if (inPool !== undefined && (named === undefined || named.has(fingerprintOf(inPool)))) return "used";
  throw unexplained(key);
}

function unexplained(key: string): KilnError {
  return new KilnError("OBJECT_UNKNOWN", `${key}: got an object that neither the log nor Kiln's own work explains`);
}

async function checkNpmObject(key: string, options: ObjectsToCheck): Promise<"used"> {
  const isKnown = key === npmKeys.signingKeys || options.packages.byPackage.has(packageOf(key) ?? "");
  // Of releases that weren't looked at nothing is known.
  if (!isKnown && options.named !== undefined) await requireLaterPackument(key, options);
  return "used";
}

const page = /^web\/[^/]+\/(?:[^/]+\/)?index\.html$/;
const document = /^(?:releases|channels)\/[^/]+\/[^/]+\.json$/;

/** What lies in a store beside pool, tiles and the documents of names: by its key, it can only be found, not believed. */
const fixed = new RegExp(
  `^(?:kiln\\.json|log/(?:head|checkpoint)|catalog/head\\.json|` +
    `reservations/[^/]+\\.json|probe-[0-9a-f]+-[a-z]+|dists/[^/]+/(?:InRelease|preferences|Release|Release\\.gpg|[^/]+/binary-[^/]+/Packages\\.(?:gz|xz|zst)))$`,
);

/** Leaves that were staged, the catalog's shards and the indexes of repositories, also those of older ones: each is what its name says, or nothing. */
const underDigest =
  /^(?:log\/staging\/([0-9a-f]{64})|catalog\/shard\/([0-9a-f]{64})\.json|dists\/[^/]+\/(?:[^/]+\/[^/]+\/by-hash\/SHA256|state)\/([0-9a-f]{64})(?:\.json)?|web\/(?:[^/]+\/)?_\/([0-9a-f]{64})\.(?:html|css))$/;

/** Throws DIGEST_MISMATCH. */
async function checkUnderDigest(key: string, digest: Digest, { store }: ObjectsToCheck): Promise<"used"> {
  requireDigest(await readPresent(store, key), digest, key);
  return "used";
}

/** The tiles and bundles that readers of this tree ask for: a web server can't list them. */
export async function checkTiles(options: Pick<ObjectsToCheck, "store" | "tree" | "findings">): Promise<void> {
  const { tree, findings } = options;
  const start = (tile: string) => findings.checkAsync(tile, () => checkTile(tile, options));
  await Array.fromAsync(inOrder(tilesOfSize(tree.size), { ahead: objectsAhead, start }), () => undefined);
}

function* tilesOfSize(size: number): Generator<string> {
  for (let level = 0, count = size; count > 0; level += 1, count = Math.floor(count / tileWidth)) {
    for (let n = 0; n * tileWidth < count; n += 1) yield tilePath(level, n, widthOf(n, count));
  }
}

const tileKey = /^log\/tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/;

/** A tile or bundle that was listed. Those that readers of this tree ask for were read before. */
async function checkListedTile(key: string, options: ObjectsToCheck): Promise<"used"> {
  const { level, n, width } = parseTile(key);
  const count = Math.floor(options.tree.size / tileWidth ** level);
  return n * tileWidth < count && width === widthOf(n, count) ? "used" : checkTile(key, options);
}

async function checkTile(key: string, { store, tree }: Pick<ObjectsToCheck, "store" | "tree">): Promise<"used"> {
  const { isBundle, level, n, width } = parseTile(key);
  // Wider than this tree: what an append wrote whose checkpoint isn't shown yet.
  if ((n * tileWidth + width) * tileWidth ** level > tree.size) return "used";
  const bytes = await readTile(store, key);
  const want = rowIn(tree, { level: level * 8, index: n * tileWidth }, width);
  const got = isBundle ? Buffer.concat(decodeBundle(bytes, key).map(leafHash)) : bytes;
  if (Buffer.compare(got, want) !== 0) {
    throw new KilnError(
      "STORE_CORRUPT",
      `${key}: got ${isBundle ? "entries" : "hashes"} that aren't those of this log`,
    );
  }
  return "used";
}

/** `level` is that of tiles; a bundle's is 0. Throws OBJECT_UNKNOWN. */
function parseTile(key: string): { isBundle: boolean; level: number; n: number; width: number } {
  const [, sort = "", path = "", partial] = tileKey.exec(key) ?? [];
  const n = Number(path.replace(/[x/]/g, ""));
  const width = partial === undefined ? tileWidth : Number(partial);
  const isBundle = sort === "entries";
  const level = isBundle ? 0 : Number(sort);
  const spelled = isBundle ? entriesPath(n, width) : tilePath(level, n, width);
  if (path !== "" && spelled === key && width > 0 && width <= tileWidth) return { isBundle, level, n, width };
  throw new KilnError("OBJECT_UNKNOWN", `${key}: got a key that no tile of a log has`);
}

async function readTile(store: ReadableStore, key: string): Promise<Uint8Array> {
  const bytes = await readObject(store, { key, limit: 2 ** 16 * tileWidth });
  if (bytes !== undefined) return bytes;
  throw new KilnError("OBJECT_MISSING", `${key}: got no such object, want a tile of the log`);
}
