// An npm package, through `npm pack` itself. The package.json is the release's while npm packs (its version, and those of
// what is released with it), and what was there before afterwards, so that artifacts don't depend on their order. Scripts of
// the package don't run: the build did.

import { chmodSync, createReadStream, readdirSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { createGunzip } from "node:zlib";

import { z } from "zod";

import { npmVersion } from "../../artifact/version.ts";
import { KilnError } from "../../errors.ts";
import { tarMembers } from "../../system/members.ts";
import { builtPath, sourcePathSchema, type Kind, type PackJob } from "../kind.ts";
import { checkContent, normaliseModes } from "./content.ts";
import { expandWorkspaces } from "./expand.ts";
import { inspectNpm } from "./inspect.ts";
import { parseJson, readPackage } from "./package.ts";
import { type Published, publishedPackage } from "./published.ts";
import { npmPurl, recordOf, sumsOf } from "./record.ts";

const schema = z.strictObject({
  kind: z.literal("npm"),
  from: sourcePathSchema.default(".").describe("The folder that has the package.json, relative to the repository."),
  workspaces: z
    .literal(true)
    .optional()
    .describe(
      "One artifact for each workspace of that package.json (or of the pnpm-workspace.yaml beside it) that isn't private, named after its package: `@acme/core` is `acme-core`.",
    ),
});

export const npm: Kind<typeof schema> = {
  name: "npm",
  summary: "an npm package, made by `npm pack`",
  version: 2,
  programs: ["npm"],
  schema,
  writeVersion: npmVersion,

  async expand(name, spec, tree) {
    if (spec.workspaces !== true) return { artifacts: [{ name, spec }], notes: [] };
    return await expandWorkspaces(name, spec.from, tree);
  },

  async pack(spec, job) {
    const folder = builtPath(job, spec.from);
    const version = npmVersion(job.release.version, job);
    const where = `${job.artifact}: ${join(spec.from, "package.json")}`;
    const manifest = publishedPackage(readPackage(folder, where), { folder, version, where, job });
    normaliseModes(folder, manifest, job.artifact);
    const { file, files } = await stamped(job, folder, manifest, () => packFolder(folder, job));
    checkContent(manifest, { folder, where, paths: files.files.map(({ path }) => path) });
    job.take(file);
    return {
      file,
      platform: "any",
      record: recordOf(manifest, await sumsOf(join(job.out, file)), files),
      purl: npmPurl(manifest.name, version),
      from: [folder],
      requires: [],
    };
  },

  async readMembers(path, { onMember, signal }) {
    await tarMembers(createReadStream(path, { signal }).pipe(createGunzip()), onMember);
  },

  inspect: inspectNpm,
};

/** Runs `work` while the folder's package.json is `manifest`; the real one waits in the stage, where npm doesn't see it. */
async function stamped<T>(job: PackJob, folder: string, manifest: Published, work: () => Promise<T>): Promise<T> {
  const path = join(folder, "package.json");
  const before = join(job.stage, "package.json");
  renameSync(path, before);
  writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`, { flag: "wx" });
  // Kiln's own umask must not reach the package.
  chmodSync(path, 0o644);
  try {
    return await work();
  } finally {
    renameSync(before, path);
  }
}

async function packFolder(folder: string, job: PackJob): Promise<{ file: string; files: PackedFiles }> {
  const options = [
    "--ignore-scripts",
    "--json",
    "--loglevel=error",
    "--pack-destination",
    job.sandbox.inside(job.stage),
  ];
  const text = await job.runPacker(["npm", "pack", ...options, job.sandbox.inside(folder)]);
  const tarballs = readdirSync(job.stage).filter((name) => name.endsWith(".tgz"));
  if (tarballs.length !== 1 || tarballs[0] === undefined) {
    throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got ${tarballs.length} tarballs from npm pack, want 1`);
  }
  return { file: basename(tarballs[0]), files: filesSchema.parse(parseJson(text, "npm pack")) };
}

/** npm 11 prints an array, npm 12 an object by package name. */
const reportSchema = z.object({
  entryCount: z.int(),
  unpackedSize: z.int(),
  files: z.array(z.object({ path: z.string() })),
});
const filesSchema = z
  .union([z.array(reportSchema), z.record(z.string(), reportSchema).transform((byName) => Object.values(byName))])
  .transform((reports) => reports[0] ?? { entryCount: 0, unpackedSize: 0, files: [] });
type PackedFiles = z.infer<typeof filesSchema>;
