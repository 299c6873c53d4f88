// Builds one distribution file of a Python project: the project's own backend, called by a program in the sandbox, in an
// environment that holds the locked build requirements and nothing else.

import { lstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { PackageURL } from "packageurl-js";
import { z } from "zod";

import { digestSchema } from "../../artifact/digest.ts";
import { pythonVersion } from "../../artifact/version.ts";
import { KilnError } from "../../errors.ts";
import { builtPath, type Packed, type PackJob, sourcePathSchema } from "../kind.ts";
import { runPython } from "./program.ts";
import { type Project, readProject, versionVariables } from "./project.ts";

export const fields = {
  from: sourcePathSchema.default(".").describe("The folder that has the pyproject.toml, relative to the repository."),
  requirements: sourcePathSchema
    .default("build-requirements.txt")
    .describe("A file that pins what the build backend needs, all of it, with hashes: relative to the repository."),
  wheelhouse: sourcePathSchema
    .default("wheelhouse")
    .describe("The folder with the wheels of `requirements`, which a fetch step fills: relative to the repository."),
  settings: z
    .record(z.string().min(1), z.union([z.string(), z.array(z.string())]))
    .default({})
    .describe("Settings for the backend, as `pip wheel --config-settings` would give them."),
};

const specSchema = z.object(fields);
type Spec = z.output<typeof specSchema>;

/** Larger descriptions aren't kept: an index can do without, and whoever deploys reads the manifest, too. */
const metadataLimit = 256 * 1024;

const name = z.string().regex(/^[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?$/i, "a Python package name");
const builtSchema = z.strictObject({
  file: z.string(),
  record: z
    .record(z.string(), z.union([z.string(), z.array(z.string())]))
    .and(z.looseObject({ name, version: z.string() })),
  sameVersion: z.boolean(),
  metadata: z.strictObject({ sha256: digestSchema, text: z.string() }),
});
export type Built = z.output<typeof builtSchema>;

/** Throws ARTIFACT_INVALID, STEP_FAILED, TOOL_MISSING, VERSION_UNMAPPABLE. */
export async function packDistribution(
  kind: "wheel" | "sdist",
  spec: Spec,
  job: PackJob,
): Promise<Omit<Packed, "platform">> {
  const { file, record, metadata } = await buildDistribution(kind, spec, job);
  job.take(file);
  return {
    file,
    record: distributionRecord({ record, metadata }),
    purl: pypiPurl(record.name, record.version),
    from: [builtPath(job, spec.from)],
    requires: requirementPurls(record),
  };
}

/** What an index lists of a distribution file. */
export function distributionRecord({ record, metadata }: Pick<Built, "record" | "metadata">): Packed["record"] {
  const { sha256, text } = metadata;
  return { ...record, core_metadata: { sha256, ...(text.length > metadataLimit ? {} : { text }) } };
}

/** Package URLs of what it requires. */
export function requirementPurls(record: Built["record"]): string[] {
  return requirementsOf(record).map((requirement) => pypiPurl(nameOf(requirement)));
}

/** Leaves the file in the stage. Throws as above. */
export async function buildDistribution(kind: "wheel" | "sdist", spec: Spec, job: PackJob): Promise<Built> {
  const version = pythonVersion(job.release.version, job);
  const project = readProject(job, builtFolder(job, spec.from), version);
  const built = await runBuild({ ...project, ...placesOf(spec, project, job), kind, version }, spec, job);
  if (built.sameVersion) return built;
  throw new KilnError(
    "ARTIFACT_INVALID",
    `${job.artifact}: got version ${built.record.version} from ${project.backend}, want ${version}, the release's`,
    {
      hint: "let the recipe take its version from where the project has it (version: { from: file, path: …, regex: … }), or let it stand in pyproject.toml as `version`, where a bake sets it",
    },
  );
}

/** `from` as it stands, once it is sure that it is there and leads nowhere else. */
function builtFolder(job: PackJob, from: string): string {
  builtPath(job, from);
  return from;
}

interface Places {
  /** As packers see them. */
  readonly wheelhouse: string;
  /** None: the project needs nothing. */
  readonly requirements: string | null;
}

function placesOf(spec: Spec, { requires }: Project, job: PackJob): Places {
  const isThere = (path: string) => lstatSync(join(job.source, path), { throwIfNoEntry: false }) !== undefined;
  const inside = (path: string) => job.sandbox.inside(builtPath(job, path));
  const { requirements, wheelhouse } = spec;
  if (!isThere(requirements)) {
    if (requires.length === 0) return { requirements: null, wheelhouse: inside(".") };
    throw new KilnError(
      "ARTIFACT_INVALID",
      `${job.artifact}: got no ${requirements}, want what pins ${requires.join(", ")}`,
      {
        hint: `write these into build-requirements.in and lock them: pip-compile --generate-hashes --allow-unsafe -o ${requirements} build-requirements.in`,
      },
    );
  }
  if (!isThere(wheelhouse)) {
    throw new KilnError(
      "ARTIFACT_INVALID",
      `${job.artifact}: got no folder ${wheelhouse}, want the wheels of ${requirements}`,
      {
        hint: `fetch: [python3 -m pip download --require-hashes -r ${requirements} -d ${wheelhouse}]`,
      },
    );
  }
  return { requirements: inside(requirements), wheelhouse: inside(wheelhouse) };
}

/** Where projects are built: the same in every bake. */
const buildPath = "/project";

async function runBuild(
  task: Project & Places & { readonly kind: string; readonly version: string },
  { from, settings, requirements, wheelhouse }: Spec,
  job: PackJob,
): Promise<Built> {
  const { inside } = job.sandbox;
  const folder = join(job.stage, "work");
  mkdirSync(folder);
  // Backends write their path into what they build. Without a sandbox it is where it is.
  const isIsolated = inside(folder) !== folder;
  const whole = {
    ...task,
    work: isIsolated ? buildPath : folder,
    stage: inside(job.stage),
    from,
    settings,
    shown: { requirements, wheelhouse },
    source: inside(job.source),
    time: job.time,
    env: versionVariables(task.version),
  };
  return builtSchema.parse(
    await runPython("build.py", whole, job, isIsolated ? { places: { [buildPath]: folder } } : {}),
  );
}

/** What it requires, as PEP 508 writes it. `a>=1; extra == "x"` isn't installed unless asked for. */
export function requirementsOf(record: Built["record"]): string[] {
  return z
    .array(z.string())
    .default([])
    .parse(record["requires_dist"])
    .filter((requirement) => !/;.*\bextra\s*==/.test(requirement));
}

function nameOf(requirement: string): string {
  return /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?/.exec(requirement)?.[0] ?? requirement;
}

/** The package URL of a project on PyPI, its name in the one spelling that counts (PEP 503). */
export function pypiPurl(project: string, version?: string): string {
  const normal = project.replace(/[-_.]+/g, "-").toLowerCase();
  return new PackageURL("pypi", undefined, normal, version, undefined, undefined).toString();
}
