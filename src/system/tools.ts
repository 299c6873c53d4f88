// The programs of the machine: where one is, and which Debian package brings it when it isn't there.

import { accessSync, constants, statSync } from "node:fs";
import { basename, delimiter, isAbsolute, join } from "node:path";

import { isSystemError, KilnError } from "../errors.ts";
import { usualPackageOf } from "./usual-programs.ts";

/** Where a machine's own programs are, whatever its user's PATH is. */
export const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What Kiln itself runs: program → Debian package. */
const packages: Readonly<Record<string, string>> = {
  bwrap: "bubblewrap",
  "dpkg-deb": "dpkg",
  "dpkg-shlibdeps": "dpkg-dev",
  git: "git",
  gpgv: "gpgv",
  mmdebstrap: "mmdebstrap",
  npm: "npm",
  pip3: "python3-pip",
  python3: "python3",
  rpmbuild: "rpm",
  skopeo: "skopeo",
  tar: "tar",
  umoci: "umoci",
  xz: "xz-utils",
  zstd: "zstd",
};

/** The Debian package that brings `program`, if it is a usual one. */
export function packageOf(program: string): string | undefined {
  return Object.hasOwn(packages, program) ? packages[program] : usualPackageOf(program);
}

/** Absolute path of `program` in the folders of `path` (a PATH), or undefined. */
export function findProgram(program: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter(isAbsolute)
    .map((folder) => join(folder, program))
    .find(isProgram);
}

/** The error for a program that isn't there; its hint names the Debian package. */
export function toolMissing(program: string, cause?: unknown): KilnError {
  const name = basename(program);
  const brings = packageOf(name);
  const hint = brings === undefined ? `install the package that brings ${name}` : `apt-get install ${brings}`;
  return new KilnError("TOOL_MISSING", `${name}: got no such program, want it in PATH`, { hint, cause });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR", "EACCES", "ELOOP")) return false;
    throw error;
  }
}
