// What a lock file says, whatever its format: every package once, which packages it uses, whether it is there at run time,
// and the digests of the files that an installer may take. One reader per format, in a file of its own.

import { z } from "zod";

import { KilnError } from "../../errors.ts";

export interface LockedPackage {
  readonly purl: string;
  readonly name: string;
  readonly version: string;
  /** `excluded`: for development alone. */
  readonly scope: "required" | "optional" | "excluded";
  /** An SPDX expression, if all is well. */
  readonly license?: string | undefined;
  /** Any of these is the package: a wheel for one machine, a wheel for another, the source. */
  readonly files: readonly LockedFile[];
  /** Package URLs, sorted. */
  readonly uses: readonly string[];
}

export interface LockedFile {
  /** File name, where the lock file has it. */
  readonly name?: string | undefined;
  /** Algorithm (`sha512`, or `dirHash` for a Go module) → hex. */
  readonly hashes: Readonly<Record<string, string>>;
}

export interface Lock {
  /** What the project itself uses: package URLs, sorted. */
  readonly uses: readonly string[];
  readonly packages: readonly LockedPackage[];
  /** False when the file leaves open what is installed: an entry without a version, another file that it refers to. */
  readonly complete?: boolean;
}

export interface LockReader {
  /** Names of its files; where one folder has several, the first counts. */
  readonly names: readonly string[];
  /** Of several lock files of one ecosystem in a folder, the first reader's counts. */
  readonly ecosystem: "npm" | "pypi" | "cargo" | "golang";
  /** Throws ARTIFACT_INVALID. */
  read(text: string, place: LockPlace): Lock;
}

export interface LockPlace {
  /** The file's path, for errors. */
  readonly where: string;
  /** The text of another file in its folder, if it is there. */
  readonly beside: (name: string) => string | undefined;
}

export interface LockSyntax<Schema extends z.ZodType> {
  readonly where: string;
  readonly parse: (text: string) => unknown;
  readonly schema: Schema;
  readonly hint: string;
}

/** Throws ARTIFACT_INVALID: text that `parse` throws at, or that isn't what `schema` says. */
export function parseLock<Schema extends z.ZodType>(text: string, syntax: LockSyntax<Schema>): z.output<Schema> {
  const { where, parse, schema, hint } = syntax;
  let content: unknown;
  try {
    content = parse(text);
  } catch (cause) {
    // Parsers of JSON and TOML throw nothing but what they say about the text.
    const [said = ""] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
    throw new KilnError("ARTIFACT_INVALID", `${where}: got text that can't be parsed (${said})`, { hint, cause });
  }
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  throw new KilnError("ARTIFACT_INVALID", `${where}: ${z.prettifyError(result.error)}`, { hint });
}

/** The stronger scope of two counts. */
export const strength = { required: 2, optional: 1, excluded: 0 };

export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What can be reached from `starts`, themselves included. */
export function reach(starts: readonly string[], uses: (purl: string) => readonly string[]): Set<string> {
  const found = new Set(starts);
  for (const purl of found) for (const used of uses(purl)) found.add(used);
  return found;
}
