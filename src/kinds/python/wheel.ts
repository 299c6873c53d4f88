// A Python wheel, built by the project's own PEP 517 backend, in one form that depends on its files alone: sorted, one time,
// modes 0644 and 0755, RECORD written anew and last. Spec: the binary distribution format (PEP 427), platform tags (PEP 425).

import { z } from "zod";

import { pythonVersion } from "../../artifact/version.ts";
import { KilnError } from "../../errors.ts";
import { tarMemberReader } from "../../system/members.ts";
import { endOf, runProgram } from "../../system/process.ts";
import type { Kind, PackJob } from "../kind.ts";
import { fields, packDistribution } from "./distribution.ts";
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
    return { ...packed, platform: platformOf(packed.file, job) };
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
};

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
};

/** The last part of the file's name: `any`, or one tag or several: `manylinux_2_17_x86_64.manylinux2014_x86_64`. */
function platformOf(file: string, job: PackJob): string {
  const tags = (/-([^-]+)\.whl$/.exec(file)?.[1] ?? "").split(".");
  if (tags.includes("any")) return "any";
  const found = new Set(
    tags.map((tag) => machines[/^(?:many|musl)?linux(?:\d+|(?:_\d+)+)?_(\w+)$/.exec(tag)?.[1] ?? ""]),
  );
  const [only] = found;
  if (found.size === 1 && only !== undefined) return `linux-${only}`;
  throw new KilnError(
    "ARTIFACT_INVALID",
    `${job.artifact}: got the file name ${file}, want a wheel for Linux or for any`,
  );
}
