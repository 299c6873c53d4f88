// The sorts of stores, and opening one by its address. A sort is one file and one line in this list.
// Each is loaded when it is opened: reading doesn't load what writes.

import { isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import type { Context } from "../context.ts";
import { KilnError } from "../errors.ts";
import type { ReadableStore, Store } from "./store.ts";

export type StoreContext = Pick<Context, "cwd" | "signal">;

interface StoreSort {
  /** As a person types it. */
  readonly address: string;
  readonly matches: (url: string) => boolean;
  readonly open: (url: string, context: StoreContext) => Promise<ReadableStore>;
  /** Absent: this sort is read-only. */
  readonly openWritable?: (url: string, context: StoreContext) => Promise<Store>;
  /** Makes an empty store, ready to be opened. */
  readonly make?: (url: string, context: StoreContext) => Promise<void>;
}

export const storeSorts: readonly StoreSort[] = [
  {
    address: "a folder (PATH or file:///PATH)",
    matches: (url) => schemeOf(url) === undefined || schemeOf(url) === "file",
    open: async (url, context) => (await import("./folder-reader.ts")).openFolderReader(pathOf(url, context)),
    openWritable: async (url, context) =>
      (await import("./folder.ts")).openFolderStore(pathOf(url, context), context.signal),
    make: async (url, context) => (await import("../system/durable.ts")).makeFolder(pathOf(url, context)),
  },
  {
    address: "https://HOST/PATH, read-only (http:// too)",
    matches: (url) => schemeOf(url) === "https" || schemeOf(url) === "http",
    open: async (url, { signal }) => (await import("./http.ts")).openHttpStore(url, { signal }),
  },
];

/** Opens a store for reading. Throws USAGE for an unknown address, STORE_NOT_FOUND, PERMISSION_DENIED. */
export async function openStore(url: string, context: StoreContext): Promise<ReadableStore> {
  return sortOf(url).open(url, context);
}

/** Opens a store for publishing. Throws what `openStore` throws, STORE_READ_ONLY and DISK_FULL. */
export async function openWritableStore(url: string, context: StoreContext): Promise<Store> {
  const { openWritable } = sortOf(url);
  if (openWritable !== undefined) return openWritable(url, context);
  throw readOnly(url);
}

/** Makes an empty store unless there is one, and opens it for publishing. Throws what `openWritableStore` throws. */
export async function makeStore(url: string, context: StoreContext): Promise<Store> {
  const { make } = sortOf(url);
  if (make === undefined) throw readOnly(url);
  await make(url, context);
  return openWritableStore(url, context);
}

function sortOf(url: string): StoreSort {
  const sort = storeSorts.find(({ matches }) => matches(url));
  if (sort !== undefined) return sort;
  throw new KilnError("USAGE", `store ${url}: got an address that starts with ${schemeOf(url)}:`, {
    hint: `a store is ${storeSorts.map(({ address }) => address).join(", or ")}`,
  });
}

function readOnly(url: string): KilnError {
  return new KilnError("STORE_READ_ONLY", `store ${url}: got an address for reading, want one that can be written`, {
    hint: `publish to ${storeSorts
      .filter(({ openWritable }) => openWritable !== undefined)
      .map(({ address }) => address)
      .join(", or to ")}`,
  });
}

/** The scheme, in lower case; `undefined` for a path. One letter is no scheme. */
function schemeOf(url: string): string | undefined {
  return /^([a-z][a-z0-9+.-]+):/i.exec(url)?.[1]?.toLowerCase();
}

function pathOf(url: string, { cwd }: StoreContext): string {
  if (schemeOf(url) === undefined) {
    if (url === "") throw new KilnError("USAGE", "store: got an empty address", { hint: "name a folder" });
    return isAbsolute(url) ? url : resolve(cwd, url);
  }
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new KilnError("USAGE", `store ${url}: got a file address that names no path`, {
      hint: "an absolute path: file:///PATH",
      cause,
    });
  }
}
