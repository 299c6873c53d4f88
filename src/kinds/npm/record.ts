// What packuments list of an npm package: members of its package.json, and the sums and sizes of its tarball.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename } from "node:path";

import { PackageURL } from "packageurl-js";
import { z } from "zod";

import type { Artifact } from "../../artifact/manifest.ts";
import type { Package } from "./package.ts";

/** What packuments list, beside name, version and dist. */
const listed = (
  "description keywords homepage bugs license author contributors repository type main module types exports engines " +
  "os cpu libc directories dependencies optionalDependencies peerDependencies peerDependenciesMeta " +
  "bundleDependencies bundledDependencies funding"
).split(" ");

interface Sums {
  readonly integrity: string;
  readonly shasum: string;
}

/** In pieces: a tarball may be larger than a buffer can be. */
export async function sumsOf(path: string): Promise<Sums> {
  const [sha512, sha1] = [createHash("sha512"), createHash("sha1")];
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    sha512.update(piece as Buffer);
    sha1.update(piece as Buffer);
  }
  return { integrity: `sha512-${sha512.digest("base64")}`, shasum: sha1.digest("hex") };
}

export function recordOf(
  manifest: Package & { readonly version: string },
  sums: Sums,
  files: { readonly entryCount: number; readonly unpackedSize: number },
): Artifact["record"] {
  const scripts = manifest.scripts ?? {};
  const hasInstallScript = ["preinstall", "install", "postinstall"].some((name) => name in scripts);
  const picked = listed.flatMap((key) => (manifest[key] === undefined ? [] : [[key, manifest[key]] as const]));
  const bin = typeof manifest.bin === "string" ? { [basename(manifest.name)]: manifest.bin } : manifest.bin;
  const record = {
    ...Object.fromEntries(picked),
    name: manifest.name,
    version: manifest.version,
    ...(bin === undefined ? {} : { bin }),
    ...(hasInstallScript ? { hasInstallScript } : {}),
    dist: {
      ...sums,
      fileCount: files.entryCount,
      unpackedSize: files.unpackedSize,
    },
  };
  return z.record(z.string(), z.json()).parse(record);
}

export function npmPurl(name: string, version: string): string {
  const [first = "", second] = name.split("/");
  return second === undefined
    ? new PackageURL("npm", undefined, first, version, undefined, undefined).toString()
    : new PackageURL("npm", first, second, version, undefined, undefined).toString();
}
