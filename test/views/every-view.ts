// What readers of every view rely on: a pointer names only what is there already, and never goes back; and what a view says follows
// from log and pool alone.

import { posix } from "node:path";
import { gunzipSync } from "node:zlib";

import { readDocument } from "../../src/stores/read.ts";
import type { Store } from "../../src/stores/store.ts";

/** Tells `report` of every pointer that is swapped and names what isn't there, or is older than what stood there. */
export function followed<S extends Store>(store: S, report: (what: string) => void): S {
  const reached = new Map<string, number>();
  return {
    ...store,
    async replace(key: string, body: Uint8Array, etag: string | null) {
      const answer = await store.replace(key, body, etag);
      if (answer !== "replaced") return answer;
      const text = Buffer.from(body).toString();
      for (const named of await namedBy(key, text, store)) {
        if ((await store.head(named)) === undefined) report(`${key} names ${named}, which isn't there`);
      }
      const [before, now] = [reached.get(key), await positionOf(key, text, store)];
      if (now === undefined) return answer;
      if (before !== undefined && now < before) report(`${key} went from ${before} to ${now}`);
      reached.set(key, now);
      return answer;
    },
  };
}

const textOf = async (store: Store, key: string) => (await readDocument(store, key))?.bytes.toString() ?? "";
const unpacked = async (store: Store, key: string) => {
  const found = await readDocument(store, key);
  return found === undefined ? "" : gunzipSync(found.bytes).toString();
};
const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found]) => found ?? "");
const from = (key: string, relative: string) => posix.join(posix.dirname(key), relative);

const stateIn = (inRelease: string) => /^Kiln-State: (.*)$/m.exec(inRelease)?.[1] ?? "";
const generationIn = (mirrorlist: string) => /\/generations\/(\w+)\//.exec(mirrorlist)?.[1] ?? "";

/** The keys that a pointer names, and those that its indexes do. */
async function namedBy(key: string, text: string, store: Store): Promise<string[]> {
  const [view = "", channel = ""] = key.split("/");
  if (key.endsWith("/InRelease")) {
    const lists = text.matchAll(/^ ([0-9a-f]{64}) +\d+ (\S+)\/(Packages\.\w+)$/gm);
    const indexes = [...lists].map(([, digest, at, file]) => ({
      file,
      key: `dists/${channel}/${at}/by-hash/SHA256/${digest}`,
    }));
    const packed = indexes.filter(({ file }) => file === "Packages.gz");
    const stanzas = await Promise.all(packed.map((index) => unpacked(store, index.key)));
    return [
      `dists/${channel}/state/${stateIn(text)}.json`,
      ...indexes.map((index) => index.key),
      ...stanzas.flatMap((one) => all(one, /^Filename: (.*)$/gm)),
    ];
  }
  if (key.endsWith("/mirrorlist")) {
    const digest = generationIn(text);
    const repomd = `rpm/${channel}/generations/${digest}/repodata/repomd.xml`;
    return [
      `rpm/${channel}/state/${digest}.json`,
      ...[repomd, `${repomd}.asc`],
      ...(await packagesOf(repomd, await textOf(store, repomd), store)),
    ];
  }
  if (key.endsWith("/repomd.xml")) return packagesOf(key, text, store);
  if (view === "charts") {
    const urls = all(text, /"(\.\.\/[^"]*\.tgz)"/g).map((url) => from(key, url));
    return urls.flatMap((url) => [url, `${url}.prov`]);
  }
  if (view === "pypi" && key.endsWith(".json")) {
    const files = (JSON.parse(text) as { files?: { url: string; "core-metadata"?: unknown }[] }).files ?? [];
    return files.flatMap((file) => {
      const at = from(key, file.url);
      return at.endsWith(".whl") && file["core-metadata"] !== false ? [at, `${at}.metadata`] : [at];
    });
  }
  if (view === "npm") return all(text, /"tarball":"[^"]*?\/(pool\/[^"]*)"/g);
  if (key.endsWith(".html") && view !== "pypi") {
    // Pages lead on to pages, and to what a release is made of.
    const links = all(text, /(?:href|src)="((?!\w+:|#|\/)[^"#?]*)/g).map((link) => from(key, link));
    return links.filter((link) => /^(?:web|pool)\//.test(link)).map((link) => link.replace(/\/$/, "/index.html"));
  }
  if (key === "catalog/head.json") {
    return all(text, /"digest":"([0-9a-f]{64})"/g).map((digest) => `catalog/shard/${digest}.json`);
  }
  return [];
}

async function packagesOf(key: string, repomd: string, store: Store): Promise<string[]> {
  const base = `${posix.dirname(posix.dirname(key))}/x`;
  const indexes = all(repomd, /<location href="([^"]*)"/g).map((href) => from(base, href));
  const primary = indexes.find((index) => index.endsWith("-primary.xml.gz")) ?? "";
  return [
    ...indexes,
    ...all(await unpacked(store, primary), /<location href="([^"]*)"/g).map((href) => from(base, href)),
  ];
}

/** How far a pointer has come; `undefined`: it doesn't say. */
async function positionOf(key: string, text: string, store: Store): Promise<number | undefined> {
  const [view = "", channel = ""] = key.split("/");
  const sizeIn = async (state: string) => Number(/"size":(\d+)\}$/.exec(await textOf(store, state))?.[1]);
  if (key.endsWith("/InRelease")) return sizeIn(`dists/${channel}/state/${stateIn(text)}.json`);
  if (key.endsWith("/mirrorlist")) return sizeIn(`rpm/${channel}/state/${generationIn(text)}.json`);
  const pattern = {
    charts: /"kiln\/leaf":"(\d+)"/,
    pypi: /"_leaf":(\d+)/,
    npm: /"leaf":(\d+)/,
    catalog: /"size":(\d+)/,
  }[view];
  const found = pattern?.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** What lies under a digest is named by something else; a copy of what went before may be left until gc. */
const underDigest =
  /\/by-hash\/|\/state\/|\/generations\/|\/shard\/|\/_\/|^rpm\/[^/]+\/(?:pool\/|repodata\/[0-9a-f]{64}-)/;
const viewKeys = [
  "catalog/",
  "channels/",
  "charts/",
  "dists/",
  "index.html",
  "npm/",
  "pypi/",
  "releases/",
  "rpm/",
  "web/",
];

/** What every view says, by key: without dates, signatures, and what tells how it came to be. */
export async function said(store: Store): Promise<Record<string, string>> {
  const documents: Record<string, string> = {};
  for await (const { key } of store.list("")) {
    if (!isOfView(key) || underDigest.test(key)) continue;
    documents[key] = await essence(key, store);
  }
  return documents;
}

export const isOfView = (key: string) => viewKeys.some((prefix) => key.startsWith(prefix));

async function essence(key: string, store: Store): Promise<string> {
  const found = await readDocument(store, key);
  const text = found?.bytes.toString("latin1") ?? "";
  if (/\.(?:asc|gpg)$/.test(key)) return "a signature";
  if (/^dists\/.*\/(?:In)?Release$/.test(key)) {
    const signed = /^-----BEGIN PGP SIGNED[^]*?\n\n([^]*?)-----BEGIN PGP SIGNATURE/.exec(text)?.[1] ?? text;
    return signed.replace(/^(?:Date|Valid-Until|Kiln-State): .*$/gm, "");
  }
  if (key.endsWith("/mirrorlist")) {
    const state = await textOf(store, `${posix.dirname(key)}/state/${generationIn(text)}.json`);
    const { indexes, packages } = JSON.parse(state || "{}") as Record<string, unknown>;
    return JSON.stringify({ indexes, packages });
  }
  if (key.endsWith("/repomd.xml")) return text.replace(/<(revision|timestamp|content)>.*?<\/\1>/g, "");
  if (/^(?:channels|releases)\//.test(key))
    return text.replace(/"(?:checkpoint|proof|earlier)":(?:"[^"]*"|\[[^\]]*\])/g, "");
  return text;
}
