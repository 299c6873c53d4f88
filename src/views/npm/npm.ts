// `npm/`: a registry of npm's as static files. A package's packument has every version that was released and not retired,
// whatever channel shows it, and the channels as dist-tags. It is one object, swapped; the file of dist-tags beside it is a copy
// for clients that ask for nothing else. If we stop between the two, the next publisher copies again.

import { poolKey } from "../../artifact/pool.ts";
import { parseSignatures, signaturesFile } from "../../artifact/signatures.ts";
import { isKilnError } from "../../errors.ts";
import { type Shown, soundReleaseAt } from "../shown.ts";
import type { RepositorySource, TakenLeaf, View, ViewTarget } from "../view.ts";
import { type Held, heldIn, type RegistrySignature, registrySignature, releaseOf, versionOf } from "./held.ts";
import { mirrorPackuments } from "./mirror.ts";
import { type Packument, packumentBytes, readPackument, unsignedBytes } from "./packument.ts";
import { npmKeys } from "./registry.ts";
import { replaceBy, replaceDistTags, replaceSigningKeys } from "./unsigned.ts";

export const npmView: View<RepositorySource> = {
  name: "npm",
  mirror: mirrorPackuments,
  async takePart(leaves, source, target) {
    const news = await newsIn(leaves, source);
    for (const one of news) {
      const packument = await nextPackument(one, undefined, source);
      await replaceBy(target, npmKeys.packument(one.package), unsignedBytes(packument, source.publicUrl));
      await replaceDistTags(one.package, packument, target);
    }
    if (news.length > 0) await replaceSigningKeys(source, target);
  },
  async take(leaves, source, target) {
    const news = await newsIn(leaves, source);
    for (const one of news) await takePackage(one, source, target);
    if (news.length > 0) await replaceSigningKeys(source, target);
  },
};

/** What leaves that are taken in say about one package of one name. */
interface PackageNews {
  readonly package: string;
  readonly name: string;
  /** The newest of them that is about it. */
  readonly newest: TakenLeaf;
  /** Releases that hold it, oldest first: those that the leaves are about, and perhaps others. Made afresh: all. */
  readonly held: readonly Held[];
  /** Versions of the name that something was said of. */
  readonly touched: ReadonlySet<string>;
  /** Channel → version of the name. */
  readonly channels: ReadonlyMap<string, string | undefined>;
}

async function newsIn(leaves: readonly TakenLeaf[], source: RepositorySource): Promise<PackageNews[]> {
  const found: PackageNews[] = [];
  for (const [name, own] of Map.groupBy(leaves, ({ leaf }) => leaf.name)) {
    const shown = await shownOf({ name, leaves: own, source });
    found.push(...newsOf({ name, leaves: own, shown, source }));
  }
  return found.filter((one) => isFirst(one, found));
}

interface Name {
  readonly name: string;
  readonly leaves: readonly TakenLeaf[];
  readonly source: RepositorySource;
}

/** The releases that the leaves are about, oldest first; made afresh: every release of the name. */
async function shownOf({ name, leaves, source }: Name): Promise<Shown[]> {
  const known = new Map<number, Shown>();
  if (source.afresh) for await (const shown of source.releases(name)) known.set(shown.leaf, shown);
  for (const change of source.changes) {
    if (change.name !== name) continue;
    for (const shown of [...change.now, ...change.before]) known.set(shown.leaf, shown);
  }
  const versions = new Set([...known.values()].map(({ release }) => release.version));
  for (const version of touchedBy(leaves)) {
    const index = versions.has(version) ? undefined : await source.releaseIndex(name, version);
    const shown = index === undefined ? undefined : await soundReleaseAt(index, source);
    if (shown?.release.name === name) known.set(shown.leaf, shown);
  }
  return [...known.values()].toSorted((one, other) => one.leaf - other.leaf);
}

/** The versions that there is news of beside what channels lead to: they were released, yanked or retired. */
function touchedBy(leaves: readonly TakenLeaf[]): Set<string> {
  const silent = new Set(["channel", "alias", "refusal", "attestation"]);
  return new Set(leaves.flatMap(({ leaf }) => (silent.has(leaf.type) ? [] : [leaf.version])));
}

function newsOf({ name, leaves, shown, source }: Name & { readonly shown: readonly Shown[] }): PackageNews[] {
  const holders = Map.groupBy(shown.flatMap(heldIn), ({ record }) => record.name);
  const changes = source.changes.filter((change) => change.name === name);
  const channels = new Map(changes.map(({ channel, now }) => [channel, now[0]?.release.version]));
  const before = new Map(changes.map(({ channel, before: [settled] }) => [channel, settled?.release.version]));
  const touched = touchedBy(leaves);
  return [...holders].flatMap(([package_, held]) => {
    const versions = new Set(held.map((one) => one.shown.release.version));
    const newest = newestAbout(versions, leaves, before);
    return newest === undefined ? [] : [{ package: package_, name, newest, held, touched, channels }];
  });
}

/** Of the leaves of a name: the last that is about one of `versions`, or leads a channel to or away from one. */
function newestAbout(
  versions: ReadonlySet<string | undefined>,
  leaves: readonly TakenLeaf[],
  before: ReadonlyMap<string, string | undefined>,
): TakenLeaf | undefined {
  const leads = new Map(before);
  let newest: TakenLeaf | undefined;
  for (const taken of leaves) {
    const { leaf } = taken;
    if (leaf.type === "alias" || leaf.type === "refusal" || leaf.type === "attestation") continue;
    let isAbout = versions.has(leaf.version);
    if (leaf.type === "channel") {
      isAbout ||= versions.has(leads.get(leaf.channel));
      leads.set(leaf.channel, leaf.version);
    }
    if (isAbout) newest = taken;
  }
  return newest;
}

/** A package belongs to the name that released it first: what other names hold of it isn't shown. */
function isFirst(one: PackageNews, all: readonly PackageNews[]): boolean {
  const firstLeaf = ({ held }: PackageNews) => held[0]?.shown.leaf ?? Number.POSITIVE_INFINITY;
  return all.every((other) => other.package !== one.package || firstLeaf(one) <= firstLeaf(other));
}

async function takePackage(news: PackageNews, source: RepositorySource, target: ViewTarget): Promise<void> {
  const key = npmKeys.packument(news.package);
  let standing: Uint8Array | undefined;
  await target.swap(key, async (found) => {
    standing = found;
    const stored = found === undefined || source.afresh ? undefined : await readPackument(found, key, source.signer);
    if (stored !== undefined && (stored.release !== news.name || stored.leaf >= news.newest.index)) return undefined;
    const next = await packumentBytes(await nextPackument(news, stored, source), source);
    standing = next;
    return found !== undefined && Buffer.compare(found, next) === 0 ? undefined : next;
  });
  await writeDistTags({ key, news, standing }, source, target);
}

/** Whoever was slower copies the newer packument's tags once more. */
async function writeDistTags(
  written: { readonly key: string; readonly news: PackageNews; readonly standing: Uint8Array | undefined },
  source: RepositorySource,
  target: ViewTarget,
): Promise<void> {
  const { key, news } = written;
  let { standing } = written;
  while (standing !== undefined) {
    const packument = await readPackument(standing, key, source.signer);
    if (packument.release !== news.name) return;
    await replaceDistTags(news.package, packument, target);
    const current = await target.read(key);
    if (current !== undefined && Buffer.compare(current, standing) === 0) return;
    standing = current;
  }
}

async function nextPackument(
  news: PackageNews,
  stored: Packument | undefined,
  source: RepositorySource,
): Promise<Packument> {
  const whole = stored === undefined && !source.afresh ? await wholeOf(news, source) : news;
  const versions = new Map(stored?.versions);
  for (const held of whole.held) {
    const { version } = held.record;
    const there = versions.get(version)?.listed.kilnRelease;
    // The first release that has a version of the package keeps it.
    if (there !== undefined && (there !== releaseOf(held) || !news.touched.has(held.shown.release.version))) continue;
    if (held.shown.retired === null) versions.set(version, versionOf(held, await signatureOf(held, source)));
    else versions.delete(version);
  }
  const byRelease = new Map([...versions].map(([version, { listed }]) => [listed.kilnRelease, version]));
  const channels = new Map(stored?.channels);
  for (const [channel, version] of whole.channels) {
    const shown = byRelease.get(`${news.name}@${version}`);
    if (shown === undefined) channels.delete(channel);
    else channels.set(channel, shown);
  }
  const { index, leaf } = news.newest;
  return { name: news.package, release: news.name, leaf: index, time: leaf.time, versions, channels };
}

/** All that the log has of the package: there is no packument to build on. */
async function wholeOf(news: PackageNews, source: RepositorySource): Promise<Pick<PackageNews, "held" | "channels">> {
  const held: Held[] = [];
  for await (const shown of source.releases(news.name)) {
    held.push(...heldIn(shown).filter(({ record }) => record.name === news.package));
  }
  const channels = new Map<string, string>();
  for await (const { leaf } of source.channels(news.name)) channels.set(leaf.channel, leaf.version);
  return { held: held.toSorted((one, other) => one.shown.leaf - other.shown.leaf), channels };
}

async function signatureOf(held: Held, source: RepositorySource): Promise<RegistrySignature | undefined> {
  const blob = { sha256: held.shown.release.signatures, file: signaturesFile };
  try {
    return registrySignature(held, parseSignatures(await source.blob(blob), poolKey(blob)), source.releaseKeys);
  } catch (error) {
    // Made wrong by its own signer, which an audit says: nobody else's views wait for it.
    if (isKilnError(error, "STORE_CORRUPT", "NOT_FOUND")) return undefined;
    throw error;
  }
}
