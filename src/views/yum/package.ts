// A package in the three indexes of rpm-md, from the record that its header gave when it was baked. What clients fetch is the signed
// package: its location, size and digest are that file's, and the header lies at the same place in both.

import { z } from "zod";

import type { Artifact, Blob, Manifest } from "../../artifact/manifest.ts";
import { poolKey } from "../../artifact/pool.ts";
import type { Signatures } from "../../artifact/signatures.ts";
import type { Records } from "../compressed-index.ts";
import { isListedInPrimary, listedRequires, relationSchema, relationSorts, relationXml } from "./relations.ts";
import { attributes, element, escaped, unescaped } from "./xml.ts";

const text = z.string().optional();
const relations = z.array(relationSchema).default([]);

/** Of an rpm package, as its kind writes it: kinds/rpm/record.ts. */
const recordSchema = z.looseObject({
  name: z.string(),
  epoch: z.int().nonnegative().default(0),
  version: z.string(),
  release: z.string(),
  architecture: z.string(),
  summary: text,
  description: text,
  license: text,
  vendor: text,
  packager: text,
  group: text,
  url: text,
  buildTime: z.int().nonnegative().default(0),
  buildHost: text,
  /** Absent: it is a source package. */
  sourceRpm: text,
  headerRange: z.looseObject({ start: z.int(), end: z.int() }),
  installedSize: z.int().nonnegative().default(0),
  archiveSize: z.int().nonnegative().default(0),
  provides: relations,
  requires: relations,
  conflicts: relations,
  obsoletes: relations,
  suggests: relations,
  enhances: relations,
  recommends: relations,
  supplements: relations,
  /** Folder → names in it, those of folders with a slash at their end. */
  files: z.record(z.string(), z.array(z.string())).default({}),
  ghosts: z.array(z.string()).default([]),
  changelogs: z.array(z.looseObject({ author: z.string(), time: z.int(), text: z.string() })).default([]),
});

type PackageRecord = z.infer<typeof recordSchema>;

export interface RpmPackage {
  /** Orders the indexes: name, version, architecture. */
  readonly key: string;
  readonly artifact: Artifact;
  readonly record: PackageRecord;
}

/** Every .rpm of a release. */
export function packagesOf(manifest: Manifest): RpmPackage[] {
  return manifest.artifacts.flatMap((artifact) => {
    if (!artifact.file.endsWith(".rpm")) return [];
    const record = recordSchema.safeParse(artifact.record);
    return record.success ? [{ key: keyOf(record.data), artifact, record: record.data }] : [];
  });
}

/** The file that clients fetch: the signed one, where the release's signatures name it. */
export function fileOf({ artifact }: RpmPackage, { artifacts }: Signatures): Blob {
  const { file, size, sha256 } = artifacts.find(({ name }) => name === artifact.name)?.native ?? artifact;
  return { file, size, sha256 };
}

/** `base`: what leads from the repository's address to the folder of the pool. */
export function primaryXml({ record }: RpmPackage, blob: Blob, base: string): string {
  const { headerRange } = record;
  const files = [...filesOf(record)];
  const paths = new Set(files.map(({ path }) => path));
  const lists = relationSorts.map((sort) => {
    const all = sort === "requires" ? listedRequires(record.requires, record.provides, paths) : record[sort];
    return all.length === 0 ? "" : `    <rpm:${sort}>\n${all.map(relationXml).join("")}    </rpm:${sort}>\n`;
  });
  const listed = files.filter(({ path }) => isListedInPrimary(path));
  return `<package type="rpm">
  ${element("name", record.name)}
  ${element("arch", architectureOf(record))}
  ${versionXml(record)}
  <checksum type="sha256" pkgid="YES">${blob.sha256}</checksum>
  ${element("summary", record.summary)}
  ${element("description", record.description)}
  ${element("packager", record.packager)}
  ${element("url", record.url)}
  <time${attributes({ file: record.buildTime, build: record.buildTime })}/>
  <size${attributes({ package: blob.size, installed: record.installedSize, archive: record.archiveSize })}/>
  <location${attributes({ href: base + poolKey(blob) })}/>
  <format>
    ${element("rpm:license", record.license)}
    ${element("rpm:vendor", record.vendor)}
    ${element("rpm:group", record.group)}
    ${element("rpm:buildhost", record.buildHost)}
    ${element("rpm:sourcerpm", record.sourceRpm)}
    <rpm:header-range${attributes({ start: headerRange.start, end: headerRange.end })}/>
${lists.join("")}${listed.map((file) => `    ${fileXml(file)}\n`).join("")}  </format>
</package>
`;
}

export function filelistsXml({ record }: RpmPackage, { sha256 }: Blob): string {
  const files = [...filesOf(record)].map((file) => `  ${fileXml(file)}\n`).join("");
  return `${packageXml(record, sha256)}${files}</package>\n`;
}

export function otherXml({ record }: RpmPackage, { sha256 }: Blob): string {
  const entries = record.changelogs.map(
    ({ author, time, text: said }) =>
      `  <changelog${attributes({ author, date: time })}>${escaped(said)}</changelog>\n`,
  );
  return `${packageXml(record, sha256)}${entries.join("")}</package>\n`;
}

function packageXml(record: PackageRecord, pkgid: string): string {
  return `<package${attributes({ pkgid, name: record.name, arch: architectureOf(record) })}>\n  ${versionXml(record)}\n`;
}

function versionXml({ epoch, version, release }: PackageRecord): string {
  return `<version${attributes({ epoch, ver: version, rel: release })}/>`;
}

function architectureOf({ architecture, sourceRpm }: PackageRecord): string {
  return sourceRpm === undefined ? "src" : architecture;
}

interface File {
  readonly path: string;
  readonly type: "dir" | "ghost" | undefined;
}

function* filesOf({ files, ghosts }: PackageRecord): Generator<File> {
  const absent = new Set(ghosts);
  for (const [folder, names] of Object.entries(files)) {
    for (const name of names) {
      const isFolder = name.endsWith("/");
      const path = folder + (isFolder ? name.slice(0, -1) : name);
      yield { path, type: isFolder ? "dir" : absent.has(path) ? "ghost" : undefined };
    }
  }
}

function fileXml({ path, type }: File): string {
  return `<file${attributes({ type })}>${escaped(path)}</file>`;
}

/** The records of an index by their keys. */
export function parsePackages(index: string): Records {
  const end = "</package>\n";
  const records = index.split(end).filter((record) => record !== "");
  return new Map(records.map((record) => [keyIn(record), record + end]));
}

/** Where the packages of a primary index lie, below the repository's address. */
export function* locationsIn(primary: string): Generator<string> {
  for (const [, href = ""] of primary.matchAll(/<location href="([^"]*)"\/>/g)) yield unescaped(href);
}

const inFiles = /^<package pkgid="[^"]*" name="([^"]*)" arch="([^"]*)">/;
const inPrimary = /<name>([^<]*)<\/name>\s*<arch>([^<]*)<\/arch>/;
const versionIn = /<version epoch="([^"]*)" ver="([^"]*)" rel="([^"]*)"\/>/;

function keyIn(record: string): string {
  const [, name = "", architecture = ""] = inFiles.exec(record) ?? inPrimary.exec(record) ?? [];
  const [, epoch = "", version = "", release = ""] = versionIn.exec(record) ?? [];
  return unescaped(`${name} ${epoch}:${version}-${release} ${architecture}`);
}

function keyOf(record: PackageRecord): string {
  return `${record.name} ${record.epoch}:${record.version}-${record.release} ${architectureOf(record)}`;
}
