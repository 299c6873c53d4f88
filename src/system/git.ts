// What Kiln asks a git repository. Nothing here writes to it. Revisions and paths come from users and from other people's
// commits: none of them can become an option, a pattern or a path outside.

import { realpathSync } from "node:fs";
import { posix, relative, resolve } from "node:path";

import type { Context } from "../context.ts";
import { KilnError } from "../errors.ts";
import { type Git, runGit, textOf, userSettings } from "./git-run.ts";

export interface Repository extends Git {
  /** Where the folder that was opened lies in the repository: "" at the top, else `sub/folder/`. */
  readonly prefix: string;
  /** False for a bare repository. */
  readonly hasWorkTree: boolean;
  readonly isShallow: boolean;
  readonly objectFormat: "sha1" | "sha256";
  /** Absolute paths. */
  readonly objects: string;
  readonly index: string;
}

export interface Commit {
  /** 40 or 64 hex digits. */
  readonly id: string;
  readonly tree: string;
  /** The committer's, in seconds since 1970. */
  readonly time: number;
}

/**
 * The repository that `folder` (absolute) lies in.
 * Throws NOT_A_REPOSITORY, REPOSITORY_UNTRUSTED, TOOL_MISSING.
 */
export async function openRepository(folder: string, context: Pick<Context, "env" | "signal">): Promise<Repository> {
  const { env, signal } = context;
  const here: Git = { folder, env, signal, settings: await userSettings({ folder, env, signal }) };
  // The way up to the top is dots and slashes: unlike the top's own path it can't hold a line feed.
  const facts = ["--is-shallow-repository", "--show-object-format", "--is-inside-work-tree"];
  const paths = ["--git-path", "objects", "--git-path", "index", "--show-cdup"];
  const answer = textOf(await runGit(here, ["rev-parse", ...facts, ...paths])).split("\n");
  const [shallow, format, inside, objects = "", index = "", up = ""] = answer;
  if (format !== "sha1" && format !== "sha256") {
    throw new KilnError("SOURCE_UNSUPPORTED", `${folder}: got object format ${format}, want sha1 or sha256`);
  }
  const hasWorkTree = inside === "true";
  const real = hasWorkTree ? realpathSync(folder) : folder;
  const top = hasWorkTree ? resolve(real, up) : folder;
  return {
    ...here,
    folder: top,
    prefix: real === top ? "" : `${relative(top, real)}/`,
    hasWorkTree,
    isShallow: shallow === "true",
    objectFormat: format,
    objects: resolve(folder, objects),
    index: resolve(folder, index),
  };
}

/** The commit that `revision` names (HEAD, a branch, a tag, an id). Throws COMMIT_NOT_FOUND, SOURCE_UNSUPPORTED. */
export async function findCommit(repository: Repository, revision: string): Promise<Commit> {
  const format = ["--no-show-signature", "--format=%H%n%T%n%ct"];
  const args = ["log", "-1", ...format, "--end-of-options", `${revision}^{commit}`, "--"];
  const found = await runGit(repository, args, { answers: [0, 128] });
  const [id = "", tree = "", time = ""] = textOf(found).split("\n");
  if (found.status !== 0 || !isObjectId(id)) throw noCommit(repository, revision);
  // A commit can claim any time; artifacts can't hold all of them.
  if (!/^\d{1,11}$/.test(time)) {
    throw new KilnError("SOURCE_UNSUPPORTED", `commit ${id}: got the time ${time}, want seconds from 1970 on`);
  }
  return { id, tree, time: Number(time) };
}

/** Paths that differ from the commit at HEAD, untracked ones too, ignored ones not. Empty: the work tree is clean. */
export async function listChanges(repository: Repository): Promise<string[]> {
  if (!repository.hasWorkTree) return [];
  const args = [
    "status",
    "--porcelain=v1",
    "-z",
    "--untracked-files=normal",
    "--ignore-submodules=none",
    "--no-renames",
  ];
  const entries = (await runGit(repository, args)).stdout.toString("utf8").split("\0");
  // Another bake may be making Kiln's own folder this moment, before git is told to ignore it.
  const changed = entries.filter((entry) => entry !== "" && !entry.startsWith("?? .kiln/"));
  // Two letters of state, a space, the path.
  return changed.map((entry) => entry.slice(3));
}

/** Where the commit can be cloned from, without credentials: `origin`, or the only remote. Undefined for a local path. */
export async function remoteUrl(repository: Repository): Promise<string | undefined> {
  const args = ["config", "--null", "--get-regexp", String.raw`^remote\..*\.url$`];
  const answer = await runGit(repository, args, { answers: [0, 1] });
  const remotes = answer.stdout
    .toString("utf8")
    .split("\0")
    .filter((entry) => entry !== "");
  const pairs = remotes.map((entry) => entry.split("\n", 2) as [string, string | undefined]);
  const origin = pairs.find(([key]) => key === "remote.origin.url") ?? (pairs.length === 1 ? pairs[0] : undefined);
  return origin?.[1] === undefined ? undefined : withoutCredentials(origin[1]);
}

/** The URL as anybody may see it, or undefined when it says nothing to others: a path, a helper's own form. */
export function withoutCredentials(remote: string): string | undefined {
  const scp = /^(?:([^@/:\s]+)@)?([^@/:\s]+):(?![:/])([^@\s]+)$/.exec(remote);
  if (scp) return scp[1] === undefined ? `${scp[2]}:${scp[3]}` : `${scp[1]}@${scp[2]}:${scp[3]}`;
  const url = URL.parse(remote);
  if (url === null || !["http:", "https:", "ssh:", "git:"].includes(url.protocol)) return undefined;
  url.password = "";
  // A token may stand where the user does; for ssh it is only the account.
  if (url.protocol !== "ssh:") url.username = "";
  url.search = "";
  url.hash = "";
  return url.href;
}

/** The full name of the branch that is checked out, `refs/heads/…`; undefined when HEAD is detached. */
export async function currentBranch(repository: Repository): Promise<string | undefined> {
  const answer = await runGit(repository, ["symbolic-ref", "--quiet", "HEAD"], { answers: [0, 1] });
  return answer.status === 0 ? textOf(answer) : undefined;
}

/** The commit that a full ref name points to, or undefined if there is no such ref. */
export async function commitOfRef(repository: Repository, ref: string): Promise<string | undefined> {
  const args = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`];
  const answer = await runGit(repository, args, { answers: [0, 1, 128] });
  return answer.status === 0 ? textOf(answer) : undefined;
}

/** Short names of all local branches, and of those of remotes that were fetched, without the remote's name. */
export async function listBranches(repository: Repository): Promise<string[]> {
  const local = ["for-each-ref", "--format=%(refname:strip=2)", "refs/heads"];
  const remote = ["for-each-ref", "--format=%(refname:strip=3)", "refs/remotes"];
  const [here, there] = await Promise.all([runGit(repository, local), runGit(repository, remote)]);
  const names = `${textOf(here)}\n${textOf(there)}`.split("\n");
  return [...new Set(names)].filter((name) => name !== "" && name !== "HEAD");
}

/** Short names of all tags. */
export async function listTags(repository: Repository): Promise<string[]> {
  return await tagsBy(repository);
}

/** Paths, from the top of the repository, of all files that are tracked or could be: those that are ignored aside. */
export async function listFiles(repository: Repository): Promise<string[]> {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--full-name"];
  const entries = (await runGit(repository, args)).stdout.toString("utf8").split("\0");
  return [...new Set(entries)].filter((path) => path !== "");
}

/** Short names of the tags on this very commit, annotated or not. */
export function listTagsAt(repository: Repository, commit: string): Promise<string[]> {
  return tagsBy(repository, `--points-at=${commit}`);
}

/** Short names of the tags on this commit and its ancestors. Throws HISTORY_MISSING in a shallow clone. */
export async function listTagsUpTo(repository: Repository, commit: string): Promise<string[]> {
  requireHistory(repository, "the last tag before this commit");
  return await tagsBy(repository, `--merged=${commit}`);
}

/** How many commits `to` has that `from` hasn't; without `from`, how many it has. Throws HISTORY_MISSING. */
export async function countCommits(
  repository: Repository,
  { from, to }: { readonly from?: string | undefined; readonly to: string },
): Promise<number> {
  requireHistory(repository, "the number of commits");
  const args = ["rev-list", "--count", "--end-of-options", to, ...(from === undefined ? [] : [`^${from}`])];
  return Number(textOf(await runGit(repository, args)));
}

/**
 * Whether `ancestor` is `descendant` or lies in its history. Throws COMMIT_NOT_FOUND when the repository lacks one of them,
 * HISTORY_MISSING when a shallow clone can't tell.
 */
export async function isAncestor(
  repository: Repository,
  { ancestor, descendant }: { readonly ancestor: string; readonly descendant: string },
): Promise<boolean> {
  const older = await findCommit(repository, ancestor);
  const newer = await findCommit(repository, descendant);
  const answer = await runGit(repository, ["merge-base", "--is-ancestor", older.id, newer.id], { answers: [0, 1] });
  if (answer.status === 0) return true;
  requireHistory(repository, `whether ${newer.id} descends from ${older.id}`);
  return false;
}

/** Files of a work tree as a git tree that lies outside the repository. */
export interface Snapshot {
  /** Id of the tree: the same for the same files and modes. */
  readonly tree: string;
  /** Absolute path. */
  readonly objects: string;
}

export interface FileAt {
  /** Id of a commit or a tree. */
  readonly tree: string;
  /** Where the tree lies, if it isn't in the repository. */
  readonly snapshot?: Snapshot | undefined;
  /** Within the repository, `/` between segments. */
  readonly path: string;
  /** Largest size, bytes. */
  readonly limit: number;
}

/** The bytes of a regular file of a tree; undefined if there is nothing. Throws SOURCE_UNSUPPORTED for anything else. */
export async function readFileAt(repository: Repository, file: FileAt): Promise<Uint8Array | undefined> {
  const { tree, snapshot, path, limit } = file;
  const options = snapshot === undefined ? {} : { env: { GIT_OBJECT_DIRECTORY: snapshot.objects } };
  if (!isInside(path)) {
    throw new KilnError("SOURCE_UNSUPPORTED", `${path}: got a path that leaves the repository, want one inside`);
  }
  const listing = await runGit(repository, ["ls-tree", "-z", "-l", "--full-tree", tree, "--", path], options);
  const entry = /^(\d+) (\w+) ([0-9a-f]+) +(\d+|-)\t/.exec(listing.stdout.toString("utf8"));
  if (entry === null) return undefined;
  const [, mode = "", type, id = "", size] = entry;
  if (type !== "blob" || !mode.startsWith("100")) {
    const got = mode === "120000" ? "a symbolic link" : type === "tree" ? "a folder" : `a ${type}`;
    throw new KilnError("SOURCE_UNSUPPORTED", `${path} at ${tree}: got ${got}, want a regular file`);
  }
  if (Number(size) > limit) {
    throw new KilnError("SOURCE_UNSUPPORTED", `${path} at ${tree}: got ${size} bytes, want at most ${limit}`);
  }
  return (await runGit(repository, ["cat-file", "blob", id], options)).stdout;
}

/** The paths of all files of a tree, links and submodules too. */
export async function listFilesAt(
  repository: Repository,
  { tree, snapshot }: Pick<FileAt, "tree" | "snapshot">,
): Promise<string[]> {
  const options = snapshot === undefined ? {} : { env: { GIT_OBJECT_DIRECTORY: snapshot.objects } };
  const listing = await runGit(repository, ["ls-tree", "-r", "-z", "--name-only", "--full-tree", tree], options);
  return listing.stdout
    .toString("utf8")
    .split("\0")
    .filter((path) => path !== "");
}

/** Path → id of its content, of the plain files of a tree. */
export async function blobsAt(
  repository: Repository,
  { tree, snapshot }: Pick<FileAt, "tree" | "snapshot">,
): Promise<Map<string, string>> {
  const options = snapshot === undefined ? {} : { env: { GIT_OBJECT_DIRECTORY: snapshot.objects } };
  const listing = await runGit(repository, ["ls-tree", "-r", "-z", "--full-tree", tree], options);
  const entries = listing.stdout.toString("utf8").split("\0");
  return new Map(
    entries.flatMap((entry) => {
      const [, id, path] = /^100\d{3} blob ([0-9a-f]+)\t(.+)$/s.exec(entry) ?? [];
      return id === undefined || path === undefined ? [] : [[path, id] as const];
    }),
  );
}

/** Whether a path with `/` between segments stays inside the folder that it is relative to. */
export function isInside(path: string): boolean {
  const normal = posix.normalize(path);
  return (
    path !== "" && !path.includes("\0") && !posix.isAbsolute(normal) && normal !== ".." && !normal.startsWith("../")
  );
}

async function tagsBy(repository: Repository, ...which: string[]): Promise<string[]> {
  const args = ["for-each-ref", ...which, "--format=%(refname:strip=2)", "refs/tags"];
  return textOf(await runGit(repository, args))
    .split("\n")
    .filter((tag) => tag !== "");
}

function isObjectId(text: string): boolean {
  return /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(text);
}

function noCommit(repository: Repository, revision: string): KilnError {
  if (repository.isShallow) return historyMissing(repository, `the commit ${revision}`);
  return new KilnError("COMMIT_NOT_FOUND", `${repository.folder}: got no commit ${revision}, want one`, {
    hint: revision === "HEAD" ? "commit something first" : "fetch it, or check the spelling",
  });
}

function requireHistory(repository: Repository, what: string): void {
  if (repository.isShallow) throw historyMissing(repository, what);
}

function historyMissing(repository: Repository, what: string): KilnError {
  return new KilnError("HISTORY_MISSING", `${repository.folder}: got a shallow clone, want the history for ${what}`, {
    hint: "git fetch --unshallow --tags; in CI, check out with full depth",
  });
}
