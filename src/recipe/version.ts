// Where a recipe's version comes from. All places but `next` are functions of the commit and its tags, so every machine finds
// the same; `next` asks the store, through the caller. A dirty tree's version says so, and never outranks a real release.

import { z } from "zod";

import { checkName, versionSchema } from "../artifact/name.ts";
import { parseVersion, writeVersion } from "../artifact/version.ts";
import { KilnError } from "../errors.ts";
import { manifestFiles, manifestVersion } from "./manifest-version.ts";
import { lineSchema, nextVersion } from "./next-version.ts";
import { relativePathSchema } from "./path.ts";
import { patternSchema, versionByPattern } from "./pattern-version.ts";
import { type Tags, tagVersion } from "./tag-version.ts";

export const versionSourceSchema = z
  .discriminatedUnion("from", [
    z
      .strictObject({
        from: z.literal("tag"),
        prefix: z
          .string()
          .max(100)
          .regex(/^[^\p{Cc} ~^:?*[\\]*$/u, "text that a tag's name can start with")
          .default("v")
          .describe("What stands before the version in the tag's name; tags without it don't count."),
      })
      .describe(
        "The tag on the commit. A commit without one gets a version between its last tag and the next: five commits after v1.2.3 it is 1.2.4-0.dev.5.g0123456789ab.",
      ),
    z
      .strictObject({
        from: z.literal("manifest"),
        file: relativePathSchema
          .refine(
            (path) => manifestFiles.some((name) => `/${path}`.endsWith(`/${name}`)),
            `a path to ${manifestFiles.join(", ")}`,
          )
          .optional()
          .describe("Its path; needed where the repository's top has more than one of the three."),
      })
      .describe("The version in package.json, pyproject.toml or Cargo.toml."),
    z
      .strictObject({
        from: z.literal("file"),
        path: relativePathSchema.describe("A text file in the repository."),
        regex: patternSchema.describe(
          "A JavaScript regular expression with one group, which is the version; `^` and `$` match at lines.",
        ),
      })
      .describe("A place in any text file."),
    z
      .strictObject({ from: z.literal("static"), value: versionSchema.describe("The version itself, in quotes.") })
      .describe("The version that stands here."),
    z
      .strictObject({
        from: z.literal("next"),
        line: lineSchema.describe("`1.4.*`: 1.4.0 first, then 1.4.1 and so on."),
      })
      .describe("The next free version in the store, reserved before the bake: each commit of a line gets its own."),
  ])
  .describe("Where the version comes from.");

export type VersionSource = z.output<typeof versionSourceSchema>;

/**
 * Reserves the version that `next` picks, given those that are taken (published, aliases and reserved ones), for the name,
 * commit and recipe that the caller bakes; the same again if these have one already.
 */
export type ReserveVersion = (next: (taken: readonly string[]) => string) => Promise<string>;

export interface VersionPlaces {
  /** The bytes of a file of what is baked, or undefined. */
  readonly read: (path: string) => Promise<Uint8Array | undefined>;
  readonly tags: Tags;
  /** Undefined when there is no store to ask. */
  readonly reserve: ReserveVersion | undefined;
  /** The id of the tree that is baked, if it isn't a commit's. */
  readonly dirtyTree: string | undefined;
}

/** The version to bake. Throws VERSION_UNRESOLVED, NAME_INVALID, HISTORY_MISSING, and what `reserve` throws. */
export async function resolveVersion(source: VersionSource, places: VersionPlaces): Promise<string> {
  const version = checkName("version", await versionFrom(source, places), `version from ${source.from}`);
  return places.dirtyTree === undefined ? version : checkName("version", dirtyVersion(version, places.dirtyTree));
}

async function versionFrom(source: VersionSource, { read, tags, reserve }: VersionPlaces): Promise<string> {
  switch (source.from) {
    case "static":
      return source.value;
    case "tag":
      return await tagVersion(source, tags);
    case "manifest":
      return await manifestVersion(source.file, read);
    case "file":
      return await versionByPattern(source, read);
    case "next":
      if (reserve !== undefined) return await reserve((taken) => nextVersion(source.line, taken));
      throw new KilnError("VERSION_UNRESOLVED", `version ${source.line}: got no store to ask for the next, want one`, {
        hint: "name the store with --store or KILN_STORE",
      });
  }
}

/**
 * A dirty tree is a development release, 0, of its version: `1.2.3` with changes is `1.2.3-0.dev.0.dirty.g01234567`, below 1.2.3
 * in every format; `1.3.0-rc.1` with changes comes right after 1.3.0-rc.1. Different changes are different versions.
 */
export function dirtyVersion(version: string, tree: string): string {
  const marks = ["dirty", `g${tree.slice(0, 8)}`];
  const parsed = parseVersion(version);
  if (parsed === undefined) return `${version}+${marks.join(".")}`;
  const dev = { number: parsed.dev?.number ?? 0, marks: [...(parsed.dev?.marks ?? []), ...marks] };
  // What follows the `+` isn't needed to tell it from others, and few formats could write both.
  return writeVersion({ ...parsed, dev, post: undefined, revision: undefined, build: [] });
}
