// The project that `kiln init` looks at: a folder of the work tree, by the files that git has or would take. Nothing in it is
// run, and what can't be read as what its name says counts as not there: init only ever proposes.

import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { parse as parseToml, TomlError } from "smol-toml";

import { findProgram, systemPath } from "../system/tools.ts";

export interface Folder {
  /** The last part of its path. */
  readonly name: string;
  /** Where it lies in the repository: "" at the top, else `sub/folder/`. */
  readonly prefix: string;
  /** Paths relative to the folder, sorted. */
  readonly files: readonly string[];
  has(path: string): boolean;
  /** The text of a file of at most 4 MiB; undefined where there is none. `../` leads to folders above, inside the repository. */
  text(path: string): string | undefined;
  /** What a JSON or TOML file holds; undefined where there is none that parses. */
  data(path: string): unknown;
  /** Whether steps of a bake on this machine would find the program. */
  hasProgram(program: string): boolean;
}

export interface FolderPlace {
  /** Absolute path of the top of the repository. */
  readonly top: string;
  readonly prefix: string;
  /** All files of the repository, relative to its top. */
  readonly files: readonly string[];
}

const largest = 4 * 1024 * 1024;

export function openFolder({ top, prefix, files }: FolderPlace): Folder {
  const own = files.flatMap((file) => (file.startsWith(prefix) ? [file.slice(prefix.length)] : [])).toSorted();
  const known = new Set(files);
  const text = (path: string): string | undefined => {
    const whole = join(prefix, path);
    // A link may lead anywhere.
    const stats = known.has(whole) ? lstatSync(join(top, whole), { throwIfNoEntry: false }) : undefined;
    if (stats === undefined || !stats.isFile() || stats.size > largest) return undefined;
    return readFileSync(join(top, whole), "utf8").replace(/^\uFEFF/, "");
  };
  return {
    name: join(top, prefix).replace(/\/$/, "").split("/").at(-1) ?? "",
    prefix,
    files: own,
    has: (path) => known.has(join(prefix, path)),
    text,
    data: (path) => parse(path, text(path)),
    hasProgram: (program) => findProgram(program, systemPath) !== undefined,
  };
}

function parse(path: string, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return path.endsWith(".json") ? JSON.parse(text) : parseToml(text);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TomlError) return undefined;
    throw error;
  }
}
