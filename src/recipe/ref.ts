// Which ref a bake is for, as a full name: it decides the channel. In this order: the one that was asked for; the branch that
// is checked out; on a detached head, the tag on the commit if there is just one. CI systems check out a detached head, so
// they say it: no variable of theirs is read. A commit that happens to have a tag is still its branch's commit, so that a
// publish from a work tree on a branch never moves the channel that tags move.

import { KilnError } from "../errors.ts";
import { type Commit, commitOfRef, currentBranch, listTagsAt, type Repository } from "../system/git.ts";

export interface RefQuestion {
  /** The commit that is baked. */
  readonly commit: Pick<Commit, "id">;
  /** What the user asked for: a full ref name, or a short one that is either a branch or a tag here. */
  readonly asked?: string | undefined;
}

/**
 * The full name, `refs/heads/…` or `refs/tags/…`; undefined when the commit is on none.
 * Throws USAGE (no such ref, or two), COMMIT_NOT_FOUND (a tag that isn't there, or is on another commit).
 */
export async function findRef(repository: Repository, question: RefQuestion): Promise<string | undefined> {
  const { commit, asked } = question;
  if (asked !== undefined) return await checkAsked(repository, await fullName(repository, asked), commit);
  const branch = await currentBranch(repository);
  if (branch !== undefined) return (await holds(repository, branch, commit)) ? branch : undefined;
  const tags = await listTagsAt(repository, commit.id);
  return tags.length === 1 ? `refs/tags/${tags[0]}` : undefined;
}

async function fullName(repository: Repository, asked: string): Promise<string> {
  if (/^refs\/(?:heads|tags)\/./.test(asked)) return asked;
  const names = [`refs/heads/${asked}`, `refs/tags/${asked}`];
  const found: string[] = [];
  for (const name of names) if ((await commitOfRef(repository, name)) !== undefined) found.push(name);
  if (found.length === 1 && found[0] !== undefined) return found[0];
  const got = found.length === 0 ? "no branch or tag of this name here" : "a branch and a tag of this name";
  throw new KilnError("USAGE", `--ref ${asked}: got ${got}, want one`, {
    hint: `say which: --ref ${names.join(" or --ref ")}`,
  });
}

/** CI may know a branch that the clone doesn't have; a tag counts only where it is, on this very commit. */
async function checkAsked(repository: Repository, ref: string, commit: Pick<Commit, "id">): Promise<string> {
  if (ref.startsWith("refs/heads/")) return ref;
  const tagged = await commitOfRef(repository, ref);
  if (tagged === commit.id) return ref;
  const got = tagged === undefined ? "no such tag here" : `a tag on ${tagged}`;
  throw new KilnError("COMMIT_NOT_FOUND", `--ref ${ref}: got ${got}, want one on ${commit.id}`, {
    hint: tagged === undefined ? "git fetch --tags" : "check out the tag, or name the ref that is checked out",
  });
}

/** Whether the branch points to the commit: another commit that is baked by name isn't the branch's. */
async function holds(repository: Repository, branch: string, commit: Pick<Commit, "id">): Promise<boolean> {
  return (await commitOfRef(repository, branch)) === commit.id;
}
