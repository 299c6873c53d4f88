// What npm calls a packument: all versions of one package, and its dist-tags, in one document. It is signed as a whole by the
// OpenPGP key, in a member that npm doesn't read, so that the next version is added only to what a publisher wrote. The
// signature doesn't cover where the store is reached: the same document serves a mirror under another address. In a mirror of a part,
// which has other versions, nobody signed it, and nothing is ever built on it.
// Its time is that of the newest leaf that is about the package: made anew from the log, it has the same bytes.

import { createHash } from "node:crypto";

import { z } from "zod";

import { canonicalBytes, parseStored } from "../../artifact/json.ts";
import { armored, unarmored, verifyOpenPgp } from "../../artifact/openpgp.ts";
import { compareVersions, parseVersion } from "../../artifact/version.ts";
import { KilnError } from "../../errors.ts";
import type { ViewSigner } from "../view.ts";

export interface Packument {
  /** As npm calls the package. */
  readonly name: string;
  /** The name whose releases hold it: a package belongs to one. */
  readonly release: string;
  /** The newest leaf that is about the package, and its time in seconds since 1970. */
  readonly leaf: number;
  readonly time: number;
  /** By the package's version. */
  readonly versions: ReadonlyMap<string, PackumentVersion>;
  /** Channel → the package's version in the release that it shows. */
  readonly channels: ReadonlyMap<string, string>;
}

export interface PackumentVersion {
  /** Of the release, seconds since 1970. */
  readonly time: number;
  /** As npm reads it; `dist.tarball` is a key of the pool. */
  readonly listed: Listed;
}

const listedSchema = z.looseObject({
  name: z.string(),
  version: z.string(),
  /** Why nobody shall use it: it was yanked. */
  deprecated: z.string().optional(),
  dist: z.looseObject({
    tarball: z.string(),
    integrity: z.string(),
    signatures: z.array(z.strictObject({ keyid: z.string(), sig: z.base64() })).optional(),
  }),
  /** `name@version`. */
  kilnRelease: z.string(),
});

export type Listed = z.infer<typeof listedSchema>;

const stateSchema = z.strictObject({
  release: z.string(),
  leaf: z.int().nonnegative(),
  /** Those that lead to a version of the package. */
  channels: z.array(z.string()),
  /** An OpenPGP packet in base64, over the canonical JSON of the document without this member; absent in a mirror of a part. */
  signature: z.base64().optional(),
});

const documentSchema = z.looseObject({
  name: z.string(),
  "dist-tags": z.record(z.string(), z.string()),
  versions: z.record(z.string(), listedSchema),
  time: z.record(z.string(), z.iso.datetime()),
  _kiln: stateSchema,
});

type Document = z.infer<typeof documentSchema>;

const hint = "`kiln views rebuild` writes it anew from the log";

/** The stored document under `key`; its signature isn't checked. Throws STORE_CORRUPT. */
function parseDocument(bytes: Uint8Array, key: string): Document {
  const result = documentSchema.safeParse(parseStored(bytes, key, hint));
  if (result.success) return result.data;
  throw new KilnError("STORE_CORRUPT", `${key}: ${z.prettifyError(result.error)}`, { hint });
}

/** A stored packument that a trusted key signed. Throws STORE_CORRUPT, which names `key`; SIGNATURE_INVALID. */
export async function readPackument(
  bytes: Uint8Array,
  key: string,
  signer: Pick<ViewSigner, "keys" | "now">,
): Promise<Packument> {
  const document = parseDocument(bytes, key);
  const { signature, ...state } = document._kiln;
  if (signature === undefined) {
    throw new KilnError("SIGNATURE_INVALID", `${key}: got a packument without a signature, want a signed one`);
  }
  const signed = signedBytes({ ...withTarballs(document, poolKeyOf), _kiln: state });
  await verifyOpenPgp({
    signature: armored(Buffer.from(signature, "base64")),
    keys: signer.keys,
    state: createHash("sha256").update(signed),
    now: signer.now,
    what: key,
  });
  return packumentOf(document, key);
}

/** One that needs no signature: a mirror's of a part. Throws STORE_CORRUPT. */
export function readUnsigned(bytes: Uint8Array, key: string): Packument {
  return packumentOf(parseDocument(bytes, key), key);
}

function packumentOf(document: Document, key: string): Packument {
  const { name, time, versions, "dist-tags": tags, _kiln: state } = document;
  return {
    name,
    release: state.release,
    leaf: state.leaf,
    time: secondsOf(time["modified"], key),
    versions: new Map(
      Object.entries(versions).map(([version, listed]) => [
        version,
        { time: secondsOf(time[version], key), listed: withTarball(listed, poolKeyOf) },
      ]),
    ),
    channels: new Map(state.channels.map((channel) => [channel, tags[channel] ?? ""])),
  };
}

/** The document as it is stored, for a store that is reached at `publicUrl`. */
export async function packumentBytes(
  packument: Packument,
  { publicUrl, signer }: { readonly publicUrl: string; readonly signer: ViewSigner },
): Promise<Uint8Array> {
  const document = documentOf(packument);
  const signature = await signer.signBytes(signedBytes(document), packument.time * 1000);
  const signed = { ...document, _kiln: { ...document._kiln, signature: unarmored(signature).toString("base64") } };
  return canonicalBytes(withTarballs(signed, (key) => `${publicUrl}${key}`));
}

/** The document of a mirror of a part. */
export function unsignedBytes(packument: Packument, publicUrl: string): Uint8Array {
  return canonicalBytes(withTarballs(documentOf(packument), (key) => `${publicUrl}${key}`));
}

/** The same document for a store that is reached elsewhere: no key is needed. Throws STORE_CORRUPT. */
export function packumentAt(bytes: Uint8Array, key: string, publicUrl: string): Uint8Array {
  return canonicalBytes(withTarballs(parseDocument(bytes, key), (tarball) => `${publicUrl}${poolKeyOf(tarball)}`));
}

/** The bytes of `packument` with the signature of the stored document: they are its own, or somebody changed it. Throws STORE_CORRUPT. */
export function packumentSignedAs(
  { bytes, key }: { readonly bytes: Uint8Array; readonly key: string },
  { packument, publicUrl }: { readonly packument: Packument; readonly publicUrl: string },
): Uint8Array {
  const { signature } = parseDocument(bytes, key)._kiln;
  const document = documentOf(packument);
  const signed = { ...document, _kiln: { ...document._kiln, ...(signature === undefined ? {} : { signature }) } };
  return canonicalBytes(withTarballs(signed, (tarball) => `${publicUrl}${tarball}`));
}

/** What the package's tags lead to, for clients that ask for nothing else. */
export function distTagsBytes(packument: Packument): Uint8Array {
  return canonicalBytes(distTags(packument));
}

/** Members of the newest version that npm shows for the whole package. */
const described = ["description", "license", "keywords", "homepage", "repository", "author", "bugs"];

function documentOf(packument: Packument) {
  const { name, release, leaf, time, versions, channels } = packument;
  const tags = distTags(packument);
  const latest = versions.get(tags["latest"] ?? "")?.listed ?? {};
  const times = [...versions].map(([version, { time }]) => [version, dateOf(time)] as const);
  const created = Math.min(...[...versions.values()].map((version) => version.time), time);
  return {
    ...Object.fromEntries(Object.entries(latest).filter(([member]) => described.includes(member))),
    _id: name,
    name,
    "dist-tags": tags,
    versions: Object.fromEntries([...versions].map(([version, { listed }]) => [version, listed])),
    time: { ...Object.fromEntries(times), created: dateOf(created), modified: dateOf(time) },
    _kiln: { release, leaf, channels: [...channels.keys()].toSorted() },
  };
}

/**
 * Channels are dist-tags. npm wants one called `latest`: what the channel `latest` leads to, or else `production`, or else the
 * highest version that any channel leads to, or else the highest of all. Pre-releases and yanked versions are the last choice.
 */
function distTags({ versions, channels }: Packument): Record<string, string> {
  const shown = [...channels.values()].filter((version) => versions.has(version));
  const latest =
    channels.get("latest") ?? channels.get("production") ?? highest(shown.length > 0 ? shown : versions.keys());
  const tags = Object.fromEntries(channels);
  function highest(candidates: Iterable<string>): string | undefined {
    const rank = (version: string) =>
      Number(versions.get(version)?.listed.deprecated === undefined) * 2 + Number(!version.includes("-"));
    return [...candidates].toSorted((one, other) => rank(other) - rank(one) || order(other, one))[0];
  }
  return latest === undefined ? tags : { ...tags, latest };
}

function order(one: string, other: string): number {
  const [a, b] = [parseVersion(one), parseVersion(other)];
  return a === undefined || b === undefined ? Number(a !== undefined) - Number(b !== undefined) : compareVersions(a, b);
}

function signedBytes(document: object): Uint8Array {
  return canonicalBytes(document);
}

type WithVersions = { readonly versions: Readonly<Record<string, Listed>> };

function withTarballs<T extends WithVersions>(document: T, change: (tarball: string) => string): T {
  const versions = Object.entries(document.versions).map(([version, listed]) => {
    return [version, withTarball(listed, change)] as const;
  });
  return { ...document, versions: Object.fromEntries(versions) };
}

function withTarball(listed: Listed, change: (tarball: string) => string): Listed {
  return { ...listed, dist: { ...listed.dist, tarball: change(listed.dist.tarball) } };
}

/** Of an absolute address of a tarball. */
export function poolKeyOf(tarball: string): string {
  return /pool\/sha256\/[0-9a-f]{2}\/[0-9a-f]{64}\/[^/]+$/.exec(tarball)?.[0] ?? tarball;
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** Throws STORE_CORRUPT. */
function secondsOf(date: string | undefined, key: string): number {
  const time = Date.parse(date ?? "");
  if (!Number.isNaN(time)) return time / 1000;
  throw new KilnError("STORE_CORRUPT", `${key}: got a version without a time`, { hint });
}
