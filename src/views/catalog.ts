// The catalog: what exists, which channel shows what, and every move, as a fold over the log. Rows lie name by name, so a
// publish touches one shard. It is unsigned: a publisher uses it to decide, a reader to find; neither believes it further.
//
//   <name> release <version>            <name> alias <alias>      <name> claim <commit> <recipe>
//   <name> channel <channel>            <name> move <channel> <counter>      <name> refusal <digest of what it says>
//   <name> attestation <version> <digest>      <name> yank <version> <leaf>      <name> retire <version>
//   ~<format> <package>                 ~<format> <package> <version>       ~version <name> <version in small letters>
//
// The last line says whose a package is, and which release's a version of it: all of them as what clients take for one.

import { z } from "zod";

import { digestOf, digestSchema } from "../artifact/digest.ts";
import { canonicalBytes, canonicalText, parseStored } from "../artifact/json.ts";
import type { ChannelLeaf, Leaf, RefusalLeaf, ReleaseLeaf } from "../artifact/leaf.ts";
import { type Package, sameName, sameVersion } from "../artifact/packages.ts";
import { KilnError } from "../errors.ts";
import { lookup, range, type Row, type ShardReader, type Table, tableSchema } from "./table.ts";

const shared = { leaf: z.int().nonnegative(), version: z.string(), manifest: digestSchema, time: z.int() };

const releaseRowSchema = z.strictObject({ ...shared, commit: z.string().nullable(), bakeKey: digestSchema });
const aliasRowSchema = z.strictObject(shared);
const claimRowSchema = z.strictObject({ version: z.string(), manifest: digestSchema });
const moveRowSchema = z.strictObject({ ...shared, counter: z.int().positive() });

const refusalRowSchema = z.strictObject({
  ...shared,
  gate: z.string(),
  channel: z.string().nullable(),
  got: z.string(),
  wanted: z.string(),
});

const attestationRowSchema = z.strictObject({ ...shared, predicateType: z.string(), digest: digestSchema });

const packageRowSchema = z.strictObject({ name: z.string(), package: z.string() });
const packageVersionRowSchema = z.strictObject({ name: z.string(), version: z.string() });
const smallVersionRowSchema = z.strictObject({ version: z.string() });

/** `reason` null: the yank was taken back. */
const yankRowSchema = z.strictObject({ ...shared, reason: z.string().nullable() });
const retireRowSchema = z.strictObject({ ...shared, reason: z.string() });

export type YankRow = z.infer<typeof yankRowSchema>;
export type RetireRow = z.infer<typeof retireRowSchema>;
export type ReleaseRow = z.infer<typeof releaseRowSchema>;
export type AliasRow = z.infer<typeof aliasRowSchema>;
export type MoveRow = z.infer<typeof moveRowSchema>;
export type AttestationRow = z.infer<typeof attestationRowSchema>;
export type RefusalRow = z.infer<typeof refusalRowSchema>;

const catalogSchema = z.strictObject({
  kiln: z.literal(1),
  /** How many leaves were taken in. */
  size: z.int().nonnegative(),
  table: tableSchema,
});

/** The catalog's document: the last leaf taken in, and the table. */
export type Catalog = z.infer<typeof catalogSchema>;

/** What to do about a catalog that can't be read. */
export const catalogHint = "`kiln views rebuild` writes it anew from the log; `kiln audit` says what else is wrong";

/** Throws STORE_CORRUPT. */
export function parseCatalog(bytes: Uint8Array, key: string): Catalog {
  const result = catalogSchema.safeParse(parseStored(bytes, key, catalogHint));
  if (result.success) return result.data;
  throw new KilnError("STORE_CORRUPT", `${key}: ${z.prettifyError(result.error)}`, { hint: catalogHint });
}

export function catalogBytes(catalog: Catalog): Uint8Array {
  return canonicalBytes(catalog);
}

/** A catalog being read: its table, overlaid with rows of leaves that it hasn't taken in yet. */
export interface CatalogReader {
  row(key: string): Promise<Row | undefined>;
  rows(prefix: string): AsyncIterable<readonly [string, Row]>;
}

export function catalogReader(table: Table, overlay: ReadonlyMap<string, Row>, read: ShardReader): CatalogReader {
  const stored: CatalogReader = {
    row: (key) => lookup(table, key, read),
    rows: (prefix) => range(table, prefix, read),
  };
  return overlaid(stored, overlay);
}

/** The catalog as it is with `overlay` set. */
export function overlaid(catalog: CatalogReader, overlay: ReadonlyMap<string, Row>): CatalogReader {
  const startingWith = rowsByName(overlay);
  return {
    async row(key) {
      return overlay.get(key) ?? (await catalog.row(key));
    },
    async *rows(prefix) {
      const late = startingWith(prefix).toSorted(([a], [b]) => (a < b ? -1 : 1));
      let next = 0;
      for await (const [key, row] of catalog.rows(prefix)) {
        while (next < late.length && (late[next] as [string, Row])[0] < key) yield late[next++] as [string, Row];
        if (next < late.length && (late[next] as [string, Row])[0] === key) yield late[next++] as [string, Row];
        else yield [key, row];
      }
      yield* late.slice(next);
    },
  };
}

/** Rows that may be added to and changed, by what their keys start with. A rebuild has those of every name, and asks for each name's. */
function rowsByName(rows: ReadonlyMap<string, Row>): (prefix: string) => (readonly [string, Row])[] {
  let [byName, size] = [new Map<string, string[]>(), 0];
  return (prefix) => {
    if (rows.size !== size) [byName, size] = [Map.groupBy(rows.keys(), nameIn), rows.size];
    const keys = prefix.includes(" ") ? (byName.get(nameIn(prefix)) ?? []) : [...rows.keys()];
    return keys.flatMap((key) => (key.startsWith(prefix) ? [[key, rows.get(key) as Row] as const] : []));
  };
}

function nameIn(key: string): string {
  return key.slice(0, key.indexOf(" "));
}

/** The fold: the rows that the leaf at `index` sets. Of two leaves that say the same thing of one key, the first counts. */
export async function rowsOfLeaf(index: number, leaf: Leaf, catalog: CatalogReader): Promise<Map<string, Row>> {
  const { name, version, manifest, time } = leaf;
  // Members in the order of canonical JSON: an audit compares rows as text.
  const common = { leaf: index, manifest, time, version };
  if (leaf.type === "channel") {
    return new Map<string, Row>([
      [channelKey(name, leaf.channel), { counter: leaf.counter, ...common }],
      [moveKey(leaf), { counter: leaf.counter, ...common }],
    ]);
  }
  const fresh = new Map<string, Row>();
  for (const [key, row] of rowsOnce(leaf, common)) if ((await catalog.row(key)) === undefined) fresh.set(key, row);
  return fresh;
}

/** The rows that nobody changes once they are there. */
function rowsOnce(
  leaf: Exclude<Leaf, ChannelLeaf>,
  common: { readonly leaf: number; readonly manifest: string; readonly time: number; readonly version: string },
): (readonly [string, Row])[] {
  const { name, version, manifest } = leaf;
  if (leaf.type === "alias") return [[aliasKey(name, leaf.alias), common]];
  if (leaf.type === "refusal") {
    const { channel, gate, got, wanted } = leaf;
    const row = { channel, gate, got, leaf: common.leaf, manifest, time: common.time, version, wanted };
    return [[refusalKey(leaf), row]];
  }
  if (leaf.type === "attestation") {
    const { digest, predicateType } = leaf;
    const row = { digest, leaf: common.leaf, manifest, predicateType, time: common.time, version };
    return [[attestationKey(name, version, digest), row]];
  }
  if (leaf.type === "yank" || leaf.type === "unyank") {
    const reason = leaf.type === "yank" ? leaf.reason : null;
    const row = { leaf: common.leaf, manifest, reason, time: common.time, version };
    return [[yankKey(name, version, common.leaf), row]];
  }
  if (leaf.type === "retire") {
    const row = { leaf: common.leaf, manifest, reason: leaf.reason, time: common.time, version };
    return [[retireKey(name, version), row]];
  }
  const row = { bakeKey: leaf.bakeKey, commit: leaf.claims?.commit ?? null, ...common };
  return [
    [releaseKey(name, version), row],
    ...(leaf.claims === null ? [] : [[claimKey(name, leaf.claims), { manifest, version }] as const]),
    ...packageRows(leaf),
  ];
}

/** Who has the packages of a release from now on. */
function packageRows({ name, version, packages }: ReleaseLeaf): (readonly [string, Row])[] {
  if (packages === undefined) return [];
  const rows = packages.flatMap((one): (readonly [string, Row])[] => [
    [packageKey(one), { name, package: one.name }],
    [packageVersionKey(one), { name, version }],
  ]);
  const small = version.toLowerCase();
  return small === version ? rows : [...rows, [smallVersionKey(name, small), { version }]];
}

export async function findRelease(catalog: CatalogReader, name: string, version: string) {
  return typed(releaseRowSchema, releaseKey(name, version), catalog);
}

/** Whose a package is: the name that released it first, and how it is written there. */
export async function findPackage(catalog: CatalogReader, wanted: Package) {
  return typed(packageRowSchema, packageKey(wanted), catalog);
}

/** Every package of a format, as it is written, in order. Those of releases that are older than these rows aren't among them. */
export async function* packagesOf(catalog: CatalogReader, format: Package["format"]): AsyncGenerator<string> {
  for await (const row of ownedPackages(catalog, format)) yield row.package;
}

/** Another package of the same format that `name` released, as it is written there. Reads all packages of the format. */
export async function findOtherPackage(
  catalog: CatalogReader,
  one: Package,
  name: string,
): Promise<string | undefined> {
  for await (const row of ownedPackages(catalog, one.format)) {
    if (row.name === name && sameName({ ...one, name: row.package }) !== sameName(one)) return row.package;
  }
  return undefined;
}

async function* ownedPackages(catalog: CatalogReader, format: Package["format"]) {
  const prefix = `~${format} `;
  for await (const [key, row] of catalog.rows(prefix)) {
    if (!key.includes(" ", prefix.length)) yield parseRow(packageRowSchema, row, key);
  }
}

/** The release that has this version of the package, or one that clients take for it. */
export async function findPackageVersion(catalog: CatalogReader, wanted: Package) {
  return typed(packageVersionRowSchema, packageVersionKey(wanted), catalog);
}

/** A release whose version differs from `version` in capital letters only, if there is one. */
export async function findAlike(catalog: CatalogReader, name: string, version: string): Promise<string | undefined> {
  const small = version.toLowerCase();
  // A version without letters differs from none in them.
  if (small === version.toUpperCase()) return undefined;
  const mixed = await typed(smallVersionRowSchema, smallVersionKey(name, small), catalog);
  if (mixed !== undefined) return mixed.version === version ? undefined : mixed.version;
  return small === version ? undefined : (await findRelease(catalog, name, small))?.version;
}

export async function findAlias(catalog: CatalogReader, name: string, alias: string) {
  return typed(aliasRowSchema, aliasKey(name, alias), catalog);
}

export async function findClaim(catalog: CatalogReader, name: string, claim: Claim) {
  return typed(claimRowSchema, claimKey(name, claim), catalog);
}

export async function findChannel(catalog: CatalogReader, name: string, channel: string) {
  return typed(moveRowSchema, channelKey(name, channel), catalog);
}

/** Why the release may not be led to, or its artifacts may be gone; null: it isn't yanked, or not retired. */
export interface Withdrawal {
  readonly yanked: string | null;
  readonly retired: string | null;
}

/** How a release stands. */
export async function withdrawalOf(catalog: CatalogReader, name: string, version: string): Promise<Withdrawal> {
  const yanks = await Array.fromAsync(yanksOf(catalog, name, version));
  const retired = await findRetired(catalog, name, version);
  return { yanked: yanks.at(-1)?.reason ?? null, retired: retired?.reason ?? null };
}

/** Where the newest of what was said of a release is logged. */
export async function findWithdrawal(catalog: CatalogReader, name: string, version: string) {
  const yanked = await Array.fromAsync(yanksOf(catalog, name, version));
  return { yank: yanked.at(-1)?.leaf, retire: (await findRetired(catalog, name, version))?.leaf };
}

export async function findRetired(catalog: CatalogReader, name: string, version: string) {
  return typed(retireRowSchema, retireKey(name, version), catalog);
}

/** Each time the release was yanked, or that was taken back: oldest first. */
export async function* yanksOf(catalog: CatalogReader, name: string, version: string): AsyncGenerator<YankRow> {
  for await (const [key, row] of catalog.rows(`${name} yank ${version} `)) yield parseRow(yankRowSchema, row, key);
}

/** The same of every release of `name`, version by version. */
export async function* yanks(catalog: CatalogReader, name: string): AsyncGenerator<YankRow> {
  for await (const [key, row] of catalog.rows(`${name} yank `)) yield parseRow(yankRowSchema, row, key);
}

/** Every release of `name` that was retired. */
export async function* retirements(catalog: CatalogReader, name: string): AsyncGenerator<RetireRow> {
  for await (const [key, row] of catalog.rows(`${name} retire `)) yield parseRow(retireRowSchema, row, key);
}

/** Every release of `name` (of every name, without one), in key order. */
export async function* releases(catalog: CatalogReader, name: string): AsyncGenerator<ReleaseRow> {
  for await (const [key, row] of catalog.rows(`${name} release `)) yield parseRow(releaseRowSchema, row, key);
}

/** Every channel of `name` with what it shows. */
export async function* channels(
  catalog: CatalogReader,
  name: string,
): AsyncGenerator<{ channel: string; shows: MoveRow }> {
  const prefix = `${name} channel `;
  for await (const [key, row] of catalog.rows(prefix)) {
    yield { channel: key.slice(prefix.length), shows: parseRow(moveRowSchema, row, key) };
  }
}

/** Every move of every channel of `name`: channel by channel, oldest first. */
/** The channels of all names, in order. Reads the whole catalog. */
export async function allChannels(catalog: CatalogReader): Promise<string[]> {
  const found = new Set<string>();
  for await (const [key] of catalog.rows("")) {
    const [, sort, channel = ""] = key.split(" ");
    if (sort === "channel") found.add(channel);
  }
  return [...found].toSorted();
}

export async function* moves(catalog: CatalogReader, name: string): AsyncGenerator<{ channel: string; move: MoveRow }> {
  const prefix = `${name} move `;
  for await (const [key, row] of catalog.rows(prefix)) {
    yield { channel: key.slice(prefix.length).split(" ")[0] as string, move: parseRow(moveRowSchema, row, key) };
  }
}

/** Every attestation of a release that was made after it, in no order that means anything. */
export async function* attestations(
  catalog: CatalogReader,
  name: string,
  version: string,
): AsyncGenerator<AttestationRow> {
  const prefix = attestationKey(name, version, "");
  for await (const [key, row] of catalog.rows(prefix)) yield parseRow(attestationRowSchema, row, key);
}

/** Every refusal of a release of `name` by a gate, in no order that means anything. */
export async function* refusals(catalog: CatalogReader, name: string): AsyncGenerator<RefusalRow> {
  for await (const [key, row] of catalog.rows(`${name} refusal `)) yield parseRow(refusalRowSchema, row, key);
}

/** Whether this was refused before, in the same words. */
export async function isRefused(catalog: CatalogReader, said: Refused): Promise<boolean> {
  return (await catalog.row(refusalKey(said))) !== undefined;
}

/** Every alias of `name`. */
export async function* aliases(
  catalog: CatalogReader,
  name: string,
): AsyncGenerator<{ alias: string; release: AliasRow }> {
  const prefix = `${name} alias `;
  for await (const [key, row] of catalog.rows(prefix)) {
    yield { alias: key.slice(prefix.length), release: parseRow(aliasRowSchema, row, key) };
  }
}

/** Every name, once, in order. */
export async function* names(catalog: CatalogReader): AsyncGenerator<string> {
  let last: string | undefined;
  for await (const [key] of catalog.rows("")) {
    // No name begins with it, and all sort before it.
    if (key.startsWith("~")) return;
    const name = key.slice(0, key.indexOf(" "));
    if (name !== last) yield (last = name);
  }
}

type Refused = Pick<RefusalLeaf, "name" | "manifest" | "gate" | "channel" | "got" | "wanted">;

interface Claim {
  readonly commit: string;
  readonly recipe: string;
}

const packageKey = (one: Package) => `~${one.format} ${sameName(one)}`;
const packageVersionKey = (one: Package) => `${packageKey(one)} ${sameVersion(one)}`;
const smallVersionKey = (name: string, small: string) => `~version ${name} ${small}`;
const releaseKey = (name: string, version: string) => `${name} release ${version}`;
const aliasKey = (name: string, alias: string) => `${name} alias ${alias}`;
const claimKey = (name: string, claim: Claim) => `${name} claim ${claim.commit} ${claim.recipe}`;
const channelKey = (name: string, channel: string) => `${name} channel ${channel}`;
/** The same refusal again is no second row: a job that tries again and again says nothing new. */
const refusalKey = ({ name, manifest, gate, channel, got, wanted }: Refused) =>
  `${name} refusal ${digestOf(canonicalText({ manifest, gate, channel, got, wanted }))}`;
const attestationKey = (name: string, version: string, digest: string) => `${name} attestation ${version} ${digest}`;
const yankKey = (name: string, version: string, leaf: number) =>
  `${name} yank ${version} ${String(leaf).padStart(12, "0")}`;
const retireKey = (name: string, version: string) => `${name} retire ${version}`;
const moveKey = (leaf: ChannelLeaf) => `${leaf.name} move ${leaf.channel} ${String(leaf.counter).padStart(8, "0")}`;

async function typed<T>(schema: z.ZodType<T>, key: string, catalog: CatalogReader): Promise<T | undefined> {
  const row = await catalog.row(key);
  return row === undefined ? undefined : parseRow(schema, row, key);
}

function parseRow<T>(schema: z.ZodType<T>, row: Row, key: string): T {
  const result = schema.safeParse(row);
  if (!result.success) throw new KilnError("STORE_CORRUPT", `catalog row ${key}: ${z.prettifyError(result.error)}`);
  return result.data;
}
