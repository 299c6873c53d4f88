// Files that were made elsewhere, named on the command line beside or instead of folders of bakes, with what is known of their origin.

import { stat } from "node:fs/promises";

import { checkName } from "../artifact/name.ts";
import type { Context } from "../context.ts";
import { isSystemError, KilnError } from "../errors.ts";
import type { Bake } from "../publish/bake-folder.ts";
import { inStep } from "../report.ts";
import type { Input } from "./command.ts";

export const importOptions = [
  { flags: "--name NAME", description: "of files: the release's name, instead of the package's" },
  { flags: "--version VERSION", description: "of files: the release's version, instead of the package's" },
  { flags: "--origin URL", description: "of files: where they were got from" },
  { flags: "--origin-note TEXT", description: "of files: what else is known of their origin" },
] as const;

export interface Given {
  /** Absolute. */
  readonly folders: readonly string[];
  readonly files: readonly string[];
}

/** Which of the paths are files; what isn't there counts as a folder of a bake. */
export async function sorted(paths: readonly string[]): Promise<Given> {
  const isFile = await Promise.all(paths.map(isFileAt));
  return { folders: paths.filter((_, at) => !isFile[at]), files: paths.filter((_, at) => isFile[at]) };
}

async function isFileAt(path: string): Promise<boolean> {
  try {
    return !(await stat(path)).isDirectory();
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR", "ENAMETOOLONG")) return /\.(?:deb|rpm|whl|tgz|tar\.gz)$/.test(path);
    throw error;
  }
}

/** What is to be published of the files; every one was read when this returns. Throws USAGE, IMPORT_REFUSED, NOT_FOUND. */
export async function openImports(files: readonly string[], input: Input, context: Context): Promise<Bake[]> {
  const { name, version, origin, originNote: note } = input.options;
  const asked = {
    paths: files,
    name: typeof name === "string" ? checkName("name", name, "--name") : undefined,
    version: typeof version === "string" ? checkName("version", version, "--version") : undefined,
    origin: typeof origin === "string" ? checkOrigin(origin) : undefined,
    note: typeof note === "string" ? checkNote(note) : undefined,
  };
  if (files.length === 0) {
    if (Object.values({ ...asked, paths: undefined }).every((value) => value === undefined)) return [];
    const options = importOptions.map(({ flags }) => flags.split(" ")[0]).join(", ");
    throw new KilnError("USAGE", `publish: got ${options} without a file that was made elsewhere`, {
      hint: "a bake has its name, version and origin from its recipe and its commit",
    });
  }
  const { importedBakes } = await import("../import/bakes.ts");
  return await inStep(context.report, `inspect ${files.length} ${files.length === 1 ? "file" : "files"}`, () =>
    importedBakes(asked, context),
  );
}

/** It is shown to people as a link. */
function checkOrigin(text: string): string {
  const url = URL.parse(text);
  const isPlain = url !== null && url.username === "" && url.password === "" && text.length <= 1000;
  if (isPlain && /^(?:https?|ftp|s3|oci|git\+https):$/.test(url.protocol)) return text;
  throw new KilnError(
    "USAGE",
    `--origin: got ${JSON.stringify(text.slice(0, 100))}, want an address without credentials`,
    {
      hint: "say in words what has no address: --origin-note",
    },
  );
}

function checkNote(text: string): string {
  if (text.trim() !== "" && text.length <= 1000 && !/[\p{Cc}]/u.test(text)) return text;
  throw new KilnError("USAGE", "--origin-note: got no text, or one with line breaks or over 1000 characters");
}
