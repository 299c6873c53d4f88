// The programs of the machine: where one is, and which Debian package brings it when it isn't there.

import { accessSync, constants, statSync } from "node:fs";
import { basename, delimiter, isAbsolute, join } from "node:path";

import { isSystemError, KilnError } from "../errors.ts";

/** Program → Debian package. */
const packages: Readonly<Record<string, string>> = {
  bwrap: "bubblewrap",
  "dpkg-deb": "dpkg",
  git: "git",
  gpgv: "gpgv",
  npm: "npm",
  tar: "tar",
  xz: "xz-utils",
  zstd: "zstd",
};

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
  const hint = name in packages ? `apt-get install ${packages[name]}` : `install the package that brings ${name}`;
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
