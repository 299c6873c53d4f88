// A Helm chart as a .tgz that Helm would have packaged: what .helmignore leaves, below one folder of the chart's name, with the
// release's version in Chart.yaml. Unlike Helm's own package it depends on the files alone: names sorted, one time, mode 0644.
// Spec: Helm's "The Chart File Structure", pkg/chart/loader (what it refuses to load).

import { createReadStream, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGunzip } from "node:zlib";

import { PackageURL } from "packageurl-js";
import { Document } from "yaml";
import { z } from "zod";

import { checkArtifactFile } from "../../artifact/name.ts";
import { chartVersion, isSemantic } from "../../artifact/version.ts";
import { entriesOf, type Entry, type FileEntry } from "../../system/archive-entries.ts";
import { writeArchive } from "../../system/archive.ts";
import { tarMembers } from "../../system/members.ts";
import { isGzip, readTarball } from "../../system/tarball.ts";
import { builtPath, sourcePathSchema, type Kind, type PackJob } from "../kind.ts";
import { checkDependencies, dependenciesSchema } from "./dependencies.ts";
import { parseIgnore } from "./ignore.ts";
import { artifactsIn, fillIn, pathOf, valuesSchema } from "./values.ts";
import { invalid, parseYaml, readYaml, setAt, type YamlFile, yamlText } from "./yaml-file.ts";

const schema = z.strictObject({
  kind: z.literal("chart"),
  from: sourcePathSchema.default(".").describe("The folder that has the Chart.yaml, relative to the repository."),
  appVersion: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[^\p{Cc}]+$/u, "one line")
    .optional()
    .describe("The application's version, or `release`: the release's own. What stands in Chart.yaml when left out."),
  values: valuesSchema,
});

type Spec = z.output<typeof schema>;

const chartSchema = z.looseObject({
  apiVersion: z.enum(["v1", "v2"]),
  name: z
    .string()
    .max(200)
    .regex(/^[a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9])?$/, "a chart's name: letters, digits and . _ -"),
  dependencies: dependenciesSchema,
});

/** Helm refuses to load more than that. */
const limits = { file: 5 * 1024 * 1024, chart: 100 * 1024 * 1024 };

export const chart: Kind<typeof schema> = {
  name: "chart",
  summary: "a Helm chart",
  version: 1,
  programs: [],
  onlyReads: true,
  schema,
  writeVersion: chartVersion,
  refersTo: ({ values }) => artifactsIn(values),

  async pack(spec, job) {
    const folder = builtPath(job, spec.from);
    const version = chartVersion(job.release.version, job);
    const file = requireChart(folder, job);
    const { name, dependencies } = chartOf(file);
    setAt(file, ["version"], version);
    if (spec.appVersion !== undefined) {
      setAt(file, ["appVersion"], spec.appVersion === "release" ? job.release.version : spec.appVersion);
    }
    const entries = keptEntries(folder, job);
    const older = readYaml(folder, "requirements.yaml", job.artifact);
    const requirements = older === undefined ? dependencies : requirementsOf(older);
    await checkDependencies({
      folder,
      dependencies: requirements,
      entries,
      artifact: job.artifact,
      signal: job.signal,
    });
    const made = [
      madeFile("Chart.yaml", yamlText(file.document), job),
      ...(Object.keys(spec.values).length === 0 ? [] : [madeFile("values.yaml", valuesText(spec, folder, job), job)]),
    ];
    const paths = new Set(made.map(({ path }) => path));
    const all = [...entries.filter(({ path }) => !paths.has(path)), ...made]
      .map((entry): FileEntry => ({ ...entry, path: `${name}/${entry.path}`, executable: false }))
      .toSorted((a, b) => (a.path < b.path ? -1 : 1));
    const packed = checkArtifactFile(`${name}-${version}.tgz`, job.artifact);
    const { time, signal, onProgress } = job;
    const options = { time, signal, onProgress, compression: "gzip" } as const;
    const { sha256 } = await writeArchive(join(job.out, packed), all, options);
    return {
      file: packed,
      sha256,
      platform: "any",
      record: z.record(z.string(), z.json()).parse(file.document.toJS()),
      purl: purlOf(name, version),
      from: [folder],
      requires: requirements.map((one) => purlOf(one.name)),
    };
  },

  async readMembers(path, { onMember, signal }) {
    await tarMembers(createReadStream(path, { signal }).pipe(createGunzip()), onMember);
  },

  async inspect(file) {
    if (!isGzip(file.start)) return undefined;
    const wanted = ["Chart.yaml", "requirements.yaml"];
    const { texts, size } = await readTarball(file.path, { wanted, signal: file.signal });
    const text = texts.get("Chart.yaml");
    if (text === undefined) return undefined;
    if (size > limits.chart) throw invalid(file.name, `got ${size} bytes in the chart, want at most ${limits.chart}`);
    const where = `${file.name}: Chart.yaml`;
    const document = { document: parseYaml(text, where), where };
    const { name, dependencies } = chartOf(document);
    const version =
      z.looseObject({ version: z.string().max(100) }).safeParse(document.document.toJS()).data?.version ?? "";
    if (!isSemantic(version))
      throw invalid(document.where, `got version ${JSON.stringify(version)}, want a semantic one`);
    const older = texts.get("requirements.yaml");
    const requirements =
      older === undefined
        ? dependencies
        : requirementsOf({ document: parseYaml(older, file.name), where: `${file.name}: requirements.yaml` });
    return {
      file: checkArtifactFile(`${name}-${version}.tgz`, file.name),
      platform: "any",
      record: z.record(z.string(), z.json()).parse(document.document.toJS()),
      purl: purlOf(name, version),
      requires: requirements.map((one) => purlOf(one.name)),
      package: { name, version },
    };
  },
};

function purlOf(name: string, version?: string): string {
  return new PackageURL("helm", undefined, name, version, undefined, undefined).toString();
}

function requireChart(folder: string, { artifact }: PackJob): YamlFile {
  const file = readYaml(folder, "Chart.yaml", artifact);
  if (file !== undefined) return file;
  throw invalid(`${artifact}: Chart.yaml`, "got no such file, want it in the folder that `from` names");
}

function chartOf({ document, where }: YamlFile): z.output<typeof chartSchema> {
  const parsed = chartSchema.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  throw invalid(where, z.prettifyError(parsed.error));
}

function requirementsOf({ document, where }: YamlFile) {
  const parsed = z.looseObject({ dependencies: dependenciesSchema }).safeParse(document.toJS() ?? {});
  if (parsed.success) return parsed.data.dependencies;
  throw invalid(where, z.prettifyError(parsed.error));
}

/** The files that Helm would package. */
function keptEntries(folder: string, { artifact }: PackJob): FileEntry[] {
  const all = entriesOf(folder).filter(({ path }) => path !== ".git" && !path.startsWith(".git/"));
  const own = all.find((entry) => entry.path === ".helmignore");
  const isIgnored = parseIgnore(
    own?.type === "file" ? readFileSync(own.source, "utf8") : "",
    `${artifact}: .helmignore`,
  );
  const kept = all.filter((entry) => !isIgnored(entry)).flatMap((entry) => fileOf(entry, artifact));
  const size = kept.reduce((sum, entry) => sum + entry.size, 0);
  if (size <= limits.chart) return kept;
  throw invalid(artifact, `got ${size} bytes in the chart, want at most ${limits.chart}, or Helm doesn't load it`);
}

function fileOf(entry: Entry, artifact: string): FileEntry[] {
  if (entry.type === "folder") return [];
  const where = `${artifact}: ${JSON.stringify(entry.path)}`;
  if (entry.type === "link") throw invalid(where, "got a link, which no chart can hold: copy what it points to");
  if (entry.size > limits.file) {
    throw invalid(where, `got ${entry.size} bytes, want at most ${limits.file}, or Helm doesn't load it`);
  }
  if (/[\\\p{Cc}]/u.test(entry.path)) throw invalid(where, "got a name that Helm takes for another path");
  return [entry];
}

function valuesText(spec: Spec, folder: string, job: PackJob): string {
  const where = `${job.artifact}: values.yaml`;
  const file = readYaml(folder, "values.yaml", job.artifact) ?? { document: new Document({}), where };
  for (const [path, value] of Object.entries(spec.values)) setAt(file, pathOf(path), fillIn(value, job));
  return yamlText(file.document);
}

/** A file that Kiln makes lies in the stage until it is packed. */
function madeFile(path: string, text: string, { stage }: PackJob): FileEntry {
  const source = join(stage, path);
  writeFileSync(source, text, { flag: "wx" });
  return { type: "file", path, source, size: Buffer.byteLength(text), executable: false };
}
