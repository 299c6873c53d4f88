// A checkout that depends on nothing but the tree: no hooks, no filters, no line-end settings, no .git folder, modes 0644 and
// 0755 whatever the umask, every time the same. It goes through a repository of its own that borrows the objects, so that no
// setting and no attribute file of the user's repository has a say. The folder is of no use unless this returns.

import { chmodSync, lutimesSync, openSync, closeSync, readSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";

import { isSystemError, KilnError } from "../errors.ts";
import { type Git, runGit, textOf } from "./git-run.ts";
import type { Repository, Snapshot } from "./git.ts";

export interface CheckOutOptions {
  /** Id of a commit or a tree. */
  readonly tree: string;
  /** Absolute path; it doesn't exist yet. */
  readonly folder: string;
  /** The modification time of everything, in seconds since 1970. */
  readonly time: number;
  /** Where a snapshot put its objects. */
  readonly snapshot?: Snapshot | undefined;
}

/** Writes the files of a tree into a new folder. Throws SOURCE_UNSUPPORTED for submodules and Git LFS pointers. */
export async function checkOut(repository: Repository, options: CheckOutOptions): Promise<void> {
  const { tree, folder, time, snapshot } = options;
  await mkdir(folder);
  const own = await mkdtemp(`${folder}.git-`);
  try {
    const git: Git = { ...repository, folder, settings: [] };
    await runGit(git, ["init", "--quiet", "--bare", "--template=", `--object-format=${repository.objectFormat}`, own]);
    await borrowObjects(join(own, "objects"), [
      repository.objects,
      ...(snapshot === undefined ? [] : [snapshot.objects]),
    ]);
    const env = { GIT_DIR: own, GIT_WORK_TREE: folder };
    await runGit(git, ["read-tree", tree], { env });
    const files = parseFiles((await runGit(git, ["ls-files", "--stage", "-z"], { env })).stdout);
    const submodule = files.find(({ mode }) => mode === "160000");
    if (submodule !== undefined) throw unsupported(submodule, "a submodule");
    await runGit(git, ["checkout-index", "--all", "--quiet"], { env });
    await refusePointers(git, { files, env });
    await settle(folder, { files, time });
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

/**
 * The work tree as it is now (changes and untracked files too, ignored ones not) as a tree whose objects lie in `folder`,
 * an empty folder of the caller's. The repository isn't written to.
 */
export async function takeSnapshot(repository: Repository, folder: string): Promise<Snapshot> {
  const objects = join(folder, "objects");
  const index = join(folder, "index");
  await mkdir(objects);
  await borrowObjects(objects, [repository.objects]);
  try {
    await copyFile(repository.index, index);
  } catch (error) {
    // Nothing was ever added.
    if (!isSystemError(error, "ENOENT")) throw error;
  }
  const env = { GIT_INDEX_FILE: index, GIT_OBJECT_DIRECTORY: objects };
  await runGit(repository, ["add", "--all"], { env });
  return { tree: textOf(await runGit(repository, ["write-tree"], { env })), objects };
}

interface TreeFile {
  readonly mode: string;
  /** Bytes: a path in git needn't be UTF-8. */
  readonly path: Buffer;
}

async function borrowObjects(objects: string, from: readonly string[]): Promise<void> {
  await mkdir(join(objects, "info"), { recursive: true });
  await writeFile(join(objects, "info", "alternates"), from.map(alternateLine).join(""));
}

/** Quoted as git does it: a path may start with # or hold a line feed. */
function alternateLine(path: string): string {
  return `"${path.replace(/["\\]/g, String.raw`\$&`).replaceAll("\n", String.raw`\n`)}"\n`;
}

/** Parses `mode id stage TAB path NUL`, repeated. */
function parseFiles(listing: Buffer): TreeFile[] {
  const files: TreeFile[] = [];
  for (let start = 0; start < listing.length;) {
    const tab = listing.indexOf(9, start);
    const end = listing.indexOf(0, tab);
    files.push({ mode: listing.toString("latin1", start, start + 6), path: listing.subarray(tab + 1, end) });
    start = end + 1;
  }
  return files;
}

/** Refuses files that would be a Git LFS pointer in place of the real content. */
async function refusePointers(
  git: Git,
  { files, env }: { readonly files: readonly TreeFile[]; readonly env: Readonly<Record<string, string>> },
): Promise<void> {
  if (!files.some(({ path }) => /(?:^|\/)\.gitattributes$/.test(path.toString("latin1")))) return;
  const regular = files.filter(({ mode }) => mode.startsWith("100"));
  const input = Buffer.concat(regular.flatMap(({ path }) => [path, Buffer.of(0)]));
  const answer = await runGit(git, ["check-attr", "-z", "--stdin", "--cached", "filter"], { env, input });
  // Path, attribute and value of each file in turn.
  const values = answer.stdout.toString("latin1").split("\0");
  const pointer = regular.find((file, at) => values[at * 3 + 2] === "lfs" && isPointer(pathIn(git.folder, file.path)));
  if (pointer !== undefined) throw unsupported(pointer, "a Git LFS pointer in place of the file");
}

const pointerStart = "version https://git-lfs.github.com/spec/v1\n";

function isPointer(path: Buffer): boolean {
  const file = openSync(path, "r");
  try {
    const start = Buffer.alloc(pointerStart.length);
    return readSync(file, start, 0, start.length, 0) === start.length && start.toString("latin1") === pointerStart;
  } finally {
    closeSync(file);
  }
}

const filesPerTurn = 2000;

/** Sets modes and times, folders last and the deepest first, since a change inside a folder changes its time. */
async function settle(
  folder: string,
  { files, time }: { readonly files: readonly TreeFile[]; readonly time: number },
): Promise<void> {
  const folders = new Set<string>([""]);
  for (const [at, { mode, path }] of files.entries()) {
    const full = pathIn(folder, path);
    if (mode !== "120000") chmodSync(full, mode === "100755" ? 0o755 : 0o644);
    lutimesSync(full, time, time);
    for (let slash = path.lastIndexOf(47); slash > 0; slash = path.lastIndexOf(47, slash - 1)) {
      const parent = path.toString("latin1", 0, slash);
      if (folders.has(parent)) break;
      folders.add(parent);
    }
    // System calls one after another are much the quickest way; others get their turn now and then.
    if (at % filesPerTurn === filesPerTurn - 1) await setImmediate();
  }
  for (const parent of [...folders].toSorted((one, other) => other.length - one.length)) {
    const full = pathIn(folder, Buffer.from(parent, "latin1"));
    chmodSync(full, 0o755);
    lutimesSync(full, time, time);
  }
}

function pathIn(folder: string, path: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${folder}/`), path]);
}

function unsupported({ path }: TreeFile, got: string): KilnError {
  return new KilnError("SOURCE_UNSUPPORTED", `${path.toString("utf8")}: got ${got}, want files that the commit holds`, {
    hint: "keep the files themselves in the repository, or get them in a `fetch` step",
  });
}
