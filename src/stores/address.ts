// The address of a store, as a person types it: which sort it is of, and where a folder lies. One list says what there is.

import { isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import type { Context } from "../context.ts";
import { KilnError } from "../errors.ts";

export type StoreContext = Pick<Context, "cwd" | "signal">;

export const addresses = {
  folder: "a folder (PATH or file:///PATH)",
  bucket: "a bucket (s3://BUCKET/PREFIX?endpoint=URL&region=NAME)",
  web: "https://HOST/PATH, read-only (http:// too)",
} as const;

type Sort = keyof typeof addresses;

const schemes: Readonly<Record<string, Sort>> = { file: "folder", s3: "bucket", https: "web", http: "web" };

/** Throws USAGE for an address of no known sort. */
export function sortOf(url: string): Sort {
  const scheme = schemeOf(url);
  if (scheme === undefined) return "folder";
  const sort = Object.hasOwn(schemes, scheme) ? schemes[scheme] : undefined;
  if (sort !== undefined) return sort;
  throw new KilnError("USAGE", `store ${url}: got an address that starts with ${scheme}:`, {
    hint: `a store is ${Object.values(addresses).join(", or ")}`,
  });
}

/** The absolute path of a folder's address. Throws USAGE. */
export function pathOf(url: string, { cwd }: StoreContext): string {
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

/** The scheme, in lower case; `undefined` for a path. One letter is no scheme. */
function schemeOf(url: string): string | undefined {
  return /^([a-z][a-z0-9+.-]+):/i.exec(url)?.[1]?.toLowerCase();
}
