// What the registry serves, read from the store: packuments that a pinned key signed, and tarballs that are what their packument
// says, or an error before their last byte. The store may be a folder, a bucket or a web server: nothing is listed.

import { createHash } from "node:crypto";

import { poolKey } from "../src/artifact/pool.ts";
import type { Trust } from "../src/artifact/trust.ts";
import { openCatalog } from "../src/commands/catalog-access.ts";
import { originOf, readTrust } from "../src/commands/store-access.ts";
import type { Context } from "../src/context.ts";
import { isKilnError, KilnError } from "../src/errors.ts";
import { openStore } from "../src/stores/index.ts";
import { readBlob, readDocument } from "../src/stores/read.ts";
import type { ReadableStore } from "../src/stores/store.ts";
import { packagesOf } from "../src/views/catalog.ts";
import { type Listed, poolKeyOf, readPackument } from "../src/views/npm/packument.ts";
import { npmKeys } from "../src/views/npm/registry.ts";

export interface Source {
  /** The stored document, as JSON; `undefined`: there is no such package. Throws SIGNATURE_INVALID, STORE_CORRUPT. */
  packument(name: string): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** `undefined`: the package has no such file. */
  tarball(name: string, file: string): Promise<Tarball | undefined>;
  /** The public keys of the registry's signatures: those of them that are pinned. */
  signingKeys(): Promise<{ readonly keys: readonly unknown[] }>;
  /** Of every package, as far as the catalog knows them. */
  names(): Promise<string[]>;
}

export interface Tarball {
  /** Bytes. */
  readonly size: number;
  /** Ends in an error, without its last piece, unless SHA-256 and integrity are right. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Throws what opening a store throws, and NO_TRUST. `trust`: the pinned file; by default where `kiln` has it. */
export async function openSource(
  { address, trust: file }: { readonly address: string; readonly trust?: string | undefined },
  context: Context,
): Promise<Source> {
  const store = await openStore(address, context);
  const trust = await readTrust({ trust: file }, context, await originOf(store));
  const listed = (name: string) => packumentIn({ store, trust, name, now: context.now() });
  return {
    packument: async (name) => (await listed(name))?.document,
    async tarball(name, fileName) {
      const versions = [...((await listed(name))?.versions ?? [])];
      const version = versions.find(({ dist }) => dist.tarball.endsWith(`/${fileName}`));
      return version && tarballOf(version, store);
    },
    async signingKeys() {
      const found = await readDocument(store, npmKeys.signingKeys);
      const known = new Set(trust.release.map(({ publicKey }) => publicKey));
      const { keys } = found === undefined ? { keys: [] } : (JSON.parse(found.bytes.toString()) as KeysDocument);
      return { keys: keys.filter(({ key }) => known.has(key)) };
    },
    names: async () => Array.fromAsync(packagesOf(await openCatalog(store), "npm")),
  };
}

interface KeysDocument {
  readonly keys: readonly { readonly key: string }[];
}

async function packumentIn(options: {
  readonly store: ReadableStore;
  readonly trust: Trust;
  readonly name: string;
  readonly now: number;
}): Promise<{ document: Record<string, unknown>; versions: Listed[] } | undefined> {
  const { store, trust, name, now } = options;
  const key = npmKeys.packument(name);
  const found = await unlessNoKey(() => readDocument(store, key));
  if (found === undefined) return undefined;
  const signer = { keys: trust.openpgp.map(({ publicKey }) => publicKey), now };
  const { versions } = await readPackument(found.bytes, key, signer);
  return {
    document: JSON.parse(found.bytes.toString()) as Record<string, unknown>,
    versions: [...versions.values()].map(({ listed }) => listed),
  };
}

/** Clients may ask for any name. */
async function unlessNoKey<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isKilnError(error, "NAME_INVALID")) return undefined;
    throw error;
  }
}

async function tarballOf({ dist }: Listed, store: ReadableStore): Promise<Tarball | undefined> {
  const key = poolKeyOf(dist.tarball);
  const [, sha256 = "", file = ""] = /^pool\/sha256\/..\/([0-9a-f]{64})\/(.+)$/.exec(key) ?? [];
  if (key !== poolKey({ sha256, file })) throw new KilnError("STORE_CORRUPT", `${key}: got no key of the pool`);
  const info = await store.head(key);
  if (info === undefined) return undefined;
  return { size: info.size, body: whole(readBlob(store, key, { sha256 }), { integrity: dist.integrity, key }) };
}

/** The last piece comes only after the integrity was found right. Throws STORE_CORRUPT. */
async function* whole(
  body: AsyncIterable<Uint8Array>,
  { integrity, key }: { readonly integrity: string; readonly key: string },
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha512");
  let held: Uint8Array | undefined;
  for await (const piece of body) {
    hash.update(piece);
    if (held !== undefined) yield held;
    held = piece;
  }
  const got = `sha512-${hash.digest("base64")}`;
  if (got !== integrity) throw new KilnError("STORE_CORRUPT", `${key}: got integrity ${got}, want ${integrity}`);
  if (held !== undefined) yield held;
}
