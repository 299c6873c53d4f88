// Many .rpm files, the same on every machine: one that rpmbuild made, with another number in its name each time. Made so, because
// thousands of rpmbuild would take an hour; the digests of its header are the first one's, which no repository's tool looks at.

import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { digestOf } from "../../src/artifact/digest.ts";
import type { Artifact } from "../../src/artifact/manifest.ts";
import { readRpm } from "../../src/kinds/rpm/package-file.ts";
import { recordOf } from "../../src/kinds/rpm/record.ts";

export interface Rpm {
  readonly file: string;
  readonly bytes: Buffer;
  readonly sha256: string;
  readonly record: Artifact["record"];
}

const number = "000000";

/** Packages by their number, up to 999,999. */
export async function makeRpms(folder: string): Promise<(at: number) => Rpm> {
  const top = join(folder, "rpmbuild");
  await mkdir(top);
  const files = Array.from({ length: 12 }, (_, at) => `/usr/share/package-${number}/part-${at}.txt`);
  const names = Array.from({ length: 8 }, (_, at) => `library-${at} >= ${at}.2`);
  const spec = `Name: package-${number}
Version: 1.0.0
Release: 1
Summary: One package of many, number ${number}
License: MIT
URL: https://package-${number}.example/
BuildArch: noarch
Requires: ${names.join(", ")}
Provides: capability-${number} = 3
%description
Several words about package ${number}, as many as a package has in a distribution: what it is for, what it needs, and what else there is.
%install
mkdir -p %{buildroot}/usr/share/package-${number}
for file in ${files.join(" ")}; do echo text > %{buildroot}$file; done
%files
${files.join("\n")}
`;
  const path = join(folder, "package.spec");
  await writeFile(path, spec);
  const macros = ["_topdir", "_rpmdir"].flatMap((name) => ["--define", `${name} ${top}`]);
  await promisify(execFile)("rpmbuild", ["-bb", "--quiet", ...macros, "--define", "_build_name_fmt made.rpm", path]);
  const made = join(top, "made.rpm");
  const bytes = (await readFile(made)).toString("latin1");
  const record = JSON.stringify(recordOf(readRpm(made), "package"));
  return (at) => {
    const own = String(at).padStart(number.length, "0");
    const copy = Buffer.from(bytes.replaceAll(number, own), "latin1");
    return {
      file: `package-${own}-1.0.0-1.noarch.rpm`,
      bytes: copy,
      sha256: digestOf(copy),
      record: JSON.parse(record.replaceAll(number, own)) as Artifact["record"],
    };
  };
}
