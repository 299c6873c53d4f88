// Opens the store that a command reads, and the pinned trust file that says which keys count for it.
// The store's own kiln.json only says which trust file to look for; nothing in the store says whom to trust.

import { readFile } from "node:fs/promises";

import { keys } from "../artifact/pool.ts";
import { parseStoreDocument, type StoreDocument } from "../artifact/store-document.ts";
import { parseTrust, type Trust } from "../artifact/trust.ts";
import type { Context } from "../context.ts";
import { isSystemError, KilnError } from "../errors.ts";
import { openStore } from "../stores/index.ts";
import { readDocument } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import { type Configuration, defaultTrustFile, requireStore } from "./configuration.ts";

/** Throws USAGE, STORE_NOT_FOUND, NO_TRUST, TRUST_INVALID, and what the store throws. */
export async function openTrustedStore(
  configuration: Configuration,
  context: Context,
): Promise<{ store: ReadableStore; trust: Trust }> {
  const store = await openStore(requireStore(configuration), context);
  return { store, trust: await readTrust(configuration, context, await originOf(store)) };
}

/** The origin that a store says it has. Throws STORE_NOT_FOUND, STORE_CORRUPT. */
export async function originOf(store: ReadableStore): Promise<string> {
  return (await readStoreDocument(store)).origin;
}

/** What a store says of itself. Throws STORE_NOT_FOUND, STORE_CORRUPT. */
export async function readStoreDocument(store: ReadableStore): Promise<StoreDocument> {
  const found = await readDocument(store, keys.store);
  if (found !== undefined) return parseStoreDocument(found.bytes);
  throw new KilnError("STORE_NOT_FOUND", `${store.url}: got no ${keys.store}, want a Kiln store`, {
    hint: "check the address, or make a store there with `kiln store create`",
  });
}

/** The pinned trust file for `origin`. Throws NO_TRUST, TRUST_INVALID. */
export async function readTrust(
  configuration: Pick<Configuration, "trust">,
  context: Context,
  origin: string,
): Promise<Trust> {
  const file = configuration.trust ?? defaultTrustFile(context, origin);
  const trust = await readTrustFile(file);
  if (trust.origin === origin) return trust;
  throw new KilnError("TRUST_INVALID", `${file}: got the keys of ${trust.origin}, want those of ${origin}`, {
    hint: "pin the trust file of this store with --trust",
  });
}

/** Throws NO_TRUST, TRUST_INVALID. */
export async function readTrustFile(file: string): Promise<Trust> {
  try {
    return parseTrust(await readFile(file), file);
  } catch (cause) {
    if (!isSystemError(cause, "ENOENT", "ENOTDIR")) throw cause;
    throw new KilnError("NO_TRUST", `${file}: got no trust file, want the public keys that count for this store`, {
      hint: "get it from somebody you trust (not from the store), and name it with --trust",
      cause,
    });
  }
}
