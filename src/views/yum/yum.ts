// `rpm/<channel>/`: a channel of all names as a yum repository, with two ways in. Who installs follows `mirrorlist` to a generation, which
// never changes; who mirrors reads the plain address, whose packages lie below it. The pointer is swapped when all that it names is there;
// the plain address follows it. Which packages there are is said by the log's moves alone: see ../shown.ts.

import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

import pMap from "p-map";

import { type Digest, digestOf } from "../../artifact/digest.ts";
import { canonicalBytes } from "../../artifact/json.ts";
import type { Blob } from "../../artifact/manifest.ts";
import { verifyOpenPgp } from "../../artifact/openpgp.ts";
import { poolKey } from "../../artifact/pool.ts";
import { parseSignatures, type Signatures, signaturesFile } from "../../artifact/signatures.ts";
import { isKilnError, KilnError } from "../../errors.ts";
import { type CompressedIndex, emptyGzipIndex, plainOf, withRecords } from "../compressed-index.ts";
import type { ChannelChange, Shown } from "../shown.ts";
import type { RepositorySource, TakenLeaf, View, ViewTarget } from "../view.ts";
import {
  frameOf,
  type IndexName,
  indexOf,
  indexPath,
  parseYumState,
  poolBase,
  type StoredIndex,
  type Way,
  yumHint,
  yumKeys,
  type YumState,
} from "./generation.ts";
import { yumGenerations } from "./kept.ts";
import { mirrorRepositories } from "./mirror.ts";
import { fileOf, filelistsXml, otherXml, packagesOf, parsePackages, primaryXml, type RpmPackage } from "./package.ts";
import { mirrorlistText, parseMirrorlist, repoFileText, repomdText } from "./repomd.ts";

export const yumView: View<RepositorySource> = {
  name: "yum",
  mirror: mirrorRepositories,
  async take(leaves, source, target) {
    const channels = Map.groupBy(source.changes, ({ channel }) => channel);
    for (const [channel, changes] of channels) await takeChannel({ channel, changes, leaves, source, target });
  },
  generations: yumGenerations,
};

interface Repository {
  readonly channel: string;
  readonly changes: readonly ChannelChange[];
  readonly leaves: readonly TakenLeaf[];
  readonly source: RepositorySource;
  readonly target: ViewTarget;
}

interface Generation {
  readonly digest: Digest;
  readonly state: YumState;
}

async function takeChannel(repository: Repository): Promise<void> {
  const { channel, changes, source, target } = repository;
  const keys = yumKeys(channel);
  const hasPackages = changes.some(({ now }) => now.some(isShownWithPackages));
  const hadPackages = changes.some(({ before }) => before.some(({ manifest }) => packagesOf(manifest).length > 0));
  if (!hasPackages && !hadPackages && !source.afresh) return;
  let made: Generation | undefined;
  await target.swap(keys.pointer, async (found) => {
    made = undefined;
    const before = found === undefined ? undefined : await beforeIn(found, repository);
    // A channel without a single .rpm is no repository.
    if (!hasPackages && before === undefined) return undefined;
    if (!source.afresh && before !== undefined && before.state.size >= source.checkpoint.size) return undefined;
    made = await nextGeneration(repository, before);
    return Buffer.from(mirrorlistText({ publicUrl: source.publicUrl, channel }, made.digest));
  });
  await writePlain(repository, made);
}

function isShownWithPackages({ manifest, yanked }: Shown): boolean {
  return yanked === null && packagesOf(manifest).length > 0;
}

/** The generation that stands there, by the signature of its repomd.xml. Throws STORE_CORRUPT, SIGNATURE_INVALID, NOT_FOUND. */
async function beforeIn(found: Uint8Array, repository: Repository): Promise<Generation | undefined> {
  const { channel, source } = repository;
  try {
    const generation = await readGeneration(parseMirrorlist(found, yumKeys(channel).pointer), repository);
    await requireSigned(generation, repository);
    return generation;
  } catch (error) {
    // What somebody spoilt is written anew, and is in nobody's way.
    if (source.afresh && error instanceof KilnError) return undefined;
    throw error;
  }
}

async function readGeneration(digest: Digest, { channel, source }: Repository): Promise<Generation> {
  const key = yumKeys(channel).state(digest);
  return { digest, state: parseYumState(await readObject(key, digest, source), key) };
}

/** Throws STORE_CORRUPT, also when it isn't there: a generation is whole, or was spoilt. */
async function readObject(key: string, digest: Digest, source: RepositorySource): Promise<Buffer> {
  try {
    return Buffer.from(await source.object(key, digest));
  } catch (cause) {
    if (!isKilnError(cause, "NOT_FOUND", "STORE_CORRUPT")) throw cause;
    throw new KilnError("STORE_CORRUPT", cause.message, { hint: yumHint, details: cause.details, cause });
  }
}

async function requireSigned({ digest, state }: Generation, { channel, source, target }: Repository): Promise<void> {
  const key = yumKeys(channel).signature("generation", digest);
  const signature = await target.read(key);
  if (signature === undefined) {
    throw new KilnError("STORE_CORRUPT", `${key}: got no such object, want a signature`, { hint: yumHint });
  }
  await verifyOpenPgp({
    signature: Buffer.from(signature).toString("utf8"),
    keys: source.signer.keys,
    state: createHash("sha256").update(repomdText(state, digest, "generation")),
    now: source.signer.now,
    what: key,
  });
}

/** Writes all of a generation, its packages below the plain address too; the pointer may name it then. */
async function nextGeneration(repository: Repository, before: Generation | undefined): Promise<Generation> {
  const { channel, source, target } = repository;
  const keys = yumKeys(channel);
  // While views are rebuilt nothing is built upon; what comes out the same keeps its name.
  const old = source.afresh ? undefined : before;
  const changed = await changesOf(repository, old);
  const indexes = await madeIndexes(changed, { repository, old });
  const date = Math.max(before?.state.date ?? 0, Math.floor(source.signer.now / 1000));
  const same = before !== undefined && source.afresh && isSame(before.state, indexes);
  const state: YumState = same
    ? before.state
    : {
        kiln: 1,
        size: source.checkpoint.size,
        date,
        ...(before === undefined ? {} : { before: before.digest }),
        packages: indexes.packages,
        indexes: indexes.stored,
      };
  const bytes = canonicalBytes(state);
  const digest = digestOf(bytes);
  const write = async (name: IndexName, way: Way) => {
    const path = indexPath(name, indexOf(state, way, name));
    await target.once(
      keys.index(way, digest, path),
      indexes.files[name === "primary" && way === "plain" ? "plain" : name],
    );
  };
  const repomd = Buffer.from(repomdText(state, digest, "generation"));
  const signed = same ? undefined : await source.signer.signBytes(repomd);
  await Promise.all([
    pMap(changed.blobs, (blob) => target.link(keys.package(blob), poolKey(blob)), { concurrency: 16 }),
    write("primary", "generation"),
    write("filelists", "generation"),
    write("other", "generation"),
    write("primary", "plain"),
    target.once(keys.state(digest), bytes),
    target.once(keys.repomd("generation", digest), repomd),
    ...(signed === undefined ? [] : [target.once(keys.signature("generation", digest), Buffer.from(signed))]),
    ...(old === undefined
      ? [target.copy(keys.repoFile, Buffer.from(repoFileText(place(repository), source.origin)))]
      : []),
  ]);
  await Promise.all(
    (["filelists", "other"] as const).map((name) => {
      const path = indexPath(name, state.indexes[name]);
      return target.link(keys.index("plain", digest, path), keys.index("generation", digest, path));
    }),
  );
  return { digest, state };
}

function place({ channel, source: { publicUrl } }: Repository) {
  return { channel, publicUrl };
}

function isSame({ indexes, packages }: YumState, made: MadeIndexes): boolean {
  const was = canonicalBytes({ indexes, packages });
  return Buffer.compare(was, canonicalBytes({ indexes: made.stored, packages: made.packages })) === 0;
}

/** The text of a package in each index; `undefined`: it goes. */
type Changes = ReadonlyMap<string, Readonly<Record<StoredName, string>> | undefined>;
type StoredName = keyof YumState["indexes"];

interface Changed {
  readonly records: Changes;
  /** Packages that weren't there, or may not have been. */
  readonly blobs: readonly Blob[];
}

async function changesOf(repository: Repository, before: Generation | undefined): Promise<Changed> {
  const records = new Map<string, Readonly<Record<StoredName, string>> | undefined>();
  const blobs: Blob[] = [];
  const signatures = remembering((release) => readSignatures(release, repository.source));
  for (const change of repository.changes) {
    for (const key of change.before.flatMap(({ manifest }) => packagesOf(manifest)).map(({ key }) => key)) {
      records.set(key, undefined);
    }
    const isKept = keptBy(change, repository, before);
    for (const { found, release } of newestOf(change.now).values()) {
      if (isKept(found, release)) {
        records.delete(found.key);
        continue;
      }
      const blob = fileOf(found, await signatures(release));
      records.set(found.key, {
        primary: primaryXml(found, blob, poolBase.generation),
        plain: primaryXml(found, blob, poolBase.plain),
        filelists: filelistsXml(found, blob),
        other: otherXml(found, blob),
      });
      blobs.push(blob);
    }
  }
  return { records, blobs };
}

interface Found {
  readonly found: RpmPackage;
  readonly release: Shown;
}

/** Of two packages with one name, version and architecture the newer release's counts. */
function newestOf(shown: readonly Shown[]): Map<string, Found> {
  const newest = new Map<string, Found>();
  for (const release of shown.filter(({ yanked }) => yanked === null).toReversed()) {
    for (const found of packagesOf(release.manifest)) newest.set(found.key, { found, release });
  }
  return newest;
}

/**
 * Says of a package that is shown whether it stands in the indexes already, and is the same. That is known when the name has made
 * exactly one move since they were settled; otherwise its packages are all written once more, which changes nothing.
 */
function keptBy(
  { name, channel, before: shown }: ChannelChange,
  { leaves, source }: Repository,
  before: Generation | undefined,
): (found: RpmPackage, release: Shown) => boolean {
  const about = leaves.filter(
    ({ leaf }) =>
      leaf.name === name && !(leaf.type in aboutReleases) && !(leaf.type === "channel" && leaf.channel !== channel),
  );
  const isOneMove = about.length === 1 && about[0]?.leaf.type === "channel";
  if (before === undefined || !isOneMove || before.state.size > source.settled) return () => false;
  return ({ key }, { leaf }) => {
    const holders = shown.filter(({ manifest }) => packagesOf(manifest).some((other) => other.key === key));
    return holders.length === 1 && holders[0]?.leaf === leaf && holders[0].yanked === null;
  };
}

/** Leaves that change nothing of what a channel shows. */
const aboutReleases = { release: true, alias: true, attestation: true, refusal: true };

function remembering<T>(read: (release: Shown) => Promise<T>): (release: Shown) => Promise<T> {
  const known = new Map<number, Promise<T>>();
  return (release) => {
    const found = known.get(release.leaf) ?? read(release);
    known.set(release.leaf, found);
    return found;
  };
}

async function readSignatures({ release }: Shown, source: RepositorySource): Promise<Signatures> {
  const blob = { sha256: release.signatures, file: signaturesFile };
  return parseSignatures(await source.blob(blob), poolKey(blob));
}

interface MadeIndexes {
  readonly packages: number;
  readonly stored: YumState["indexes"];
  readonly files: Readonly<Record<StoredName, Buffer>>;
}

const storedNames: readonly StoredName[] = ["primary", "plain", "filelists", "other"];

async function madeIndexes(
  { records }: Changed,
  { repository, old }: { readonly repository: Repository; readonly old: Generation | undefined },
): Promise<MadeIndexes> {
  const changed = await Promise.all(
    storedNames.map(async (name) => {
      const changes = new Map([...records].map(([key, texts]) => [key, texts?.[name]]));
      return withRecords(await storedIndex(name, repository, old), changes, { parse: parsePackages });
    }),
  );
  const packages = (old?.state.packages ?? 0) + (changed[0]?.more ?? 0);
  const framed = await Promise.all(
    storedNames.map(
      async (name, at) => [name, await framedIndex(name, changed[at] ?? emptyGzipIndex, packages)] as const,
    ),
  );
  return {
    packages,
    stored: Object.fromEntries(framed.map(([name, { stored }]) => [name, stored])) as YumState["indexes"],
    files: Object.fromEntries(framed.map(([name, { file }]) => [name, file])) as Record<StoredName, Buffer>,
  };
}

async function framedIndex(name: StoredName, index: CompressedIndex<"gz">, packages: number) {
  const frame = frameOf(name === "plain" ? "primary" : name, packages);
  const head = gzipSync(frame.head);
  const parts = index.pieces.length === 0 ? [] : [index.files.gz];
  const file = Buffer.concat([head, ...parts, gzipSync(frame.tail)]);
  const plain = await plainOf(index, frame);
  const stored: StoredIndex = {
    head: head.length,
    pieces: [...index.pieces],
    size: file.length,
    sha256: digestOf(file),
    plain: { ...plain },
  };
  return { file, stored };
}

async function storedIndex(
  name: StoredName,
  { channel, source }: Repository,
  old: Generation | undefined,
): Promise<CompressedIndex<"gz">> {
  if (old === undefined) return emptyGzipIndex;
  const { head, pieces, sha256 } = old.state.indexes[name];
  const way = name === "plain" ? "plain" : "generation";
  const path = indexPath(name === "plain" ? "primary" : name, { sha256 });
  const file = await readObject(yumKeys(channel).index(way, old.digest, path), sha256, source);
  return { pieces, files: { gz: file.subarray(head) } };
}

/**
 * Makes the plain address follow the pointer. Whoever was slower does it once more for the newer generation. If we stop here, the
 * next publisher finds more leaves in the generation than are settled, and does it.
 */
async function writePlain(
  { channel, source, target, ...rest }: Repository,
  made: Generation | undefined,
): Promise<void> {
  const keys = yumKeys(channel);
  const repository = { channel, source, target, ...rest };
  let current = made;
  let written: Digest | undefined;
  for (;;) {
    if (current === undefined) {
      const found = await target.read(keys.pointer);
      if (found === undefined) return;
      const digest = parseMirrorlist(found, keys.pointer);
      if (digest === written) return;
      current = await readGeneration(digest, repository);
      if (written === undefined && !source.afresh && current.state.size <= source.settled) return;
    }
    const { digest, state } = current;
    const repomd = Buffer.from(repomdText(state, digest, "plain"));
    const signature = Buffer.from(await source.signer.signBytes(repomd));
    await Promise.all([
      target.copy(keys.repomd("plain", digest), repomd),
      target.copy(keys.signature("plain", digest), signature),
    ]);
    written = digest;
    current = undefined;
  }
}
