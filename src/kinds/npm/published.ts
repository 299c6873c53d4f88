// The package.json that goes into the package: with the release's version, dependencies that npm can install without the
// repository, and, in a monorepo of pnpm or yarn, what `publishConfig` says instead of what development needs.

import { lstatSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";

import { z } from "zod";

import { isKilnError, KilnError } from "../../errors.ts";
import { builtPath, type PackJob } from "../kind.ts";
import { stampDependencies, type Surroundings } from "./dependencies.ts";
import { type Package, parseJson, readPackage } from "./package.ts";
import { type MonorepoSettings, parseSettings, patternsOf, settingsFiles, workspaceFolders } from "./workspaces.ts";

export type Published = Package & { readonly version: string };

interface Place {
  /** Of the package: absolute, without links. */
  readonly folder: string;
  readonly version: string;
  /** The package.json's path for a person. */
  readonly where: string;
  readonly job: Pick<PackJob, "artifact" | "artifacts" | "source">;
}

/** Throws ARTIFACT_INVALID, also for a private package. */
export function publishedPackage(manifest: Package, place: Place): Published {
  if (manifest.private === true) {
    throw new KilnError("ARTIFACT_INVALID", `${place.where}: got private: true, want a package to publish`, {
      hint: "take private: true out, or this artifact out of the recipe",
    });
  }
  const monorepo = findMonorepo(place);
  const stamped = stampDependencies(manifest, surroundingsOf(place, monorepo), place.where);
  const config = monorepo?.appliesPublishConfig === true ? publishConfigOf(manifest) : {};
  return { ...stamped, ...config, version: place.version };
}

/** What pnpm and yarn take over from publishConfig when they pack; npm reads only where to publish to. */
const taken = new Set(
  "bin browser cpu engines exports es2015 esnext imports libc main module os type types typesVersions typings umd:main unpkg".split(
    " ",
  ),
);

function publishConfigOf({ publishConfig = {} }: Package): Record<string, unknown> {
  return Object.fromEntries(Object.entries(publishConfig).filter(([key]) => taken.has(key)));
}

interface Monorepo {
  /** Absolute. */
  readonly top: string;
  readonly settings: MonorepoSettings;
  readonly patterns: readonly string[];
  readonly appliesPublishConfig: boolean;
}

/** The nearest folder, from the package's own upwards, that has workspaces or the settings of pnpm or yarn. */
function findMonorepo({ folder, job }: Place): Monorepo | undefined {
  const source = realpathSync(job.source);
  for (let top = folder; ; top = dirname(top)) {
    const files = settingsFiles.filter((name) => isFile(join(top, name)));
    const read = files.map((name) =>
      parseSettings(readFileSync(join(top, name), "utf8"), relative(source, join(top, name))),
    );
    const settings: MonorepoSettings = Object.assign({}, ...read.toReversed());
    const manifest = join(top, "package.json");
    const patterns =
      settings.packages ??
      (isFile(manifest)
        ? patternsOf(parseJson(readFileSync(manifest, "utf8"), relative(source, manifest)))
        : undefined);
    if (files.length > 0 || patterns !== undefined) {
      return { top, settings, patterns: patterns ?? [], appliesPublishConfig: files.length > 0 };
    }
    if (top === source || top === dirname(top)) return undefined;
  }
}

const npmSpec = z.looseObject({ from: z.string() });

function surroundingsOf({ folder, version, job }: Place, monorepo: Monorepo | undefined): Surroundings {
  const released = job.artifacts
    .filter(({ kind }) => kind === "npm")
    .map(({ name, spec }) => {
      const { from } = npmSpec.parse(spec);
      return readPackage(builtPath({ ...job, artifact: name }, from), `${name}: ${posix.join(from, "package.json")}`)
        .name;
    });
  const source = realpathSync(job.source);
  return {
    version,
    released: new Set(released),
    workspaceVersion: (name) => workspacesOf(monorepo).get(name),
    packageAt: (path) => {
      const target = insideOf(job, relative(source, join(folder, path)));
      return target === undefined ? undefined : identityAt(target);
    },
    catalog: (catalog, name) => {
      const { catalog: unnamed, catalogs = {} } = monorepo?.settings ?? {};
      return (Object.hasOwn(catalogs, catalog) ? catalogs[catalog] : catalog === "default" ? unnamed : undefined)?.[
        name
      ];
    },
  };
}

/** The folder, free of links, or undefined where there is none in the source. */
function insideOf(job: Place["job"], path: string): string | undefined {
  try {
    return builtPath(job, path);
  } catch (error) {
    if (isKilnError(error, "ARTIFACT_INVALID")) return undefined;
    throw error;
  }
}

/** Name → version of every workspace that has both. */
function workspacesOf(monorepo: Monorepo | undefined): ReadonlyMap<string, string> {
  if (monorepo === undefined) return new Map();
  const folders = workspaceFolders(manifestsBelow(monorepo.top), monorepo.patterns);
  const found = folders.flatMap((folder) => identityAt(join(monorepo.top, folder)) ?? []);
  return new Map(found.flatMap(({ name, version }) => (version === undefined ? [] : [[name, version]])));
}

/** Paths of package.json files, relative to `top`. What is installed isn't looked at, and no link is followed. */
function manifestsBelow(top: string, prefix = ""): string[] {
  return readdirSync(join(top, prefix), { withFileTypes: true }).flatMap((entry) => {
    const path = prefix + entry.name;
    if (entry.isDirectory()) {
      return entry.name === "node_modules" || entry.name === ".git" ? [] : manifestsBelow(top, `${path}/`);
    }
    return entry.name === "package.json" ? [path] : [];
  });
}

const identitySchema = z
  .looseObject({ name: z.string(), version: z.string().min(1).optional() })
  .transform(({ name, version }) => ({ name, version }));

function identityAt(folder: string): z.output<typeof identitySchema> | undefined {
  const path = join(folder, "package.json");
  if (!isFile(path)) return undefined;
  const parsed = identitySchema.safeParse(parseJson(readFileSync(path, "utf8"), path));
  return parsed.success ? parsed.data : undefined;
}

function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
