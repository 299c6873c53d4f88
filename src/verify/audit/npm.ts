// The npm packages of a store: each packument is signed by a trusted key, is what the log gives, byte by byte, and names the pool
// where the store is reached; beside it lie its dist-tags and the registry's keys. What a publisher is about to write is a note.
// A mirror of a part has packuments of what its channels or names lead to, which nobody signed.

import { z } from "zod";

import { parseStored } from "../../artifact/json.ts";
import { keys } from "../../artifact/pool.ts";
import { KilnError } from "../../errors.ts";
import { logOf, readCheckpoint } from "../../log/checkpoint.ts";
import { readDocument } from "../../stores/read.ts";
import { type Held, heldIn, type RegistrySignature, registrySignature, versionOf } from "../../views/npm/held.ts";
import {
  distTagsBytes,
  type Packument,
  packumentSignedAs,
  type PackumentVersion,
  readPackument,
  readUnsigned,
} from "../../views/npm/packument.ts";
import { npmKeys, packageOf, registryKeys, signingKeysBytes } from "../../views/npm/registry.ts";
import type { SignedRelease } from "../release-artifact.ts";
import { type DocumentsToCheck, wasTaken } from "./documents.ts";
import { isShownIn } from "./part.ts";
import { shownSource } from "./shown.ts";

/** What releases hold of npm packages: collected while they are checked, in any order. */
export interface NpmPackages {
  /** By package, then by the name that holds it. */
  readonly byPackage: ReadonlyMap<string, ReadonlyMap<string, readonly HeldVersion[]>>;
  add(release: SignedRelease): void;
}

interface HeldVersion {
  readonly held: Held;
  readonly signature: RegistrySignature | undefined;
}

export function newNpmPackages(): NpmPackages {
  const byPackage = new Map<string, Map<string, HeldVersion[]>>();
  return {
    byPackage,
    add({ release: { index, leaf }, manifest, signatures, trust }) {
      for (const held of heldIn({ leaf: index, release: leaf, manifest, yanked: null, retired: null })) {
        const names = byPackage.get(held.record.name) ?? new Map<string, HeldVersion[]>();
        const versions = names.get(leaf.name) ?? [];
        versions.push({ held, signature: registrySignature(held, signatures, trust.release) });
        byPackage.set(held.record.name, names.set(leaf.name, versions));
      }
    },
  };
}

export interface NpmToCheck extends DocumentsToCheck {
  /** Where the store is reached; `undefined`: it doesn't say, which is a finding. */
  readonly publicUrl: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly packages: NpmPackages;
  /** Manifests of releases that a mirror of a part must have. */
  readonly required: ReadonlySet<string>;
}

export async function checkNpm(options: NpmToCheck): Promise<void> {
  const { packages, findings, publicUrl } = options;
  if (packages.byPackage.size === 0) return;
  if (publicUrl === undefined) return;
  for (const [name, all] of packages.byPackage) {
    const listed = [...all].map(([of, held]) => [of, held.filter((one) => isListed(one, options))] as const);
    const holders = new Map(listed.filter(([, held]) => held.length > 0));
    // A mirror still has releases that its channels once showed.
    if (holders.size === 0) continue;
    const wanted = await wantedOf(name, holders, options);
    const key = npmKeys.packument(name);
    await findings.checkAsync(key, () => checkPackument(wanted, publicUrl, options));
  }
  await findings.checkAsync(npmKeys.signingKeys, () => checkKeys(options));
}

function isListed({ held }: HeldVersion, { part, required }: NpmToCheck): boolean {
  return part === undefined || required.has(held.shown.release.manifest);
}

/** Everything but what only the moves of the past say: `leaf` is the newest that the present is made of. */
async function wantedOf(
  name: string,
  holders: ReadonlyMap<string, readonly HeldVersion[]>,
  options: NpmToCheck,
): Promise<Packument> {
  const all = [...holders].map(([release, held]) => ({
    release,
    held: held.toSorted((one, other) => one.held.shown.leaf - other.held.shown.leaf),
  }));
  const first = ({ held }: (typeof all)[number]) => held[0]?.held.shown.leaf ?? 0;
  const owner = all.toSorted((one, other) => first(one) - first(other))[0] as (typeof all)[number];
  const versions = new Map<string, PackumentVersion>();
  const byRelease = new Map<string, string>();
  let leaf = 0;
  for (const { held, signature } of owner.held) {
    const { name: of, version: released } = held.shown.release;
    const { yank = -1, retire = -1, yanked, retired } = options.history.withdrawal(of, released);
    leaf = Math.max(leaf, held.shown.leaf, yank, retire);
    const { version } = held.record;
    if (versions.has(version) || retired !== null) continue;
    versions.set(version, versionOf({ ...held, shown: { ...held.shown, yanked } }, signature));
    byRelease.set(held.shown.release.version, version);
  }
  const channels = new Map<string, string>();
  for (const { channel, index, version } of await movesOf(owner.release, options)) {
    const shown = byRelease.get(version);
    if (shown === undefined) continue;
    channels.set(channel, shown);
    leaf = Math.max(leaf, index);
  }
  return { name, release: owner.release, leaf, time: 0, versions, channels };
}

interface LoggedMove {
  readonly channel: string;
  readonly index: number;
  readonly version: string;
}

async function movesOf(name: string, options: NpmToCheck): Promise<LoggedMove[]> {
  const moves: LoggedMove[] = [];
  for (const [key, { index }] of options.history.moves) {
    const channel = key.slice(key.lastIndexOf("/") + 1, -".json".length);
    const isOfName = key === keys.channel(name, channel) && isShownIn(options.part, { name, channel });
    const leaf = isOfName ? await shownSource(options).leaf(index) : undefined;
    if (leaf !== undefined) moves.push({ channel, index, version: leaf.version });
  }
  return moves;
}

/** Throws OBJECT_MISSING, VIEW_MISMATCH, SIGNATURE_INVALID, STORE_CORRUPT. */
async function checkPackument(wanted: Packument, publicUrl: string, options: NpmToCheck): Promise<void> {
  const { store, findings, tree } = options;
  const key = npmKeys.packument(wanted.name);
  const bytes = (await readDocument(store, key))?.bytes;
  const isTaken = wasTaken(wanted.leaf, options);
  if (bytes === undefined) {
    if (isTaken) throw new KilnError("OBJECT_MISSING", `${key}: got no such object, want a packument`);
    return findings.note("VIEW_BEHIND", key, `${key}: it isn't written yet`);
  }
  const isSigned = options.part === undefined;
  const got = isSigned ? await readPackument(bytes, key, signerOfViews(options)) : readUnsigned(bytes, key);
  if (got.leaf >= tree.size) {
    // Somebody published it anew since the log was read.
    if (isSigned || (await hasGrownTo(got.leaf, options))) return;
    throw new KilnError("VIEW_MISMATCH", `${key}: got one of leaf ${got.leaf}, want one of a log of ${tree.size}`);
  }
  if (got.leaf < wanted.leaf && !isTaken) {
    return findings.note("VIEW_BEHIND", key, `${key}: it hasn't taken in the newest leaves yet`);
  }
  const time = (await shownSource(options).leaf(got.leaf))?.time ?? -1;
  const packument = { ...wanted, leaf: Math.max(got.leaf, wanted.leaf), time };
  if (Buffer.compare(bytes, packumentSignedAs({ bytes, key }, { packument, publicUrl })) !== 0) {
    throw new KilnError("VIEW_MISMATCH", `${key}: got ${differenceOf(got, wanted)}`);
  }
  const tagsKey = npmKeys.distTags(wanted.name);
  await findings.checkAsync(tagsKey, async () => {
    const tags = await readDocument(store, tagsKey);
    if (tags !== undefined && Buffer.compare(tags.bytes, distTagsBytes(packument)) === 0) return;
    if (!isTaken) return findings.note("VIEW_BEHIND", tagsKey, `${tagsKey}: it isn't the packument's yet`);
    throw new KilnError("VIEW_MISMATCH", `${tagsKey}: got ${tags === undefined ? "none" : "others"}, want ${key}'s`);
  });
}

/** What nobody signed may say anything. */
async function hasGrownTo(leaf: number, { store, trust }: NpmToCheck): Promise<boolean> {
  return (await readCheckpoint(store, logOf(trust))).size > leaf;
}

function differenceOf(got: Packument, want: Packument): string {
  const other = [...new Set([...got.versions.keys(), ...want.versions.keys()])].find(
    (version) => JSON.stringify(got.versions.get(version)) !== JSON.stringify(want.versions.get(version)),
  );
  if (got.release !== want.release) return `a package of ${got.release}, want of ${want.release}`;
  if (other === undefined) return "another document than the log gives";
  const problem = want.versions.has(other) ? (got.versions.has(other) ? "another" : "no") : "an unknown";
  return `${problem} version ${other}, want what the log gives`;
}

const keysSchema = z.object({ keys: z.array(z.object({ key: z.string() })) });

/** The pinned file may be newer than the document, which the next publisher of an npm package writes. */
async function checkKeys(options: NpmToCheck): Promise<void> {
  const { store, trust, tree, findings } = options;
  const key = npmKeys.signingKeys;
  const { bytes } = (await readDocument(store, key)) ?? {};
  const leaf = (index: number) => shownSource(options).leaf(index);
  const want = signingKeysBytes(await registryKeys(trust.release, { size: tree.size, leaf }));
  if (bytes !== undefined && Buffer.compare(bytes, want) === 0) return;
  if (bytes === undefined) return findings.note("VIEW_BEHIND", key, `${key}: it isn't written yet`);
  const parsed = keysSchema.safeParse(parseStored(bytes, key));
  const known = new Set(trust.release.map(({ publicKey }) => publicKey));
  if (!parsed.success || parsed.data.keys.some((one) => !known.has(one.key))) {
    throw new KilnError("VIEW_MISMATCH", `${key}: got something else than keys of the trust file`);
  }
  findings.note("VIEW_BEHIND", key, `${key}: it doesn't say what the trust file says`);
}

/**
 * Lets a document pass that the audited log doesn't explain, if it is of something published since the audit began. Throws
 * OBJECT_UNKNOWN otherwise.
 */
export async function requireLaterPackument(
  key: string,
  options: Omit<NpmToCheck, "packages" | "publicUrl" | "required">,
): Promise<void> {
  const name = packageOf(key);
  const at = npmKeys.packument(name ?? "");
  const found = name === undefined ? undefined : await readDocument(options.store, at);
  const later = found && (await readPackument(found.bytes, at, signerOfViews(options)));
  if (later !== undefined && later.leaf >= options.tree.size) return;
  throw new KilnError("OBJECT_UNKNOWN", `${key}: got an object that neither the log nor Kiln's own work explains`);
}

function signerOfViews({ trust, now }: Pick<NpmToCheck, "trust" | "now">) {
  return { keys: trust.openpgp.map(({ publicKey }) => publicKey), now };
}
