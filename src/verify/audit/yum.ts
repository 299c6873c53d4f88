// The yum repositories of a store: the pointer names a generation that a trusted key signed, its indexes hold the packages that the log's
// moves give, field by field, and the plain address has the same, with every package below it. What a publisher is about to write is a
// note.

import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";

import { type Digest, digestOf } from "../../artifact/digest.ts";
import type { Blob } from "../../artifact/manifest.ts";
import { verifyOpenPgp } from "../../artifact/openpgp.ts";
import { poolKey } from "../../artifact/pool.ts";
import { parseSignatures, signaturesFile } from "../../artifact/signatures.ts";
import { isKilnError, KilnError } from "../../errors.ts";
import { readBlob, readDocument, readWholeBlob } from "../../stores/read.ts";
import { documentLimit } from "../../stores/store.ts";
import { shownAfter, type ShownSource } from "../../views/shown.ts";
import {
  indexes,
  type IndexName,
  indexOf,
  indexPath,
  parseYumState,
  poolBase,
  type Way,
  yumKeys,
  type YumState,
} from "../../views/yum/generation.ts";
import { fileOf, filelistsXml, otherXml, packagesOf, parsePackages, primaryXml } from "../../views/yum/package.ts";
import { mirrorlistText, parseMirrorlist, repoFileText, repomdText } from "../../views/yum/repomd.ts";
import { readPresent } from "../release-artifact.ts";
import type { RepositoriesToCheck } from "./apt.ts";
import { noteBehind } from "./predicted.ts";
import { isMoving, isTaken, movesByChannel, shownSource } from "./shown.ts";

export async function checkYum(options: RepositoriesToCheck): Promise<void> {
  const { findings, publicUrl } = options;
  // A repository is signed as a whole: a mirror of some names has none.
  if (options.part?.names !== undefined) return;
  const channels = movesByChannel(options);
  if (channels.size === 0) return;
  if (publicUrl === undefined) return;
  for (const [channel, moves] of channels) {
    const key = yumKeys(channel).pointer;
    await findings.checkAsync(key, () => checkRepository({ channel, moves, publicUrl }, options));
  }
}

interface Repository {
  readonly channel: string;
  /** Leaf indexes of the newest move of each name. */
  readonly moves: readonly number[];
  readonly publicUrl: string;
}

/** Throws OBJECT_MISSING, VIEW_MISMATCH, SIGNATURE_INVALID, STORE_CORRUPT, NOT_FOUND. */
async function checkRepository({ channel, moves, publicUrl }: Repository, options: RepositoriesToCheck): Promise<void> {
  const { store, findings, trust } = options;
  const at = yumKeys(channel);
  const wanted = await wantedPackages(moves, options);
  if (wanted === undefined) return;
  const found = await readDocument(store, at.pointer);
  if (found === undefined) {
    if (wanted.size === 0) return;
    if (!(await isTaken(moves, options))) return noteBehind(at.pointer, options);
    throw new KilnError("OBJECT_MISSING", `${at.pointer}: got no such object, want ${wanted.size} packages`);
  }
  const digest = parseMirrorlist(found.bytes, at.pointer);
  requireText(found.bytes, mirrorlistText({ publicUrl, channel }, digest), at.pointer);
  const state = parseYumState(await readWholeBlob(store, at.state(digest), digest), at.state(digest));
  const generation = { channel, digest, state };
  await checkSigned(generation, "generation", options);
  if (await isMoving({ moves, size: state.size }, options)) return noteBehind(at.pointer, options);
  for (const way of ["generation", "plain"] as const) {
    for (const name of indexes) {
      const key = at.index(way, digest, indexPath(name, indexOf(state, way, name)));
      await findings.checkAsync(key, () => checkIndex({ ...generation, key, way, name, wanted }, options));
    }
  }
  await findings.checkAsync(at.repoFile, async () => {
    requireText(await readPresent(store, at.repoFile), repoFileText({ publicUrl, channel }, trust.origin), at.repoFile);
  });
  for (const { blob } of wanted.values()) {
    await findings.checkAsync(at.package(blob), () => checkBelow(blob, at.package(blob), options));
  }
  // The plain address follows the pointer.
  if (options.catalog === undefined || state.size > options.catalog.size)
    return noteBehind(at.repomd("plain", digest), options);
  await findings.checkAsync(at.repomd("plain", digest), () => checkSigned(generation, "plain", options));
}

interface Generation {
  readonly channel: string;
  readonly digest: Digest;
  readonly state: YumState;
}

async function checkSigned(
  { channel, digest, state }: Generation,
  way: Way,
  { store, trust, now }: RepositoriesToCheck,
): Promise<void> {
  const at = yumKeys(channel);
  const text = repomdText(state, digest, way);
  requireText(await readPresent(store, at.repomd(way, digest)), text, at.repomd(way, digest));
  const key = at.signature(way, digest);
  await verifyOpenPgp({
    signature: Buffer.from(await readPresent(store, key)).toString("utf8"),
    keys: trust.openpgp.map(({ publicKey }) => publicKey),
    state: createHash("sha256").update(text),
    now,
    what: key,
  });
}

interface Index extends Generation {
  readonly key: string;
  readonly way: Way;
  readonly name: IndexName;
  readonly wanted: ReadonlyMap<string, WantedPackage>;
}

async function checkIndex({ key, way, name, wanted, state }: Index, { store }: RepositoriesToCheck): Promise<void> {
  const index = indexOf(state, way, name);
  const plain = unpacked(await readWholeBlob(store, key, index.sha256), key);
  if (digestOf(plain) !== index.plain.sha256) {
    throw new KilnError("VIEW_MISMATCH", `${key}: got another text than its repomd.xml says`);
  }
  const whole = plain.toString("utf8");
  const start = whole.indexOf("<package ");
  const got = parsePackages(start < 0 ? "" : whole.slice(start, whole.lastIndexOf("</")));
  const wantedText = (texts: WantedPackage) => texts[name === "primary" && way === "plain" ? "plain" : name];
  const want = new Map([...wanted].map(([of, texts]) => [of, wantedText(texts)]));
  const other = [...new Set([...got.keys(), ...want.keys()])].find((of) => got.get(of) !== want.get(of));
  if (other === undefined) return;
  const problem = want.has(other) ? (got.has(other) ? "another entry" : "no entry") : "an entry that no move gives";
  throw new KilnError("VIEW_MISMATCH", `${key}: got ${problem} of ${other}`);
}

/** Throws STORE_CORRUPT. */
function unpacked(bytes: Buffer, key: string): Buffer {
  try {
    return gunzipSync(bytes);
  } catch (cause) {
    throw new KilnError("STORE_CORRUPT", `${key}: got bytes that gzip doesn't unpack`, { cause });
  }
}

/** A package below the plain address has the pool's bytes. Large ones aren't read where the store itself says that they are the same. */
async function checkBelow(blob: Blob, key: string, { store }: RepositoriesToCheck): Promise<void> {
  if (blob.size > documentLimit && store.list !== undefined) {
    const [inPool, below] = await Promise.all([store.head(poolKey(blob)), store.head(key)]);
    if (below !== undefined && inPool?.etag === below.etag) return;
  }
  for await (const _ of readBlob(store, key, blob)) void _;
}

/** Throws VIEW_MISMATCH. */
function requireText(got: Uint8Array, want: string, key: string): void {
  if (Buffer.compare(got, Buffer.from(want)) === 0) return;
  throw new KilnError("VIEW_MISMATCH", `${key}: got another text than the log gives`);
}

interface WantedPackage extends Readonly<Record<IndexName | "plain", string>> {
  readonly blob: Blob;
}

/** `undefined`: a manifest can't be read, which is a finding about its release, and nothing more can be said here. */
async function wantedPackages(
  moves: readonly number[],
  options: RepositoriesToCheck,
): Promise<Map<string, WantedPackage> | undefined> {
  try {
    return await packagesAfter(moves, shownSource(options));
  } catch (error) {
    if (isKilnError(error, "NOT_FOUND", "STORE_CORRUPT")) return undefined;
    throw error;
  }
}

async function packagesAfter(moves: readonly number[], source: ShownSource): Promise<Map<string, WantedPackage>> {
  const packages = new Map<string, WantedPackage>();
  for (const index of moves) {
    const leaf = await source.leaf(index);
    if (leaf?.type !== "channel") continue;
    const shown = await shownAfter({ leaf }, source);
    // The newest comes first, and counts.
    for (const { manifest, release } of shown.filter(({ yanked }) => yanked === null).toReversed()) {
      const found = packagesOf(manifest);
      if (found.length === 0) continue;
      const signed = { sha256: release.signatures, file: signaturesFile };
      const signatures = parseSignatures(await source.blob(signed), poolKey(signed));
      for (const one of found) {
        const blob = fileOf(one, signatures);
        packages.set(one.key, {
          blob,
          primary: primaryXml(one, blob, poolBase.generation),
          plain: primaryXml(one, blob, poolBase.plain),
          filelists: filelistsXml(one, blob),
          other: otherXml(one, blob),
        });
      }
    }
  }
  return packages;
}
