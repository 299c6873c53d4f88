// A Python application with its locked dependencies, as a virtual environment in a Debian package: made at the path where it
// will be, by the Python of the system that it is for, and dependent on exactly that one. What knows wheels and what knows
// packages lies elsewhere; here they meet.

import { lstatSync, mkdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import { z } from "zod";

import { debVersion } from "../../artifact/version.ts";
import { KilnError } from "../../errors.ts";
import { entriesOf } from "../../system/archive-entries.ts";
import { packageNameOf } from "../deb/control.ts";
import { libraryPrograms } from "../deb/libraries.ts";
import { debPrograms, packDeb } from "../deb/package.ts";
import { readDeb } from "../deb/read.ts";
import { debShape } from "../deb/shape.ts";
import { builtPath, type Kind, type PackJob, sourcePathSchema } from "../kind.ts";
import { buildDistribution, requirementsOf } from "../python/distribution.ts";
import { pythonPrograms, runPython } from "../python/program.ts";
import { filesSchema, type Placed, placeFiles } from "../system-package/files.ts";
import { madeFile } from "../system-package/made.ts";
import { systemPath } from "../system-package/shape.ts";

const schema = z.strictObject({
  kind: z.literal("venv-deb"),
  from: sourcePathSchema
    .optional()
    .describe(
      "The folder of the application's pyproject.toml, relative to the repository. When left out, `requirements` has the application, too.",
    ),
  requirements: sourcePathSchema
    .default("requirements.txt")
    .describe("A file that pins all that is installed beside the application, with hashes."),
  buildRequirements: sourcePathSchema
    .default("build-requirements.txt")
    .describe("A file that pins what the application's build backend needs, with hashes."),
  wheelhouse: sourcePathSchema
    .default("wheelhouse")
    .describe("The folder with the wheels of both, which a fetch step fills: relative to the repository."),
  path: systemPath
    .regex(/^\/(?:opt|srv|usr\/lib|usr\/share)\/./, "a folder below /opt, /srv, /usr/lib or /usr/share")
    .optional()
    .describe("Where the environment is on the system; `/opt/venvs/PACKAGE` when left out."),
  programs: z
    .array(z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._+-]*$/, "the name of a program"))
    .default([])
    .describe("Programs of the environment that /usr/bin has a link to."),
  ...debShape,
  files: filesSchema
    .default({})
    .describe(
      "Path on the system → file or folder in the repository, or a map: what the package holds beside the environment.",
    ),
});

type Spec = z.output<typeof schema>;

export const venvDeb: Kind<typeof schema> = {
  name: "venv-deb",
  summary: "a Python application and its locked dependencies, as a virtual environment in a Debian package",
  version: 2,
  programs: [...debPrograms, ...pythonPrograms],
  mayRun: libraryPrograms,
  onlyReads: true,
  schema,
  writeVersion: debVersion,

  async pack(spec, job) {
    const name = packageNameOf(spec, job);
    const path = spec.path ?? `/opt/venvs/${name}`;
    const { placed, interpreter } = await makeEnvironment(path, spec, job);
    const links = Object.fromEntries(
      spec.programs.map((program) => [`/usr/bin/${program}`, { link: `${path}/bin/${program}` }]),
    );
    const packed = await packDeb(
      {
        spec,
        placed: [...placed, ...placeFiles({ ...spec.files, ...links }, job), ...overrides(name, { path, spec }, job)],
        from: [],
        // Another minor version has other modules and another folder for them.
        depends: [basename(interpreter)],
      },
      job,
    );
    return { ...packed, lock: { path: builtPath(job, spec.requirements), format: "requirements.txt" } };
  },

  readMembers: readDeb,
};

/** What lintian would call an error, and is meant: it reads the reasons in the package. */
function overrides(
  name: string,
  { path, spec }: { readonly path: string; readonly spec: Spec },
  job: PackJob,
): Placed[] {
  const at = `usr/share/lintian/overrides/${name}`;
  if (spec.files[`/${at}`] !== undefined) return [];
  const compiled =
    "# The environment isn't part of the system's Python: nobody else would compile it, and what is compiled holds the\n" +
    "# hash of its source.\n" +
    `${name}: package-installs-python-pycache-dir\n`;
  const inOpt = `# It isn't part of the distribution.\n${name}: dir-or-file-in-opt\n`;
  return [madeFile(at, Buffer.from(compiled + (path.startsWith("/opt/") ? inOpt : "")), job)];
}

const answerSchema = z.strictObject({
  /** Absolute path of the real program. */
  interpreter: z.string(),
  programs: z.array(z.string()),
});

async function makeEnvironment(path: string, spec: Spec, job: PackJob) {
  const { inside } = job.sandbox;
  const [requirements, wheelhouse] = [spec.requirements, spec.wheelhouse].map((one) =>
    inside(lockedPath(one, spec, job)),
  );
  const application = await buildApplication(spec, job);
  const folder = join(job.stage, "environment-at");
  mkdirSync(folder);
  const work = {
    path,
    requirements,
    wheelhouse,
    application: application === undefined ? null : inside(join(job.stage, application.file)),
    requires: application === undefined ? [] : requirementsOf(application.record),
    shown: { requirements: spec.requirements, wheelhouse: spec.wheelhouse },
  };
  const options = { places: { [path]: folder } };
  const { interpreter, programs } = answerSchema.parse(await runPython("environment_at.py", work, job, options));
  checkPrograms(spec, programs, job);
  return { interpreter, placed: placedAt(path, folder, interpreter) };
}

async function buildApplication({ from, buildRequirements, wheelhouse }: Spec, job: PackJob) {
  if (from === undefined) return undefined;
  return await buildDistribution("wheel", { from, requirements: buildRequirements, wheelhouse, settings: {} }, job);
}

/** The lock file, or the folder with what it pins. */
function lockedPath(path: string, { requirements, wheelhouse }: Spec, job: PackJob): string {
  if (lstatSync(join(job.source, path), { throwIfNoEntry: false }) !== undefined) return builtPath(job, path);
  const isFile = path === requirements;
  throw new KilnError(
    "ARTIFACT_INVALID",
    `${job.artifact}: got no ${path}, want ${isFile ? "what pins all that is installed" : `the wheels of ${requirements}`}`,
    {
      hint: isFile
        ? `lock it: pip-compile --generate-hashes -o ${requirements} pyproject.toml, or uv export --no-emit-project -o ${requirements}`
        : `fetch: [python3 -m pip download --require-hashes -r ${requirements} -d ${wheelhouse}]`,
    },
  );
}

function checkPrograms(spec: Spec, there: readonly string[], job: PackJob): void {
  const absent = spec.programs.find((program) => !there.includes(program));
  if (absent === undefined) return;
  throw new KilnError(
    "ARTIFACT_INVALID",
    `${job.artifact}: programs: got ${absent}, want one that the environment has: ${there.join(", ") || "it has none"}`,
    { hint: "pyproject.toml names an application's programs in [project.scripts]" },
  );
}

/** The environment's files, and the links to the interpreter: the one thing in it that leads out. */
function placedAt(path: string, folder: string, interpreter: string): Placed[] {
  const root = path.slice(1);
  const link = (name: string, target: string): Placed => {
    const at = `${root}/bin/${name}`;
    return { type: "link", path: at, at, target };
  };
  const name = basename(interpreter);
  return [
    ...entriesOf(folder).map((entry): Placed => ({ ...entry, at: `${root}/${entry.path}` })),
    link(name, interpreterLink(root, interpreter)),
    link("python3", name),
    link("python", name),
  ];
}

/** Relative within one top folder, absolute from one to another: Debian Policy 10.5. */
function interpreterLink(root: string, interpreter: string): string {
  if (!root.startsWith("usr/")) return interpreter;
  const up = "../".repeat(root.split("/").length);
  return `${up}${dirname(interpreter).slice("/usr/".length)}/${basename(interpreter)}`;
}
