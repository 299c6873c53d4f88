// A Python wheel, built by the project's own PEP 517 backend, in one form that depends on its files alone: sorted, one time,
// modes 0644 and 0755, RECORD written anew and last. Spec: the binary distribution format (PEP 427), platform tags (PEP 425).

import { z } from "zod";

import { pythonVersion } from "../../artifact/version.ts";
import { KilnError } from "../../errors.ts";
import { tarMemberReader } from "../../system/members.ts";
import { endOf, runProgram } from "../../system/process.ts";
import type { Kind } from "../kind.ts";
import { fields, packDistribution } from "./distribution.ts";
import { inspectDistribution } from "./inspect.ts";
import { pythonPrograms } from "./program.ts";

const schema = z.strictObject({ kind: z.literal("wheel"), ...fields });

export const wheel: Kind<typeof schema> = {
  name: "wheel",
  summary: "a Python wheel, built by the project's own backend (PEP 517)",
  version: 1,
  programs: pythonPrograms,
  onlyReads: true,
  schema,
  writeVersion: pythonVersion,

  async pack(spec, job) {
    const packed = await packDistribution("wheel", spec, job);
    const platform = platformOf(packed.file, job.artifact);
    if (platform !== "any" && !platform.startsWith("linux-")) throw elsewhere(packed.file, job.artifact);
    return { ...packed, platform };
  },

  async readMembers(path, { onMember, env, signal }) {
    const reader = tarMemberReader(onMember);
    const result = await runProgram(["python3", "-IB", "-c", zipAsTar, path], {
      cwd: "/",
      env: { PATH: env["PATH"], LC_ALL: "C.UTF-8" },
      signal,
      onOutput: (piece, from) => from === "stdout" && reader.write(piece),
    });
    if (result.status !== 0) {
      throw new KilnError("ARTIFACT_INVALID", `${path}: got a wheel that can't be read (${endOf(result)})`);
    }
    reader.finish();
  },

  async inspect(file) {
    if (file.start.toString("latin1", 0, 4) !== "PK\u0003\u0004") return undefined;
    return await inspectDistribution("wheel", file, ({ folder, tags, build }) => {
      const [, project = "", version = ""] = /^(.+)-([^-]+)\.dist-info$/.exec(folder) ?? [];
      const name = isNamedSo(file.name, `${project}-${version}`)
        ? file.name
        : `${[project, version, ...(build === null ? [] : [build]), tagOf(tags)].join("-")}.whl`;
      return { file: name, platform: platformOf(name, file.name) };
    });
  },
};

/** Whether a file's name is that of a wheel with this project and version. */
function isNamedSo(file: string, start: string): boolean {
  const [, named = ""] = /^([^-]+-[^-]+)(?:-[0-9][^-]*)?-[^-]+-[^-]+-[^-]+\.whl$/.exec(file) ?? [];
  const normal = (text: string) => text.toLowerCase().replace(/[-_.]+/g, "_");
  return normal(named) === normal(start);
}

/** What WHEEL says of it, in the compressed form that file names have (PEP 425). */
function tagOf(tags: readonly string[]): string {
  const parts = tags.map((tag) => tag.split("-"));
  return [0, 1, 2].map((at) => [...new Set(parts.map((part) => part[at] ?? ""))].toSorted().join(".")).join("-");
}

const zipAsTar = `
import calendar, sys, tarfile, zipfile
with zipfile.ZipFile(sys.argv[1]) as old, tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as new:
    for info in old.infolist():
        entry = tarfile.TarInfo(info.filename)
        entry.size, entry.mode = info.file_size, (info.external_attr >> 16) & 0o7777
        entry.mtime = calendar.timegm((*info.date_time, 0, 0, 0))
        new.addfile(entry, old.open(info))
`;

/** The machines of platform tags → Node's names. */
const machines: Readonly<Record<string, string>> = {
  x86_64: "x64",
  aarch64: "arm64",
  i686: "ia32",
  armv7l: "arm",
  ppc64le: "ppc64",
  s390x: "s390x",
  riscv64: "riscv64",
  amd64: "x64",
  arm64: "arm64",
  32: "ia32",
  universal2: "universal",
};

/** In Node's words. */
function systemOf(tag: string): string | undefined {
  const [, linux, mac, windows] =
    /^(?:(?:many|musl)?linux(?:\d+|(?:_\d+)+)?_(\w+)|macosx_\d+_\d+_(\w+)|win_?(amd64|arm64|32))$/.exec(tag) ?? [];
  const machine = machines[linux ?? mac ?? windows ?? ""];
  const system = linux === undefined ? (mac === undefined ? "win32" : "darwin") : "linux";
  return machine === undefined ? undefined : `${system}-${machine}`;
}

/** The last part of the file's name: `any`, or one tag or several: `manylinux_2_17_x86_64.manylinux2014_x86_64`. */
function platformOf(file: string, artifact: string): string {
  const tags = (/-([^-]+)\.whl$/.exec(file)?.[1] ?? "").split(".");
  if (tags.includes("any")) return "any";
  const found = new Set(tags.map(systemOf));
  const [only] = found;
  if (found.size === 1 && only !== undefined) return only;
  throw elsewhere(file, artifact);
}

function elsewhere(file: string, artifact: string): KilnError {
  return new KilnError("ARTIFACT_INVALID", `${artifact}: got the file name ${file}, want a wheel for Linux or for any`);
}
