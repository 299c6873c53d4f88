// Where a recipe's version comes from. All places but `next` are functions of the commit and its tags, so every machine finds
// the same; `next` asks the store, through the caller. A dirty tree's version says so, and never outranks a real release.

import { z } from "zod";

import { checkName, versionSchema } from "../artifact/name.ts";
import { parseVersion, pythonVersion, readPython, writeVersion } from "../artifact/version.ts";
import { KilnError } from "../errors.ts";
import { bumpShape, isBump, lineAfter } from "./bump.ts";
import { manifestFiles, manifestVersion } from "./manifest-version.ts";
import { relativePathSchema } from "./path.ts";
import { patternSchema, versionByPattern } from "./pattern-version.ts";
import { refPattern, type RefRule, ruleFor } from "./ref-rule.ts";
import { type Tags, tagVersion } from "./tag-version.ts";
import { lineSchema, nextVersion } from "./version-line.ts";

const common = {
  branch: refPattern("branches").optional(),
  tag: refPattern("tags").optional(),
  lossy: z
    .array(z.string())
    .optional()
    .describe(
      "Kinds of artifact whose format may lose something of the version: two versions may become one there, or sort otherwise. What isn't legal stays refused.",
    ),
} as const;

const source = z
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
        towards: z
          .enum(["major", "minor", "patch"])
          .default("patch")
          .describe("Which number of the last tag a commit without a tag of its own is on the way to raise."),
        ...bumpShape,
        ...common,
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
          .describe("Its path; needed where the repository's top has more than one of them."),
        ...bumpShape,
        ...common,
      })
      .describe(`The version in ${manifestFiles.slice(0, -1).join(", ")} or ${manifestFiles.at(-1)}.`),
    z
      .strictObject({
        from: z.literal("file"),
        path: relativePathSchema.describe("A text file in the repository."),
        regex: patternSchema.describe(
          "A JavaScript regular expression with one group, which is the version; `^` and `$` match at lines.",
        ),
        ...bumpShape,
        ...common,
      })
      .describe("A place in any text file."),
    z
      .strictObject({
        from: z.literal("static"),
        value: versionSchema.describe("The version itself, in quotes."),
        ...bumpShape,
        ...common,
      })
      .describe("The version that stands here."),
    z
      .strictObject({
        from: z.literal("next"),
        line: lineSchema.describe(
          "`1.4.*`: 1.4.0 first, then 1.4.1 and so on. The `*` may also be the number of a pre-release (`1.4.0-rc.*`), of a development release (`1.4.0-0.dev.*`), of a post release (`1.4.0+post.*`) or a revision (`1.4.0+rev.*`).",
        ),
        ...common,
      })
      .describe("The next free version in the store, reserved before the bake: each commit of a line gets its own."),
  ])
  .superRefine((it, context) => {
    if (it.branch !== undefined && it.tag !== undefined) {
      context.addIssue({ code: "custom", path: ["tag"], message: "either branch or tag" });
    }
    if (it.from !== "next" && !isBump(it)) {
      context.addIssue({
        code: "custom",
        path: ["pre"],
        message: "`pre` only beside bump: major, minor, patch or epoch",
      });
    }
  });

export const versionSourceSchema = z
  .union([source, z.array(source).min(1)])
  .describe("Where the version comes from; a list of such maps where that depends on the branch or the tag.");

export type VersionSource = z.output<typeof source>;

export type VersionRules = z.output<typeof versionSourceSchema>;

/**
 * What counts for a full ref name, or for none: the first that is for it, or for all. Throws VERSION_UNRESOLVED.
 */
export function versionSourceFor(rules: VersionRules, ref: string | undefined): VersionSource {
  const list: readonly (VersionSource & RefRule)[] = Array.isArray(rules) ? rules : [rules];
  const found = ruleFor(list, ref);
  if (found !== undefined) return found;
  const got = ref ?? "a commit that is on no branch and has no tag";
  throw new KilnError("VERSION_UNRESOLVED", `version: got ${got}, want a ref that one of the recipe's rules is for`, {
    hint: "name the ref with --ref, or add a rule without `branch` and `tag` at the end of `version`",
  });
}

/** The kinds whose format may lose something of a version, by any of the rules. */
export function lossyKinds(rules: VersionRules): string[] {
  return [...new Set([rules].flat().flatMap(({ lossy = [] }) => lossy))];
}

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

async function versionFrom(source: VersionSource, places: VersionPlaces): Promise<string> {
  if (source.from === "next") return await nextFree(source, places);
  const found = await written(source, places);
  // `1.2.0rc1` in a file or a tag is Python's writing of 1.2.0-rc.1.
  const python = parseVersion(found) === undefined ? readPython(found) : undefined;
  const version = python !== undefined && pythonVersion(python, { lossy: true }) === found ? python : found;
  if (source.bump === undefined && source.pre === undefined) return version;
  return await nextFree(lineAfter(checkName("version", version, `version from ${source.from}`), source), places);
}

async function written(
  source: Exclude<VersionSource, { readonly from: "next" }>,
  { read, tags }: VersionPlaces,
): Promise<string> {
  switch (source.from) {
    case "static":
      return source.value;
    case "tag":
      return await tagVersion({ ...source, last: source.bump !== undefined || source.pre !== undefined }, tags);
    case "manifest":
      return await manifestVersion(source.file, read);
    case "file":
      return await versionByPattern(source, read);
  }
}

async function nextFree(
  { line, least }: { readonly line: string; readonly least?: number },
  { reserve }: VersionPlaces,
): Promise<string> {
  if (reserve !== undefined) return await reserve((taken) => nextVersion(line, taken, least));
  throw new KilnError("VERSION_UNRESOLVED", `version ${line}: got no store to ask for the next, want one`, {
    hint: "name the store with --store or KILN_STORE",
  });
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
