// How an object is served: its type, and how long a cache may keep it. What lies under its own hash never changes; a document
// is asked for each time. Whoever puts a web server before a folder sets the same (docs/store.md).

interface Served {
  readonly ContentType: string;
  readonly CacheControl: string;
}

const forEver = "public, max-age=31536000, immutable";
const askAgain = "no-cache";

const types: Readonly<Record<string, string>> = {
  asc: "text/plain; charset=utf-8",
  css: "text/css; charset=utf-8",
  deb: "application/vnd.debian.binary-package",
  gpg: "application/octet-stream",
  gz: "application/gzip",
  html: "text/html; charset=utf-8",
  json: "application/json",
  metadata: "text/plain; charset=utf-8",
  pem: "application/x-pem-file",
  prov: "text/plain; charset=utf-8",
  repo: "text/plain; charset=utf-8",
  rpm: "application/x-rpm",
  tgz: "application/gzip",
  vkey: "text/plain; charset=utf-8",
  whl: "application/zip",
  xml: "text/xml; charset=utf-8",
  xz: "application/x-xz",
  yaml: "application/yaml",
  zst: "application/zstd",
};

export function servedAs(key: string): Served {
  return { ContentType: typeOf(key), CacheControl: isImmutable(key) ? forEver : askAgain };
}

function typeOf(key: string): string {
  if (/^log\/checkpoint$|\/mirrorlist$|^dists\/.*\/(?:InRelease|Release|preferences)$/.test(key)) {
    return "text/plain; charset=utf-8";
  }
  if (key === "log/head") return "application/json";
  if (key.startsWith("npm/")) return "application/json";
  // Installers read JSON under no other name (PEP 691); as HTML they take what browsers do.
  if (/^pypi\/.*\/index\.json$/.test(key)) return "application/vnd.pypi.simple.v1+json";
  const name = key.slice(key.lastIndexOf("/") + 1);
  const extension = name.slice(name.lastIndexOf(".") + 1);
  return (Object.hasOwn(types, extension) ? types[extension] : undefined) ?? "application/octet-stream";
}

/** Blobs, what lies beside them, the log's tiles, and what a repository's pointer or a page names by digest: all are written once. */
export function isImmutable(key: string): boolean {
  return immutable.test(key);
}

const immutable =
  /^(?:pool|log\/tile|log\/staging|catalog\/shard|dists\/.*\/(?:by-hash|state)|rpm\/[^/]+\/(?:generations|pool|state)|web\/(?:[^/]+\/)?_)\/|^rpm\/[^/]+\/repodata\/[0-9a-f]{64}-/;
