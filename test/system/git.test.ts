import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";
import { expect, test } from "vitest";

import {
  countCommits,
  currentBranch,
  findCommit,
  isAncestor,
  isInside,
  listChanges,
  listTagsAt,
  listTagsUpTo,
  openRepository as open,
  readFileAt,
  remoteUrl,
  withoutCredentials,
} from "../../src/system/git.ts";
import { makeRepository, repositoryAt, temporaryFolder, testEnv } from "./made-repository.ts";

const signal = new AbortController().signal;
const openRepository = (folder: string, env: Record<string, string | undefined> = testEnv) =>
  open(folder, { env, signal });
const code = (wanted: string) => expect.objectContaining({ code: wanted });

test("a commit has its id, its tree and the committer's time", async () => {
  const made = makeRepository();
  const id = made.commit({ "a.txt": "a" });
  const repository = await openRepository(made.folder);
  const tree = made.git("rev-parse", "HEAD^{tree}");
  expect(await findCommit(repository, "HEAD")).toEqual({ id, tree, time: 1_700_000_060 });
  expect(await findCommit(repository, id.slice(0, 10))).toMatchObject({ id });
});

test("a commit that claims a time which no file can have is refused", async () => {
  const made = makeRepository();
  made.commit({ "a.txt": "a" });
  const repository = await openRepository(made.folder);
  const commitAt = (time: string) => {
    const text = made.git("cat-file", "commit", "HEAD").replace(/^(committer .*> )\d+/m, `$1${time}`);
    made.write({ ".git/odd": `${text}\n` });
    return made.git("hash-object", "-t", "commit", "-w", "--literally", ".git/odd");
  };
  expect(await findCommit(repository, commitAt("4102444800"))).toMatchObject({ time: 4_102_444_800 });
  for (const time of ["999999999999999", "18446744073709551615"]) {
    await expect(findCommit(repository, commitAt(time))).rejects.toThrow(code("SOURCE_UNSUPPORTED"));
  }
});

test("a folder inside the repository opens its top and says where it lies", async () => {
  const made = makeRepository("with space ünd\nlinefeed");
  made.commit({ "sub/dir/a.txt": "a" });
  const repository = await openRepository(join(made.folder, "sub/dir"));
  expect(repository).toMatchObject({ folder: made.folder, prefix: "sub/dir/", hasWorkTree: true, isShallow: false });
});

test("a folder outside any repository is NOT_A_REPOSITORY, and so is none at all", async () => {
  const folder = temporaryFolder();
  await expect(openRepository(folder)).rejects.toThrow(code("NOT_A_REPOSITORY"));
  await expect(openRepository(join(folder, "missing"))).rejects.toThrow(code("NOT_A_REPOSITORY"));
  writeFileSync(join(folder, "file"), "");
  await expect(openRepository(join(folder, "file"))).rejects.toThrow(code("NOT_A_REPOSITORY"));
});

test("a machine without git is TOOL_MISSING, which names the package", async () => {
  const folder = temporaryFolder();
  await expect(openRepository(folder, { PATH: folder })).rejects.toThrow(
    expect.objectContaining({ code: "TOOL_MISSING", hint: "apt-get install git" }),
  );
});

test("an interrupted question is CANCELLED", async () => {
  const made = makeRepository();
  await expect(open(made.folder, { env: testEnv, signal: AbortSignal.abort() })).rejects.toThrow(code("CANCELLED"));
});

test("a repository without a commit says so", async () => {
  const made = makeRepository();
  const repository = await openRepository(made.folder);
  await expect(findCommit(repository, "HEAD")).rejects.toThrow(
    expect.objectContaining({ code: "COMMIT_NOT_FOUND", hint: "commit something first" }),
  );
});

test.each(["--all", "-n1", "no-such", "HEAD..HEAD", "^HEAD", "", "0".repeat(40), "HEAD:a.txt", "\u0007"])(
  "the revision %j is COMMIT_NOT_FOUND, never an option",
  async (revision) => {
    const made = makeRepository();
    made.commit({ "a.txt": "a" });
    const repository = await openRepository(made.folder);
    await expect(findCommit(repository, revision)).rejects.toThrow(code("COMMIT_NOT_FOUND"));
  },
);

test("another user's repository is refused until it is trusted in the user's own configuration", async () => {
  const made = makeRepository("it's");
  made.commit({ "a.txt": "a" });
  // Only root can give a folder away, so git is asked to take every owner for another user, as its own tests do.
  const programs = temporaryFolder();
  const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
  const script = `#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec ${real} "$@"\n`;
  writeFileSync(join(programs, "git"), script, { mode: 0o755 });
  const env = { ...testEnv, PATH: `${programs}:${testEnv.PATH}` };
  await expect(openRepository(made.folder, env)).rejects.toThrow(
    expect.objectContaining({
      code: "REPOSITORY_UNTRUSTED",
      hint: `if you trust it: git config --global --add safe.directory '${made.folder.replace("'", String.raw`'\''`)}'`,
    }),
  );
  made.git("config", "--file", join(made.folder, ".git/config"), "safe.directory", "*");
  await expect(openRepository(made.folder, env)).rejects.toThrow(code("REPOSITORY_UNTRUSTED"));
  const HOME = temporaryFolder();
  writeFileSync(join(HOME, ".gitconfig"), `[safe]\n\tdirectory = ${made.folder}\n`);
  const repository = await openRepository(made.folder, { ...env, HOME });
  expect((await findCommit(repository, "HEAD")).time).toBeGreaterThan(0);
});

test("changes are staged, unstaged, untracked and removed files, not ignored ones", async () => {
  const made = makeRepository();
  made.commit({ "a.txt": "a", "b.txt": "b", "c d.txt": "c", ".gitignore": "*.log\n" });
  const repository = await openRepository(made.folder);
  expect(await listChanges(repository)).toEqual([]);
  made.write({ "a.txt": "changed", "new\nname": "", "ünder/x": "", "x.log": "" });
  made.git("rm", "--quiet", "b.txt");
  made.git("mv", "c d.txt", "moved.txt");
  expect((await listChanges(repository)).toSorted()).toEqual(
    ["a.txt", "b.txt", "c d.txt", "moved.txt", "new\nname", "ünder/"].toSorted(),
  );
});

test("the repository can't hide untracked files, and the user's own ignore file counts", async () => {
  const made = makeRepository();
  made.commit({ "a.txt": "a" });
  made.git("config", "status.showUntrackedFiles", "no");
  made.write({ ".idea/x": "", "other.txt": "" });
  const HOME = temporaryFolder();
  writeFileSync(join(HOME, ".gitconfig"), "[core]\n\texcludesFile = ~/ignored\n[status]\n\tshowUntrackedFiles = no\n");
  writeFileSync(join(HOME, "ignored"), ".idea/\n");
  expect(await listChanges(await openRepository(made.folder, { ...testEnv, HOME }))).toEqual(["other.txt"]);
});

test("no hook and no monitor of the repository runs", async () => {
  const made = makeRepository();
  made.commit({ "a.txt": "a" });
  const trap = join(made.folder, ".git/trap");
  writeFileSync(trap, `#!/bin/sh\ntouch '${made.folder}/.git/sprung'\n`);
  chmodSync(trap, 0o755);
  mkdirSync(join(made.folder, ".git/hooks"), { recursive: true });
  made.git("config", "core.fsmonitor", trap);
  made.git("config", "core.pager", trap);
  made.git("config", "log.showSignature", "true");
  made.git("config", "gpg.program", trap);
  const repository = await openRepository(made.folder);
  await listChanges(repository);
  await findCommit(repository, "HEAD");
  expect(existsSync(join(made.folder, ".git/sprung"))).toBe(false);
});

test("nothing that a question does changes the repository", async () => {
  const made = makeRepository();
  const id = made.commit({ "a.txt": "a" });
  made.git("tag", "v1.0.0");
  const list = () => readdirSync(join(made.folder, ".git"), { recursive: true }).toSorted();
  const before = list();
  const repository = await openRepository(made.folder);
  await listChanges(repository);
  await listTagsUpTo(repository, id);
  expect(list()).toEqual(before);
});

test("variables that git sets for its hooks don't lead elsewhere", async () => {
  const other = makeRepository();
  const made = makeRepository();
  const id = made.commit({ "a.txt": "a" });
  const env = { ...testEnv, GIT_DIR: join(other.folder, ".git"), GIT_INDEX_FILE: "/nonexistent", GIT_WORK_TREE: "/" };
  const repository = await openRepository(made.folder, env);
  expect((await findCommit(repository, "HEAD")).id).toBe(id);
  expect(await listChanges(repository)).toEqual([]);
});

test("replaced objects aren't what is read", async () => {
  const made = makeRepository();
  const one = made.commit({ "a.txt": "one" });
  const two = made.commit({ "a.txt": "two" });
  made.git("replace", one, two);
  const repository = await openRepository(made.folder);
  const bytes = await readFileAt(repository, { tree: one, path: "a.txt", limit: 100 });
  expect(Buffer.from(bytes ?? []).toString()).toBe("one");
});

test("tags at a commit and up to it, annotated, light and on things that aren't commits", async () => {
  const made = makeRepository();
  const one = made.commit({ "a.txt": "one" });
  made.git("tag", "v1.0.0");
  made.git("tag", "--annotate", "--message", "x", "rel/v1.0.1");
  made.git("tag", "tree", "HEAD^{tree}");
  made.git("tag", "blob", "HEAD:a.txt");
  const two = made.commit({ "a.txt": "two" });
  made.git("update-ref", "refs/tags/-v-odd%(refname)", "HEAD");
  const repository = await openRepository(made.folder);
  expect((await listTagsAt(repository, one)).toSorted()).toEqual(["rel/v1.0.1", "v1.0.0"]);
  expect((await listTagsUpTo(repository, two)).toSorted()).toEqual(
    ["-v-odd%(refname)", "rel/v1.0.1", "v1.0.0"].toSorted(),
  );
  expect(await countCommits(repository, { from: "refs/tags/v1.0.0", to: two })).toBe(1);
  expect(await countCommits(repository, { to: two })).toBe(2);
});

test("a branch, a detached head and a bare repository", async () => {
  const made = makeRepository();
  const id = made.commit({ "a.txt": "one" });
  made.git("checkout", "--quiet", "-b", "feature/ü%x");
  const repository = await openRepository(made.folder);
  expect(await currentBranch(repository)).toBe("refs/heads/feature/ü%x");
  made.git("checkout", "--quiet", "--detach");
  expect(await currentBranch(repository)).toBeUndefined();

  const bare = join(temporaryFolder(), "bare.git");
  made.git("clone", "--quiet", "--bare", made.folder, bare);
  const opened = await openRepository(bare);
  expect(opened).toMatchObject({ hasWorkTree: false, prefix: "" });
  expect((await findCommit(opened, id)).id).toBe(id);
  expect(await listChanges(opened)).toEqual([]);
});

test("ancestors are told from others, and a commit that isn't there from both", async () => {
  const made = makeRepository();
  const root = made.commit({ "a.txt": "1" });
  const left = made.commit({ "a.txt": "2" });
  made.git("checkout", "--quiet", "-b", "other", root);
  const right = made.commit({ "a.txt": "3" });
  const repository = await openRepository(made.folder);
  expect(await isAncestor(repository, { ancestor: root, descendant: left })).toBe(true);
  expect(await isAncestor(repository, { ancestor: left, descendant: left })).toBe(true);
  expect(await isAncestor(repository, { ancestor: left, descendant: root })).toBe(false);
  expect(await isAncestor(repository, { ancestor: left, descendant: right })).toBe(false);
  await expect(isAncestor(repository, { ancestor: "1".repeat(40), descendant: right })).rejects.toThrow(
    code("COMMIT_NOT_FOUND"),
  );
});

test("a shallow clone says that history is missing, where it is needed", async () => {
  const made = makeRepository();
  const first = made.commit({ "a.txt": "1" });
  made.git("tag", "v1.0.0");
  const last = made.commit({ "a.txt": "2" });
  const folder = join(temporaryFolder(), "shallow");
  made.git("clone", "--quiet", "--depth=1", `file://${made.folder}`, folder);
  const repository = await openRepository(folder);
  expect((await findCommit(repository, "HEAD")).id).toBe(last);
  expect(await listTagsAt(repository, last)).toEqual([]);
  await expect(listTagsUpTo(repository, last)).rejects.toThrow(code("HISTORY_MISSING"));
  await expect(countCommits(repository, { to: last })).rejects.toThrow(code("HISTORY_MISSING"));
  await expect(isAncestor(repository, { ancestor: first, descendant: last })).rejects.toThrow(code("HISTORY_MISSING"));
});

test("a SHA-256 repository works like any other", async () => {
  const made = makeRepository("project", "--object-format=sha256");
  const id = made.commit({ "a.txt": "a" });
  const repository = await openRepository(made.folder);
  expect(repository.objectFormat).toBe("sha256");
  expect(await findCommit(repository, "HEAD")).toMatchObject({ id });
  expect(id).toHaveLength(64);
});

test("a work tree of its own opens like the repository it belongs to", async () => {
  const made = makeRepository();
  const id = made.commit({ "a.txt": "a" });
  const folder = join(temporaryFolder(), "second");
  made.git("worktree", "add", "--quiet", "--detach", folder, id);
  const repository = await openRepository(folder);
  expect((await findCommit(repository, "HEAD")).id).toBe(id);
  repositoryAt(folder).write({ "b.txt": "b" });
  expect(await listChanges(repository)).toEqual(["b.txt"]);
});

test("a file is read at a commit, whatever its name and whatever lies in the work tree", async () => {
  const made = makeRepository();
  const id = made.commit({ "sub/ü *[x].txt": "odd", ":(top)a": "pathspec", "-a": "dash", empty: "" });
  made.write({ "sub/ü *[x].txt": "other" });
  const repository = await openRepository(join(made.folder, "sub"));
  const read = async (path: string) => {
    const bytes = await readFileAt(repository, { tree: id, path, limit: 10 });
    return bytes === undefined ? undefined : Buffer.from(bytes).toString();
  };
  expect(await read("sub/ü *[x].txt")).toBe("odd");
  expect(await read(":(top)a")).toBe("pathspec");
  expect(await read("-a")).toBe("dash");
  expect(await read("empty")).toBe("");
  expect(await read("missing")).toBeUndefined();
  expect(await read("sub/missing/x")).toBeUndefined();
});

test("what isn't a regular file of the commit, or is too large, isn't read", async () => {
  const made = makeRepository();
  made.write({ "sub/a.txt": "12345678901" });
  const id = made.commit();
  const repository = await openRepository(made.folder);
  for (const path of ["sub", "sub/a.txt", "../x", "/etc/passwd", "a/../../x", "", "a\0b"]) {
    await expect(readFileAt(repository, { tree: id, path, limit: 10 })).rejects.toThrow(code("SOURCE_UNSUPPORTED"));
  }
});

test("the remote is origin's, or the only one's, without credentials", async () => {
  const made = makeRepository();
  const repository = await openRepository(made.folder);
  expect(await remoteUrl(repository)).toBeUndefined();
  made.git("remote", "add", "up", "https://ada:secret@code.example.org/a/b.git?token=secret#secret");
  expect(await remoteUrl(repository)).toBe("https://code.example.org/a/b.git");
  made.git("remote", "add", "down", "https://elsewhere.example.org/");
  expect(await remoteUrl(repository)).toBeUndefined();
  made.git("remote", "add", "origin", "git@code.example.org:a/b.git");
  expect(await remoteUrl(repository)).toBe("git@code.example.org:a/b.git");
});

test.each([
  ["https://code.example.org/a.git", "https://code.example.org/a.git"],
  ["https://token@code.example.org/a.git", "https://code.example.org/a.git"],
  ["ssh://git:secret@code.example.org:2222/a.git", "ssh://git@code.example.org:2222/a.git"],
  ["code.example.org:a.git", "code.example.org:a.git"],
  ["/srv/git/a.git", undefined],
  ["../a.git", undefined],
  ["file:///srv/git/a.git", undefined],
  ["ext::sh -c 'echo secret'", undefined],
  ["", undefined],
])("the remote %j is shown as %j", (remote, shown) => {
  expect(withoutCredentials(remote)).toBe(shown);
});

test("no remote shows the password that is in it", () => {
  const after = fc.stringMatching(/^[a-z0-9@:/?#. -]{0,8}$/);
  const scheme = fc.constantFrom("https://", "http://", "ssh://", "git://", "");
  fc.assert(
    fc.property(scheme, after, (start, rest) => {
      expect(withoutCredentials(`${start}user:hunter2@${rest}host/path`) ?? "").not.toContain("hunter2");
    }),
    { numRuns: 1000 },
  );
});

test("a path is inside unless it goes up, is absolute or empty", () => {
  expect(["a", "a/b", "a/../b", "./a", "..a"].every(isInside)).toBe(true);
  expect(["..", "../a", "a/../../b", "/a", "", "a\0"].some(isInside)).toBe(false);
});
