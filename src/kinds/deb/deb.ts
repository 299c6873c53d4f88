// A Debian package, through `dpkg-deb`: what the recipe maps, copied into a tree of its own with fixed modes, times and
// owner, beside the control files that apt and lintian expect. Spec: deb-control(5), Debian Policy 5 and 10.7.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { PackageURL } from "packageurl-js";
import { z } from "zod";

import { debVersion } from "../../artifact/version.ts";
import { KilnError } from "../../errors.ts";
import { architecturesOf, type Architecture } from "../../system/architecture.ts";
import { tarMemberReader } from "../../system/members.ts";
import { endOf, runProgram } from "../../system/process.ts";
import { builtPath, sourcePathSchema, type Kind, type PackJob } from "../kind.ts";
import { controlText, foldDescription } from "./control.ts";
import { installedSize, placeFiles, writeControl, writeTree, type Placed } from "./tree.ts";

const line = z
  .string()
  .min(1)
  .max(1000)
  .regex(/^\S[^\p{Cc}]*$/u, "one line");
const relation = line.regex(/^[a-z0-9][^,]*$/, "one relation, as in `nodejs (>= 20)`");
const packageName = z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, "a Debian package name: a-z, 0-9 and + - .");
const target = z
  .string()
  .regex(/^\/[^\p{Cc}]*[^/\p{Cc}]\/?$/u, "an absolute path on the system")
  .refine((path) => !path.split("/").some((segment) => segment === ".." || segment === "."), "a path without . and ..");

const schema = z.strictObject({
  kind: z.literal("deb"),
  package: packageName.optional().describe("The package's name; the release's when left out."),
  architecture: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .optional()
    .describe("As dpkg names it. When left out: told from the programs inside, `all` when there are none."),
  description: z.string().min(1).max(4000).optional().describe("The first line is the synopsis."),
  maintainer: line.default("Unknown <root@localhost>").describe("As in `Jo Doe <jo@example.org>`."),
  section: line.optional().describe("The archive section, as in `utils`."),
  homepage: line.optional().describe("A URL."),
  depends: z.array(relation).optional().describe("What must be installed with it, as in `nodejs (>= 20)`."),
  recommends: z.array(relation).optional().describe("What is installed with it unless one says no."),
  conflicts: z.array(relation).optional().describe("What can't be installed beside it."),
  replaces: z.array(relation).optional().describe("Packages whose files it may overwrite."),
  provides: z.array(relation).optional().describe("Virtual packages that it stands for."),
  files: z
    .record(target, sourcePathSchema)
    .refine((files) => Object.keys(files).length > 0, "at least one file or folder")
    .describe("Path on the system → file or folder in the repository. What lies below /etc is a configuration file."),
});

type Spec = z.infer<typeof schema>;

export const deb: Kind<typeof schema> = {
  name: "deb",
  summary: "a Debian package, made by `dpkg-deb`",
  version: 1,
  programs: ["dpkg-deb"],
  onlyReads: true,
  schema,

  async pack(spec, job) {
    const placed = placeFiles(spec.files, job);
    const architecture = architectureOf(spec, placed, job);
    const fields = fieldsOf(spec, { placed, architecture: architecture.debian, job });
    const { Package: name = "", Version: version = "" } = fields;
    const root = join(job.stage, "root");
    mkdirSync(root);
    writeTree(root, placed, job.time);
    writeControl(root, placed, controlText(fields));
    const file = `${name}_${version}_${architecture.debian}.deb`;
    // xz at its default level: what every dpkg in use reads.
    const options = ["--root-owner-group", "-Zxz", "--build"];
    await job.runPacker(["dpkg-deb", ...options, job.sandbox.inside(root), job.sandbox.inside(join(job.stage, file))]);
    job.take(file);
    return {
      file,
      platform: architecture.node === "any" ? "any" : `linux-${architecture.node}`,
      record: { ...fields },
      purl: new PackageURL("deb", undefined, name, version, { arch: architecture.debian }, undefined).toString(),
      from: Object.values(spec.files).map((path) => builtPath(job, path)),
      requires: (spec.depends ?? []).map(relationPurl),
    };
  },

  async readMembers(path, { onMember, env, signal }) {
    for (const [folder, option] of [
      ["DEBIAN/", "--ctrl-tarfile"],
      ["", "--fsys-tarfile"],
    ] as const) {
      const reader = tarMemberReader(onMember, folder);
      const result = await runProgram(["dpkg-deb", option, path], {
        cwd: "/",
        env: { PATH: env["PATH"], LC_ALL: "C.UTF-8" },
        signal,
        onOutput: (piece, from) => from === "stdout" && reader.write(piece),
      });
      if (result.status !== 0) {
        throw new KilnError("ARTIFACT_INVALID", `dpkg-deb ${option} ${path}: got ${endOf(result)}, want 0`);
      }
      reader.finish();
    }
  },
};

const anywhere: Architecture = { node: "any", debian: "all" };

function architectureOf(spec: Spec, placed: readonly Placed[], job: PackJob): Architecture {
  const found = architecturesOf(placed);
  const named = spec.architecture;
  if (named === undefined && found.length > 1) {
    const names = found.map(({ debian }) => debian).join(", ");
    throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got programs for ${names}, want one architecture`, {
      hint: "leave the others out, or set `architecture`",
    });
  }
  if (named === undefined) return found[0] ?? anywhere;
  if (named === "all") return anywhere;
  return { debian: named, node: found.find(({ debian }) => debian === named)?.node ?? named };
}

interface Content {
  readonly placed: readonly Placed[];
  readonly architecture: string;
  readonly job: PackJob;
}

function fieldsOf(spec: Spec, { placed, architecture, job }: Content): Record<string, string> {
  const name = packageName.safeParse(spec.package ?? job.release.name);
  if (!name.success) {
    throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got ${job.release.name}, want a Debian package name`, {
      hint: "set `package`: a-z, 0-9 and + - ., at least two characters",
    });
  }
  const fields: Record<string, string | undefined> = {
    Package: name.data,
    Version: debVersion(job.release.version),
    Section: spec.section,
    Priority: "optional",
    Architecture: architecture,
    Maintainer: spec.maintainer,
    "Installed-Size": String(installedSize(placed)),
    Depends: list(spec.depends),
    Recommends: list(spec.recommends),
    Conflicts: list(spec.conflicts),
    Replaces: list(spec.replaces),
    Provides: list(spec.provides),
    Homepage: spec.homepage,
    Description: foldDescription(spec.description ?? name.data),
  };
  return Object.fromEntries(
    Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined),
  );
}

function list(relations: readonly string[] | undefined): string | undefined {
  return relations === undefined || relations.length === 0 ? undefined : relations.join(", ");
}

/** `nodejs (>= 20) | node` → the package that apt would try first. */
function relationPurl(relation: string): string {
  const name = /^[a-z0-9+.-]+/.exec(relation)?.[0] ?? relation;
  return new PackageURL("deb", "debian", name, undefined, undefined, undefined).toString();
}
