// Where the pages lie. Names and versions start with a letter or a digit: what starts with `_` is nobody's.

import type { Digest } from "../../artifact/digest.ts";

export const webKeys = {
  front: "index.html",
  style: (digest: Digest) => `web/_/${digest}.css`,
  /** A page of the list of all names. */
  names: (digest: Digest) => `web/_/${digest}.html`,
  name: (name: string) => `web/${name}/index.html`,
  /** A page of older releases, or of older events, of a name. */
  older: (name: string, digest: Digest) => `web/${name}/_/${digest}.html`,
  release: (name: string, version: string) => `web/${name}/${segmentOf(version)}/index.html`,
} as const;

/** What pages lead to by its digest. */
export const underDigest = /^web\/(?:_\/[0-9a-f]{64}\.(?:html|css)|[^/]+\/_\/[0-9a-f]{64}\.html)$/;

export function isList(key: string): boolean {
  return /^web\/_\/.*\.html$/.test(key);
}

/** A folder can't have the name of the file beside it. */
function segmentOf(version: string): string {
  return version === "index.html" ? "_index.html" : version;
}

/** What leads from a page back to the store's root. */
export function rootFrom(key: string): string {
  return "../".repeat(key.split("/").length - 1);
}
