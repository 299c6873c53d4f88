// Files that were made elsewhere as what can be published: files of one name and version are one release. Its manifest, its SBOMs and
// its statement say what the files and whoever imports them say, and no more: no commit, no build, no time that nobody named.
// The same files give the same identity, so to import them again is no second release.

import { Readable } from "node:stream";

import pMap from "p-map";

import { digestOf } from "../artifact/digest.ts";
import { canonicalText } from "../artifact/json.ts";
import { type Artifact, type Blob, type Imported, type Manifest, manifestBytes } from "../artifact/manifest.ts";
import { nameSchema, versionSchema } from "../artifact/name.ts";
import { predicateTypes, statementBytes } from "../artifact/statement.ts";
import { sbomOf } from "../bake/sbom/sbom.ts";
import type { Context } from "../context.ts";
import { KilnError } from "../errors.ts";
import { type InspectedFile, inspectFile } from "./inspect.ts";

export interface Import {
  /** Absolute. */
  readonly paths: readonly string[];
  /** Instead of what the packages say. */
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly origin?: string | undefined;
  readonly note?: string | undefined;
}

/** As publishing takes it. */
export interface ImportedBake {
  readonly manifest: Manifest;
  readonly identity: string;
  readonly isNamedByPackage?: true;
  open(blob: Blob): AsyncIterable<Uint8Array>;
}

/** One for each name and version, in their order. Reads all files before it answers. Throws IMPORT_REFUSED, NOT_FOUND, TOOL_MISSING. */
export async function importedBakes(asked: Import, context: Context): Promise<ImportedBake[]> {
  const files = await pMap(asked.paths, (path) => inspectFile(path, context), { concurrency: 2 });
  const groups = Map.groupBy(files, (file) => `${nameOf(file, asked)}@${versionOf(file, asked)}`);
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => bakeOf(distinct(group), asked));
}

function nameOf({ package: { name }, original }: InspectedFile, asked: Import): string {
  const text = asked.name ?? name.toLowerCase();
  if (nameSchema.safeParse(text).success) return text;
  throw refused(
    original.name,
    `got the name ${JSON.stringify(name.slice(0, 120))}, which no release can have`,
    "a name has 1 to 100 lower-case letters, digits and . _ + - between them: say another one with --name NAME",
  );
}

function versionOf({ package: { version }, original }: InspectedFile, asked: Import): string {
  // The colon of an epoch can't stand in a version here: the `!` of Python's can, and says the same. Nor can rpm's `^`, for
  // what is later than the version before it: the `+` can.
  const text = asked.version ?? version.replace(/^([0-9]+):/, "$1!").replaceAll("^", "+");
  if (versionSchema.safeParse(text).success) return text;
  throw refused(
    original.name,
    `got the version ${JSON.stringify(version.slice(0, 100))}, which no release can have`,
    "a version has 1 to 120 letters, digits and . + ~ ! _ - between them: say another one with --version VERSION",
  );
}

/** In order of their names, each once. */
function distinct(files: readonly InspectedFile[]): InspectedFile[] {
  const byName = new Map<string, InspectedFile>();
  for (const file of files) {
    const before = byName.get(file.file);
    if (before !== undefined && before.blob.sha256 !== file.blob.sha256) {
      throw refused(
        file.original.name,
        `got another ${file.file} than ${before.original.name} is`,
        "leave one of them out",
      );
    }
    byName.set(file.file, file);
  }
  return [...byName.values()].toSorted((a, b) => (a.file < b.file ? -1 : 1));
}

function bakeOf(files: readonly InspectedFile[], asked: Import): ImportedBake {
  const [first] = files as [InspectedFile];
  const release = { name: nameOf(first, asked), version: versionOf(first, asked) };
  const bytes = new Map<string, Uint8Array>();
  const keep = (file: string, body: Uint8Array): Blob => {
    bytes.set(digestOf(body), body);
    return { file, size: body.length, sha256: digestOf(body) };
  };
  const placed = files
    .map((file, place) => ({ file, name: artifactName(file, place, files) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const artifacts = placed.map(({ file, name }): Artifact => ({
    name,
    kind: file.kind,
    platform: file.platform,
    ...file.blob,
    record: file.record,
    sbom: keep(`${file.file}.cdx.json`, sbomBytes(file, release)),
  }));
  const imported: Imported = {
    ...(asked.origin === undefined ? {} : { origin: asked.origin }),
    ...(asked.note === undefined ? {} : { note: asked.note }),
    files: placed.map(({ file, name }) => ({ artifact: name, ...file.original })),
  };
  const manifest: Manifest = {
    kiln: 1,
    ...release,
    // Nobody knows of a commit, or when it was made, unless the files say so.
    source: { repository: null, commit: null, recipe: "", time: Math.max(0, ...files.map(({ time = 0 }) => time)) },
    bakeKey: digestOf(canonicalText({ import: imported, ...release })),
    imported,
    artifacts,
    provenance: keep("import.json", statementBytes(predicateTypes.import, artifacts, imported)),
    activate: {},
  };
  const homes = new Map(files.map(({ blob, open }) => [blob.sha256, open]));
  return {
    manifest,
    identity: digestOf(manifestBytes(manifest)),
    ...(asked.name === undefined ? { isNamedByPackage: true } : {}),
    open: ({ sha256 }) => homes.get(sha256)?.() ?? Readable.from([bytes.get(sha256) ?? new Uint8Array()]),
  };
}

/** Its kind; where there are several of it, with the machine that each is for, or with a number. */
function artifactName({ kind, platform }: InspectedFile, place: number, files: readonly InspectedFile[]): string {
  const same = files.filter((other) => other.kind === kind);
  if (same.length === 1) return kind;
  const named = `${kind}-${platform.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}`;
  if (same.filter((other) => other.platform === platform).length === 1) return named;
  return `${named}-${place + 1}`;
}

function sbomBytes(file: InspectedFile, release: { readonly name: string; readonly version: string }): Uint8Array {
  const license = file.license?.split("\n")[0]?.trim().slice(0, 200);
  return sbomOf({
    packed: { ...file, from: [] },
    kind: file.kind,
    sha256: file.blob.sha256,
    release,
    time: file.time,
    ...(license === undefined || license === "" ? {} : { license }),
    source: "/",
    kiln: undefined,
  }).bytes;
}

function refused(file: string, problem: string, hint: string): KilnError {
  return new KilnError("IMPORT_REFUSED", `${file}: ${problem}`, { hint });
}
