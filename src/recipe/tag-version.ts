// A version from tags. A commit without a tag gets one that sorts after every release among its ancestors, before any that
// can follow, and after those of its own ancestors: `-0.dev.N.gHASH` behind the next patch, as Go's pseudo-versions have it.
// The number 0 sorts before all words, so a later `-alpha.1` of that version is newer, as it should be.

import { checkName, versionSchema } from "../artifact/name.ts";
import { compareVersions, parseVersion, readPython, writeVersion } from "../artifact/version.ts";
import { KilnError } from "../errors.ts";
import { countCommits, listTagsAt, listTagsUpTo, type Repository } from "../system/git.ts";
import { raised } from "./bump.ts";

export interface Tags {
  /** Full id. */
  readonly commit: string;
  /** The tag that the bake is for, a full ref name: it goes before others on the same commit. */
  readonly ref: string | undefined;
  /** Short names of the tags on the commit. */
  readonly at: () => Promise<readonly string[]>;
  /** Short names of the tags on it and its ancestors. */
  readonly upTo: () => Promise<readonly string[]>;
  /** Number of commits since a tag, or of all. */
  readonly count: (tag: string | undefined) => Promise<number>;
}

/** The tags of a real repository. */
export function tagsOf(repository: Repository, { commit, ref }: Pick<Tags, "commit" | "ref">): Tags {
  return {
    commit,
    ref,
    at: () => listTagsAt(repository, commit),
    upTo: () => listTagsUpTo(repository, commit),
    count: (tag) => countCommits(repository, { to: commit, from: tag === undefined ? undefined : `refs/tags/${tag}` }),
  };
}

export interface TagSource {
  readonly prefix: string;
  /** What a commit without a tag is on the way to raise. */
  readonly towards?: "major" | "minor" | "patch" | undefined;
  /** The last tag's version, where the commit has none; `0.0.0` where there is no tag. */
  readonly last?: boolean;
}

/** Throws NAME_INVALID for a tag that can't be a version; VERSION_UNRESOLVED when several tags are on the commit and none is the highest; HISTORY_MISSING. */
export async function tagVersion(source: TagSource, tags: Tags): Promise<string> {
  const { prefix, towards = "patch", last = false } = source;
  const versionOf = (tag: string) => {
    const version = tag.startsWith(prefix) ? tag.slice(prefix.length) : "";
    return /^[0-9]/.test(version) && versionSchema.safeParse(version).success ? version : undefined;
  };
  const asked = tags.ref?.startsWith("refs/tags/") ? tags.ref.slice("refs/tags/".length) : "";
  // Whoever tags v1.0/2 means a release: they shall hear that it can't be one, not get a development version.
  const meant = asked.startsWith(prefix) ? asked.slice(prefix.length) : "";
  if (/^[0-9]/.test(meant)) return checkName("version", meant, `version from the tag ${asked}`);

  const here = (await tags.at()).flatMap((tag) => versionOf(tag) ?? []);
  const highest = highestOf(here);
  if (highest !== undefined) return highest;
  if (here.length > 1) {
    throw new KilnError("VERSION_UNRESOLVED", `version from tag: got ${here.join(", ")} on ${tags.commit}, want one`, {
      hint: `say which: --ref refs/tags/${prefix}${here[0]}`,
    });
  }
  if (here[0] !== undefined) return here[0];

  const before = highestOf((await tags.upTo()).flatMap((tag) => versionOf(tag) ?? []));
  if (last) return before ?? "0.0.0";
  const count = await tags.count(before === undefined ? undefined : `${prefix}${before}`);
  return developmentVersion(before, { count, commit: tags.commit, towards });
}

const nothing = {
  epoch: 0,
  numbers: [0, 0, 0],
  pre: [],
  dev: undefined,
  post: undefined,
  revision: undefined,
  build: [],
};

/** The version of a commit that lies `count` commits after the release `before`, or after nothing. */
function developmentVersion(
  before: string | undefined,
  found: { readonly count: number; readonly commit: string; readonly towards: "major" | "minor" | "patch" },
): string {
  const { count, commit, towards } = found;
  const dev = { number: count, marks: [`g${commit.slice(0, 12)}`] };
  const last = before === undefined ? undefined : readable(before);
  if (last === undefined) return writeVersion({ ...nothing, dev });
  const bare = { ...last, post: undefined, revision: undefined, build: [] };
  // A development release of a development release: only its number goes on.
  if (last.dev !== undefined) return writeVersion({ ...bare, dev: { ...dev, number: last.dev.number + count } });
  const next = raised(bare, towards);
  const isOnTheWay = last.pre.length > 0 && next.numbers.join(".") === last.numbers.join(".");
  return writeVersion({ ...(isOnTheWay ? bare : next), dev });
}

/** The highest of those that have an order. Of two that only differ in metadata, always the same one. */
function highestOf(versions: readonly string[]): string | undefined {
  const parsed = versions.flatMap((text) => {
    const version = readable(text);
    return version === undefined ? [] : [{ text, version }];
  });
  return parsed
    .toSorted((one, other) => compareVersions(one.version, other.version) || (one.text < other.text ? -1 : 1))
    .at(-1)?.text;
}

/** One that has an order; Python writes some otherwise. A single number is a tag that moves: v2 on whatever 2.x is newest. */
function readable(text: string): ReturnType<typeof parseVersion> {
  const version = parseVersion(text) ?? parseVersion(readPython(text) ?? "");
  return version === undefined || version.numbers.length < 2 ? undefined : version;
}
