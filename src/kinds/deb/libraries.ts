// Which packages bring the shared libraries that the programs inside a .deb are linked to: asked of `dpkg-shlibdeps`, which
// knows the version that added each symbol. The libraries must be installed where it runs, from the packages that the
// programs were built against; those inside the .deb itself need nobody. Spec: dpkg-shlibdeps(1).

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { isKilnError, KilnError } from "../../errors.ts";
import { type Architecture, architectureOf } from "../../system/architecture.ts";
import { toolMissing } from "../../system/tools.ts";
import type { PackJob } from "../kind.ts";
import type { Placed } from "../system-package/files.ts";

export interface Linked {
  /** The tree of the package, written; a folder in the stage. */
  readonly root: string;
  readonly placed: readonly Placed[];
  readonly architecture: Architecture;
}

export const libraryPrograms = ["dpkg-shlibdeps"] as const;

type Job = Pick<PackJob, "artifact" | "stage" | "sandbox" | "runPacker">;

/** Relations for `Depends`. Throws TOOL_MISSING, ARTIFACT_INVALID. */
export async function libraryDepends({ root, placed, architecture }: Linked, job: Job): Promise<string[]> {
  const programs = placed.filter((entry) => architectureOf(entry)?.debian === architecture.debian && isLinked(entry));
  if (programs.length === 0) return [];
  // It wants to know what package it works for; the names don't matter.
  const control = "Source: package\n\nPackage: package\nArchitecture: any\n";
  mkdirSync(join(job.stage, "debian"), { recursive: true });
  writeFileSync(join(job.stage, "debian/control"), control);
  // By this folder it knows what is one package.
  mkdirSync(join(root, "DEBIAN"));
  const inside = job.sandbox.inside(root);
  const folders = new Set(programs.filter(({ at }) => /\.so[.0-9]*$/.test(at)).map(({ at }) => dirname(at)));
  const text = await run(
    [
      ...[...folders].map((folder) => `-l${inside}/${folder}`),
      `-S${inside}`,
      "-O",
      ...programs.map(({ at }) => `-e${inside}/${at}`),
    ],
    architecture,
    job,
  );
  // `shlibs:Depends=libc6 (>= 2.34), libssl3 (>= 3.0.0)`
  const depends = /^shlibs:Depends=(.*)$/m.exec(text)?.[1] ?? "";
  return depends.split(", ").filter((relation) => relation !== "");
}

/** Object files and static libraries are linked to nothing yet. */
function isLinked({ at }: Placed): boolean {
  return !/\.(?:o|a)$/.test(at) && !at.startsWith("usr/lib/debug/");
}

async function run(options: readonly string[], { debian }: Architecture, job: Job): Promise<string> {
  try {
    return await job.runPacker(["env", `DEB_HOST_ARCH=${debian}`, "dpkg-shlibdeps", ...options]);
  } catch (error) {
    if (!isKilnError(error, "STEP_FAILED")) throw error;
    if (error.details["status"] === 127) throw toolMissing("dpkg-shlibdeps", error);
    const lines = Array.isArray(error.details["lastLines"]) ? error.details["lastLines"].map(String) : [];
    const said =
      lines.find((line) => line.includes("error:") && !line.includes("cannot continue"))?.replace(/^.*error: */, "") ??
      error.message;
    throw new KilnError(
      "ARTIFACT_INVALID",
      `${job.artifact}: got programs whose libraries no package brings: ${said}`,
      {
        hint: "install the packages with these libraries where it is baked, or set `shlibs: false` and name them in `depends`",
        cause: error,
      },
    );
  }
}
