// An rpm package, through `rpmbuild`: what the recipe maps, staged with fixed modes and times, and a spec file that is made of
// the recipe. rpmbuild gets no chance to look at the machine or the clock, and what it made is read back before it counts.

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { PackageURL } from "packageurl-js";
import { z } from "zod";

import { rpmFields, rpmVersion } from "../../artifact/version.ts";
import { KilnError } from "../../errors.ts";
import { architecturesOf } from "../../system/architecture.ts";
import { builtPath, type Kind, type PackJob } from "../kind.ts";
import { arrange, filesSchema, type Placed, placeFiles } from "../system-package/files.ts";
import { accountFiles, madeFile } from "../system-package/made.ts";
import { writeTree } from "../system-package/tree.ts";
import { type PlacedUnit, readUnits } from "../system-package/units.ts";
import { checkPackage } from "./check.ts";
import { inspectRpm } from "./inspect.ts";
import { readRpm, readRpmMembers } from "./package-file.ts";
import { recordOf } from "./record.ts";
import { scriptletsOf } from "./scripts.ts";
import { isPlainText, rpmShape } from "./shape.ts";
import { escaped, type SpecFile, specText } from "./spec-file.ts";
import { isOfTheSystem } from "./system-folders.ts";

const schema = z.strictObject({
  kind: z.literal("rpm"),
  ...rpmShape,
  files: filesSchema.refine((files) => Object.keys(files).length > 0, "at least one file or folder"),
});

type Spec = z.output<typeof schema>;

/** Read by every rpm from 4.14 on; part of the bytes: a change of it is a change of the kind's version. */
const payload = "w9.zstdio";

export const rpm: Kind<typeof schema> = {
  name: "rpm",
  summary: "an rpm package, made by `rpmbuild`",
  version: 1,
  programs: ["rpmbuild"],
  onlyReads: true,
  schema,
  writeVersion: rpmVersion,

  async pack(spec, job) {
    const units = readUnits(spec.units, "usr/lib/systemd/system", job);
    const file = specFileOf(spec, units, job);
    const placed = allFiles(spec, { name: file.name, units }, job);
    const architecture = architectureOf(spec, placed, job);
    const root = join(job.stage, "root");
    mkdirSync(root);
    writeTree(root, placed, job.time);
    const whole: SpecFile = {
      ...file,
      owned: placed.filter((entry) => !isOfTheSystem(entry)),
      config: configOf(spec, placed, job),
    };
    const { name, version, release } = whole;
    const made = `${name}-${version}-${release}.${architecture.rpm}.rpm`;
    await build(whole, { made, root, architecture: architecture.rpm }, job);
    const { header, ...rest } = readRpm(join(job.stage, made));
    checkPackage(header, whole, job.artifact);
    const record = recordOf({ header, ...rest }, job.artifact);
    job.take(made);
    const qualifiers = { arch: architecture.rpm, ...(whole.epoch === undefined ? {} : { epoch: String(whole.epoch) }) };
    return {
      file: made,
      platform: architecture.node === "any" ? "any" : `linux-${architecture.node}`,
      record,
      purl: new PackageURL("rpm", undefined, name, `${version}-${release}`, qualifiers, undefined).toString(),
      from: fromOf(spec, job),
      requires: spec.requires.flatMap(relationPurl),
      recommends: spec.recommends.flatMap(relationPurl),
    };
  },

  readMembers: readRpmMembers,
  inspect: inspectRpm,
};

function specFileOf(spec: Spec, units: readonly PlacedUnit[], job: PackJob): SpecFile {
  const name = spec.package ?? job.release.name;
  const { summary = name } = spec;
  const description = (spec.description ?? (isPlainText(summary) ? summary : name)).trim();
  const first = description.split("\n")[0]?.trim() ?? "";
  const fields = rpmFields(job.release.version, job);
  const scriptlets = scriptletsOf(spec, { name, units }, job);
  return {
    name,
    epoch: fields.epoch === 0 ? undefined : fields.epoch,
    version: fields.version,
    // A revision of the version goes before what the recipe says of all versions.
    release: fields.release === "1" ? (spec.release ?? "1") : fields.release,
    summary: spec.summary ?? first,
    description: description
      .split("\n")
      .map((line) => line.trimEnd())
      .join("\n"),
    spec,
    scriptRequires:
      Object.keys(spec.users).length === 0
        ? []
        : [
            ["pre", "/usr/sbin/useradd"],
            ["pre", "/usr/sbin/groupadd"],
          ],
    scriptlets,
    fileOf: ({ name: script }) => job.sandbox.inside(join(job.stage, `${script}.txt`)),
    owned: [],
    config: new Set(),
  };
}

/** What `files` says, with the units and what makes them enabled, users and folders. */
function allFiles(
  spec: Spec,
  { name, units }: { readonly name: string; readonly units: readonly PlacedUnit[] },
  job: PackJob,
): Placed[] {
  const presets = units
    .filter(({ hasInstall }) => hasInstall)
    .map((unit) => `${unit.enable ? "enable" : "disable"} ${unit.name}\n`);
  const placed = arrange(
    [
      ...placeFiles(spec.files, job),
      ...units.map((unit) => unit.placed),
      ...accountFiles(spec, name, job),
      ...(presets.length === 0
        ? []
        : [madeFile(`usr/lib/systemd/system-preset/80-${name}.preset`, Buffer.from(presets.join("")), job)]),
    ],
    job,
  );
  if (placed.some(({ type }) => type !== "folder")) {
    for (const { at } of placed) checkPath(at, job);
    return placed;
  }
  throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got no file in \`files\`, want at least one`, {
    hint: "let a build step fill the folders, or correct their paths in the recipe",
  });
}

function checkPath(at: string, { artifact }: PackJob): void {
  if (!/\p{Cc}/u.test(at)) return;
  throw new KilnError("ARTIFACT_INVALID", `${artifact}: got a control character in ${JSON.stringify(`/${at}`)}`, {
    hint: "rename it in a build step: rpmbuild's list of files has no way to write it",
  });
}

interface Build {
  readonly made: string;
  readonly root: string;
  readonly architecture: string;
}

async function build(file: SpecFile, { made, root, architecture }: Build, job: PackJob): Promise<void> {
  const inside = (...path: string[]) => job.sandbox.inside(join(job.stage, ...path));
  for (const scriptlet of file.scriptlets) {
    writeFileSync(join(job.stage, `${scriptlet.name}.txt`), scriptText(scriptlet, job), { flag: "wx" });
  }
  writeFileSync(join(job.stage, "package.spec"), specText(file), { flag: "wx" });
  const macros = {
    _topdir: macro(inside("top")),
    _rpmdir: macro(inside("made")),
    _tmppath: macro(inside("top")),
    _dbpath: macro(inside("db")),
    _build_name_fmt: "made.rpm",
    // What every rpm in use reads; rpm 6 knows another.
    _rpmformat: "4",
    _buildhost: "kiln",
    use_source_date_epoch_as_buildtime: "1",
    clamp_mtime_to_source_date_epoch: "1",
    source_date_epoch_from_changelog: "0",
    _binary_payload: payload,
    _binary_filedigest_algorithm: "8",
    _build_id_links: "none",
    debug_package: "%{nil}",
    __os_install_post: "%{nil}",
    __spec_install_post: "%{nil}",
    // A program that isn't for the package's machine is an error here already, or wanted.
    _binaries_in_noarch_packages_terminate_build: "0",
  };
  // What a machine's own configuration would put into every package.
  const unset = ["vendor", "packager", "distribution", "disttag", "disturl", "bugurl"].map(
    (name) => `--undefine=${name}`,
  );
  const defined = Object.entries(macros).flatMap(([name, body]) => ["--define", `${name} ${body}`]);
  const options = ["-bb", "--quiet", "--noclean", "--nodeps", "--target", `${architecture}-linux`];
  await job.runPacker([
    "rpmbuild",
    ...options,
    ...unset,
    ...defined,
    "--buildroot",
    job.sandbox.inside(root),
    inside("package.spec"),
  ]);
  renameSync(join(job.stage, "made", "made.rpm"), join(job.stage, made));
}

/** rpmbuild expands a script piece by piece, and must not cut one in the middle of a macro. */
function scriptText({ name, text }: SpecFile["scriptlets"][number], { artifact }: PackJob): string {
  const lines = text.split("\n").map(escaped);
  const long = lines.find((line) => line.includes("%") && Buffer.byteLength(line) > 1000);
  if (long === undefined) return lines.join("\n");
  throw new KilnError(
    "ARTIFACT_INVALID",
    `${artifact}: scripts: ${name}: got a line of ${Buffer.byteLength(long)} bytes with % in it`,
    { hint: "break the line, or put what it does into a file of the package" },
  );
}

function macro(path: string): string {
  return path.replaceAll("%", "%%");
}

interface RpmArchitecture {
  readonly rpm: string;
  readonly node: string;
}

const anywhere: RpmArchitecture = { rpm: "noarch", node: "any" };

/** Debian's name → rpm's, where they differ. */
const names: Readonly<Record<string, string>> = {
  amd64: "x86_64",
  arm64: "aarch64",
  i386: "i686",
  armhf: "armv7hl",
  ppc64el: "ppc64le",
};

function architectureOf(spec: Spec, placed: readonly Placed[], job: PackJob): RpmArchitecture {
  const found = architecturesOf(placed).map(({ debian, node }) => ({ rpm: names[debian] ?? debian, node }));
  const list = found.map(({ rpm: name }) => name).join(", ");
  const named = spec.architecture;
  if (named === "noarch") return anywhere;
  if (named === undefined && found.length > 1) {
    throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got programs for ${list}, want one architecture`, {
      hint: "leave the others out, or set `architecture`",
    });
  }
  if (named === undefined) return found[0] ?? anywhere;
  const same = found.find(({ rpm: name }) => name === named);
  if (found.length === 0 || same !== undefined) return same ?? { rpm: named, node: named };
  throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got programs for ${list}, want some for ${named}`, {
    hint: "build for the architecture that the recipe names, or correct `architecture`; `noarch` takes any",
  });
}

/** All files below /etc, and those that the recipe names: paths without a leading slash. */
function configOf(spec: Spec, placed: readonly Placed[], { artifact }: PackJob): ReadonlySet<string> {
  const files = new Set(placed.flatMap(({ type, at }) => (type === "file" ? [at] : [])));
  const named = spec.config.map((path) => path.slice(1));
  const absent = named.find((at) => !files.has(at));
  if (absent === undefined) return new Set([...files].filter((at) => at.startsWith("etc/") || named.includes(at)));
  throw new KilnError("ARTIFACT_INVALID", `${artifact}: config: got /${absent}, want a file of the package`, {
    hint: "name the path that it has on the system, as in `files`; folders and links can't be configuration files",
  });
}

function fromOf({ files }: Spec, job: PackJob): string[] {
  return Object.values(files).flatMap((value) => {
    const path = typeof value === "string" ? value : "from" in value ? value.from : undefined;
    return path === undefined ? [] : [builtPath(job, path)];
  });
}

/** Of a package's name alone: a path or a condition names none. */
function relationPurl(relation: string): string[] {
  const [, name] = /^([A-Za-z0-9_][A-Za-z0-9+._-]*)(?: |$)/.exec(relation) ?? [];
  return name === undefined ? [] : [new PackageURL("rpm", undefined, name, undefined, undefined, undefined).toString()];
}
