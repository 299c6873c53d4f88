// A .deb of a tree of files and what a recipe says about them: the files of units, users and documents join the tree, the
// control files follow from it, and `dpkg-deb` packs both. Every kind that ends as a .deb is packed here.
// Spec: deb(5), Debian Policy 3.9, 5, 6 and 10.7.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { PackageURL } from "packageurl-js";

import { checkArtifactFile } from "../../artifact/name.ts";
import { debVersion } from "../../artifact/version.ts";
import { KilnError } from "../../errors.ts";
import { type Architecture, architectureOf, architecturesOf, debianArchitecture } from "../../system/architecture.ts";
import { builtFile, type Packed, type PackJob } from "../kind.ts";
import { arrange, type Placed } from "../system-package/files.ts";
import { accountFiles, madeFile } from "../system-package/made.ts";
import { writeTree } from "../system-package/tree.ts";
import { controlText, fieldsOf, packageNameOf } from "./control.ts";
import { documentsOf } from "./documents.ts";
import { libraryDepends } from "./libraries.ts";
import { relationPurl } from "./relation.ts";
import { type Lines, scriptNames, scriptText } from "./scripts.ts";
import type { DebSpec } from "./shape.ts";
import { type ControlFile, installedSize, writeControl } from "./tree.ts";
import { unitsOf } from "./units.ts";
import { accountDepends, accountLines } from "./users.ts";

/** Programs that every .deb needs. Looking up libraries needs dpkg-shlibdeps too, but only where there are programs. */
export const debPrograms = ["dpkg-deb"] as const;

export interface DebContent {
  readonly spec: DebSpec;
  /** What goes into the package beside what `spec` brings; see `placeFiles`. */
  readonly placed: readonly Placed[];
  /** Folders of the source (absolute) whose lock file lists what is inside. */
  readonly from: readonly string[];
  /** Relations for `Depends` beside the recipe's own. */
  readonly depends?: readonly string[];
  /** Where programs inside don't tell. */
  readonly architecture?: string;
}

/** Throws ARTIFACT_INVALID, STEP_FAILED, TOOL_MISSING, VERSION_UNMAPPABLE. */
export async function packDeb(content: DebContent, job: PackJob): Promise<Packed> {
  const { spec } = content;
  const name = packageNameOf(spec, job);
  const version = debVersion(job.release.version, job) + (spec.suffix ?? "");
  const units = unitsOf(spec.units, job);
  const own = arrange([...content.placed, ...units.placed, ...accountFiles(spec, name, job)], job);
  const placed = arrange([...own, ...documents({ name, version, spec, own }, job)], job);
  const top = placed.find(({ at }) => at.split("/")[0] === "DEBIAN");
  if (top !== undefined) throw controlFolder(top, job);
  const architecture = architectureFor(content, placed, job);
  if (spec.multiArch === "same" && architecture === anywhere) throw sameForAll(job);
  const root = join(job.stage, "root");
  mkdirSync(root);
  writeTree(root, placed, job.time);
  const libraries = spec.shlibs ? await libraryDepends({ root, placed, architecture }, job) : [];
  const needed = [...(content.depends ?? []), ...libraries, ...accountDepends(placed)];
  const facts = { name, version, architecture: architecture.debian, installedSize: installedSize(placed) };
  const fields = fieldsOf(spec, { ...facts, depends: needed });
  writeControl(root, {
    placed,
    conffiles: conffilesOf(spec, placed, job),
    files: [
      { name: "control", text: controlText(fields) },
      ...controlFiles(spec, { lines: [accountLines(placed), units.lines], placed }, job),
    ],
  });
  // Without the epoch, as dpkg names them.
  const upstream = version.replace(/^[0-9]+:/, "");
  const file = checkArtifactFile(`${name}_${upstream}_${architecture.debian}.deb`, job.artifact);
  // xz at its default level: what every dpkg in use reads.
  const options = ["--root-owner-group", "-Zxz", "--build"];
  await job.runPacker(["dpkg-deb", ...options, job.sandbox.inside(root), job.sandbox.inside(join(job.stage, file))]);
  job.take(file);
  return {
    file,
    platform: architecture.node === "any" ? "any" : `linux-${architecture.node}`,
    // Beside the control fields, which begin with a capital letter.
    record: { ...fields, ...(spec.component === undefined ? {} : { component: spec.component }) },
    purl: new PackageURL("deb", undefined, name, version, { arch: architecture.debian }, undefined).toString(),
    from: content.from,
    requires: [...(spec.preDepends ?? []), ...(spec.depends ?? []), ...needed].map(relationPurl),
    recommends: (spec.recommends ?? []).map(relationPurl),
  };
}

function sameForAll({ artifact }: PackJob): KilnError {
  return new KilnError("ARTIFACT_INVALID", `${artifact}: got multiArch: same in a package for all architectures`, {
    hint: "set `multiArch: foreign`, if it serves packages of every architecture, or leave it out",
  });
}

function controlFolder({ at }: Placed, { artifact }: PackJob): KilnError {
  return new KilnError("ARTIFACT_INVALID", `${artifact}: got DEBIAN as the top of /${at}, which no .deb can hold`, {
    hint: "rename it in a build step",
  });
}

interface Documented {
  readonly name: string;
  readonly version: string;
  readonly spec: DebSpec;
  readonly own: readonly Placed[];
}

/** Changelog and copyright, but for those that the recipe puts there itself. */
function documents({ own, ...subject }: Documented, job: PackJob): Placed[] {
  const taken = new Set(own.map(({ at }) => at));
  return documentsOf(subject, job)
    .filter(({ at }) => !taken.has(at) && !taken.has(at.replace(/\.gz$/, "")))
    .map(({ at, bytes }) => madeFile(at, bytes, job));
}

const anywhere: Architecture = { node: "any", debian: "all" };

function architectureFor({ spec, architecture }: DebContent, placed: readonly Placed[], job: PackJob): Architecture {
  const found = architecturesOf(placed);
  const names = found.map(({ debian }) => debian).join(", ");
  const named = spec.architecture;
  if (named === "all") return anywhere;
  if (named === undefined && found.length > 1) {
    throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got programs for ${names}, want one architecture`, {
      hint: "leave the others out, or set `architecture`",
    });
  }
  if (named === undefined)
    return found[0] ?? (architecture === undefined ? anywhere : debianArchitecture(architecture));
  if (found.length > 0 && !found.some(({ debian }) => debian === named)) {
    throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got programs for ${names}, want some for ${named}`, {
      hint: "build for the architecture that the recipe names, or correct `architecture`; `all` takes any",
    });
  }
  return debianArchitecture(named);
}

/** All files below /etc, and those that the recipe names: paths without a leading slash, in order. */
function conffilesOf(spec: DebSpec, placed: readonly Placed[], { artifact }: PackJob): ReadonlySet<string> {
  const files = new Set(placed.flatMap(({ type, at }) => (type === "file" ? [at] : [])));
  const named = spec.conffiles.map((path) => path.slice(1));
  const absent = named.find((at) => !files.has(at));
  if (absent !== undefined) {
    throw new KilnError("ARTIFACT_INVALID", `${artifact}: conffiles: got /${absent}, want a file of the package`, {
      hint: "name the path that it has on the system, as in `files`; folders and links can't be conffiles",
    });
  }
  const all = [...files].filter((at) => at.startsWith("etc/") || named.includes(at));
  const odd = all.find((at) => at !== at.trimEnd());
  if (odd === undefined) return new Set(all);
  throw new KilnError(
    "ARTIFACT_INVALID",
    `${artifact}: got the configuration file ${JSON.stringify(`/${odd}`)}, which ends in a space`,
    {
      hint: "rename it in a build step: dpkg couldn't find it again",
    },
  );
}

interface Needs {
  readonly lines: readonly ReturnType<typeof accountLines>[];
  readonly placed: readonly Placed[];
}

function controlFiles(spec: DebSpec, { lines, placed }: Needs, job: PackJob): ControlFile[] {
  const own = (name: keyof DebSpec["control"]): string | undefined => {
    const path = spec.control[name];
    return path === undefined ? undefined : readFileSync(builtFile(job, path), "utf8");
  };
  const scripts = scriptNames.flatMap((name): ControlFile[] => {
    const needed = lines.flatMap((one): Lines[] => (one[name] === undefined ? [] : [one[name]]));
    const text = scriptText(name, { own: own(name), lines: needed, artifact: job.artifact });
    return text === undefined ? [] : [{ name, text, executable: true }];
  });
  const triggers = [own("triggers") ?? "", ldconfigTrigger(placed)].filter((text) => text !== "").join("\n");
  const others: readonly (readonly [string, string | undefined])[] = [
    ["config", own("config")],
    ["templates", own("templates")],
    ["triggers", triggers === "" ? undefined : triggers],
    ["shlibs", own("shlibs")],
    ["symbols", own("symbols")],
  ];
  return [
    ...scripts,
    ...others.flatMap(([name, text]) => (text === undefined ? [] : [{ name, text, executable: name === "config" }])),
  ];
}

/** The dynamic linker has a list of libraries in its own folders, which must be made anew. */
function ldconfigTrigger(placed: readonly Placed[]): string {
  const isLibrary = (entry: Placed): boolean =>
    /^(?:usr\/)?lib\/(?:[a-z0-9_]+-linux-gnu[a-z0-9]*\/)?[^/]+\.so\.[^/]*$/.test(entry.at) &&
    architectureOf(entry) !== undefined;
  return placed.some(isLibrary) ? "activate-noawait ldconfig\n" : "";
}
