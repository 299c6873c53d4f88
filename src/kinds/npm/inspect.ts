// A tarball of an npm package that was made elsewhere: its package.json, and the sums that installers compare.

import { z } from "zod";

import { checkArtifactFile } from "../../artifact/name.ts";
import { isSemantic } from "../../artifact/version.ts";
import { KilnError } from "../../errors.ts";
import { isGzip, readTarball } from "../../system/tarball.ts";
import type { FileToInspect, Inspected } from "../kind.ts";
import { parsePackage } from "./package.ts";
import { npmPurl, recordOf, sumsOf } from "./record.ts";

/** Throws ARTIFACT_INVALID, ARCHIVE_UNSAFE. */
export async function inspectNpm(file: FileToInspect): Promise<Inspected | undefined> {
  if (!isGzip(file.start)) return undefined;
  const { paths, size, texts } = await readTarball(file.path, { wanted: ["package.json"], signal: file.signal });
  const text = texts.get("package.json");
  // A chart or a Python project may hold a package.json, too.
  if (text === undefined || paths.includes("Chart.yaml") || paths.includes("PKG-INFO")) return undefined;
  const where = `${file.name}: package.json`;
  const manifest = parsePackage(text, where);
  const { name } = manifest;
  const version = z.string().safeParse(manifest.version).data ?? "";
  if (!isSemantic(version)) {
    throw new KilnError(
      "ARTIFACT_INVALID",
      `${where}: got version ${JSON.stringify(version.slice(0, 80))}, want a semantic one`,
    );
  }
  const { license } = manifest;
  return {
    file: checkArtifactFile(`${name.replace("@", "").replace("/", "-")}-${version}.tgz`, file.name),
    platform: "any",
    record: recordOf({ ...manifest, version }, await sumsOf(file.path), {
      entryCount: paths.length,
      unpackedSize: size,
    }),
    purl: npmPurl(name, version),
    requires: [],
    package: { name: name.replace("@", "").replace("/", "-"), version },
    ...(typeof license === "string" ? { license } : {}),
  };
}
