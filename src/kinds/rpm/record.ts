// What rpm-md's indexes list of a package, taken from its own header: nobody opens it again to index it. A signed package has
// its header at the same place as the baked one, so the range holds for both.

import { z } from "zod";

import type { Artifact } from "../../artifact/manifest.ts";
import { KilnError } from "../../errors.ts";
import { pathsOf, type RpmFile } from "./package-file.ts";
import { fileFlags, signatureTags, tags } from "./tags.ts";

/** The manifest is one document, and every reader of the release reads it. */
const longest = 4 * 1024 * 1024;

/** Relations by their tags' names. */
const sorts = "provides requires recommends suggests supplements enhances conflicts obsoletes".split(" ");

/** Throws ARTIFACT_INVALID. `artifact`: what the recipe calls it. */
export function recordOf({ signature, header, range }: RpmFile, artifact: string): Artifact["record"] {
  const text = (tag: number) => header.text(tag);
  const number = (...all: readonly number[]) => all.flatMap((tag) => header.numbers(tag))[0];
  const archive = [signatureTags.longArchiveSize, signatureTags.archiveSize];
  const record = present({
    name: text(tags.name),
    epoch: number(tags.epoch),
    version: text(tags.version),
    release: text(tags.release),
    architecture: text(tags.architecture),
    summary: text(tags.summary),
    description: text(tags.description),
    license: text(tags.license),
    vendor: text(tags.vendor),
    packager: text(tags.packager),
    group: text(tags.group),
    url: text(tags.url),
    buildTime: number(tags.buildTime),
    buildHost: text(tags.buildHost),
    sourceRpm: text(tags.sourceRpm),
    headerRange: { ...range },
    installedSize: number(tags.longSize, tags.size),
    archiveSize: archive.flatMap((tag) => signature.numbers(tag))[0],
    ...Object.fromEntries(sorts.map((sort) => [sort, relationsOf(header, sort)])),
    ...filesOf(header),
    changelogs: changelogsOf(header),
  });
  const size = Buffer.byteLength(JSON.stringify(record));
  if (size <= longest) return z.record(z.string(), z.json()).parse(record);
  const count = header.texts(tags.baseNames).length;
  throw new KilnError(
    "ARTIFACT_INVALID",
    `${artifact}: got ${count} files, whose list takes ${size} bytes, want at most ${longest} for what indexes list`,
    { hint: "put what is only read together into one file, or make several packages of it" },
  );
}

type Header = RpmFile["header"];

export interface Relation {
  readonly name: string;
  /** As rpm-md has them: EQ, LT, GT, LE, GE. */
  readonly flags?: string;
  /** `epoch:version-release`, as far as it is said. */
  readonly version?: string;
  /** Must be there before a script runs. */
  readonly pre?: true;
}

const comparisons: Readonly<Record<number, string>> = { 2: "LT", 4: "GT", 8: "EQ", 10: "LE", 12: "GE" };
const comparison = 2 | 4 | 8;
const before = 64 | 512 | 1024;

/** `sort`: `requires` and the like. */
export function relationsOf(header: Header, sort: string): Relation[] {
  const [names, flags, versions] = ["Name", "Flags", "Version"].map((part) => tagOf(`${sort}${part}`)) as [
    number,
    number,
    number,
  ];
  const allFlags = header.numbers(flags);
  const allVersions = header.texts(versions);
  return header.texts(names).map((name, at): Relation => {
    const bits = allFlags[at] ?? 0;
    const compared = comparisons[bits & comparison];
    return {
      name,
      ...(compared === undefined ? {} : { flags: compared, version: allVersions[at] ?? "" }),
      ...((bits & before) === 0 ? {} : { pre: true }),
    };
  });
}

function tagOf(name: string): number {
  return (tags as Readonly<Record<string, number>>)[name] ?? -1;
}

/** Folder → names in it, those of folders with a slash at their end; ghosts apart. */
function filesOf(header: Header) {
  const modes = header.numbers(tags.fileModes);
  const flags = header.numbers(tags.fileFlags);
  const files = new Map<string, string[]>();
  const ghosts: string[] = [];
  for (const [at, path] of pathsOf(header).entries()) {
    const cut = path.lastIndexOf("/") + 1;
    const isFolder = ((modes[at] ?? 0) & 0o170000) === 0o040000;
    const folder = path.slice(0, cut);
    const names = files.get(folder) ?? [];
    names.push(path.slice(cut) + (isFolder ? "/" : ""));
    files.set(folder, names);
    if (((flags[at] ?? 0) & fileFlags.ghost) !== 0) ghosts.push(path);
  }
  return { files: Object.fromEntries(files), ...(ghosts.length === 0 ? {} : { ghosts }) };
}

/** How many entries of its changelog indexes list, as many as createrepo_c does. */
const newestEntries = 10;

interface ChangelogEntry {
  readonly author: string;
  readonly time: number;
  readonly text: string;
}

/**
 * The newest entries, oldest first. A header has them the other way round, all of a day with one time: each gets one of its own, since
 * clients order them by it.
 */
function changelogsOf(header: Header): ChangelogEntry[] {
  const [authors, texts] = [header.texts(tags.changelogName), header.texts(tags.changelogText)];
  const newestFirst = header.numbers(tags.changelogTime).slice(0, newestEntries);
  const entries: ChangelogEntry[] = [];
  let before: number | undefined;
  for (const [at, said] of [...newestFirst.entries()].toReversed()) {
    const last = entries.at(-1)?.time;
    const time = last !== undefined && (said === before || said === last) ? last + 1 : said;
    entries.push({ author: authors[at] ?? "", time, text: texts[at] ?? "" });
    before = said;
  }
  return entries;
}

function present(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0)),
  );
}
