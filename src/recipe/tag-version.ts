// A version from tags. A commit without a tag gets one that sorts after every release among its ancestors, before any that
// can follow, and after those of its own ancestors: `-0.dev.N.gHASH` behind the next patch, as Go's pseudo-versions have it.
// The number 0 sorts before all words, so a later `-alpha.1` of that version is newer, as it should be.

import semver from "semver";

import { checkName, versionSchema } from "../artifact/name.ts";
import { isSemantic } from "../artifact/version.ts";
import { KilnError } from "../errors.ts";
import { countCommits, listTagsAt, listTagsUpTo, type Repository } from "../system/git.ts";

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

/** Throws NAME_INVALID for a tag that can't be a version; VERSION_UNRESOLVED when several tags are on the commit and none is the highest; HISTORY_MISSING. */
export async function tagVersion({ prefix }: { readonly prefix: string }, tags: Tags): Promise<string> {
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
  const count = await tags.count(before === undefined ? undefined : `${prefix}${before}`);
  return developmentVersion(before, { count, commit: tags.commit });
}

/** The version of a commit that lies `count` commits after the release `before`, or after nothing. */
export function developmentVersion(
  before: string | undefined,
  { count, commit }: { readonly count: number; readonly commit: string },
): string {
  const mark = `0.dev.${count}.g${commit.slice(0, 12)}`;
  const last = semver.parse(before);
  if (last === null) return `0.0.0-${mark}`;
  if (last.prerelease.length > 0) return `${last.version}.${mark}`;
  return `${last.major}.${last.minor}.${last.patch + 1}-${mark}`;
}

/** The highest semantic version. Of two that only differ in build metadata, always the same one. */
function highestOf(versions: readonly string[]): string | undefined {
  return versions.filter(isSemantic).toSorted(semver.compareBuild).at(-1);
}
