import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { checkOut, takeSnapshot } from "../../src/system/git-checkout.ts";
import { findCommit, openRepository as open, readFileAt } from "../../src/system/git.ts";
import { type MadeRepository, makeRepository, temporaryFolder, testEnv } from "./made-repository.ts";

const signal = new AbortController().signal;
const openRepository = (folder: string) => open(folder, { env: testEnv, signal });
const time = 1_600_000_000;

async function checkOutHead(made: Pick<MadeRepository, "folder">): Promise<string> {
  const repository = await openRepository(made.folder);
  const folder = join(temporaryFolder(), "out");
  await checkOut(repository, { tree: (await findCommit(repository, "HEAD")).id, folder, time });
  return folder;
}

const code = (wanted: string) => expect.objectContaining({ code: wanted });

test("a checkout has the commit's files, links and modes, all at the same time, and no .git folder", async () => {
  const made = makeRepository();
  made.write({ "run.sh": "#!/bin/sh\n", "sub/deep/a.txt": "a", "sub/ü \n*.txt": "odd" });
  chmodSync(join(made.folder, "run.sh"), 0o700);
  symlinkSync("sub/deep", join(made.folder, "link"));
  made.commit();
  made.write({ "sub/deep/a.txt": "changed", "untracked.txt": "" });

  const folder = await checkOutHead(made);
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted();
  expect(paths).toEqual(
    ["link", "link/a.txt", "run.sh", "sub", "sub/deep", "sub/deep/a.txt", "sub/ü \n*.txt"].toSorted(),
  );
  expect(readFileSync(join(folder, "sub/deep/a.txt"), "utf8")).toBe("a");
  expect(readlinkSync(join(folder, "link"))).toBe("sub/deep");
  const mode = (path: string) => lstatSync(join(folder, path)).mode & 0o777;
  expect([mode("run.sh"), mode("sub"), mode("sub/deep/a.txt"), mode(".")]).toEqual([0o755, 0o755, 0o644, 0o755]);
  for (const path of [...paths, "."]) expect(lstatSync(join(folder, path)).mtimeMs).toBe(time * 1000);
  expect(readdirSync(join(folder, ".."))).toEqual(["out"]);
});

test("a name that isn't UTF-8 is checked out with its own bytes", async () => {
  const made = makeRepository();
  const name = Buffer.from([0x66, 0xff, 0x2e]);
  writeFileSync(Buffer.concat([Buffer.from(`${made.folder}/`), name]), "latin");
  made.commit();
  const folder = await checkOutHead(made);
  expect(readdirSync(folder, { encoding: "buffer" })).toEqual([name]);
});

test("no hook, filter, attribute file or line-end setting of the repository has a say", async () => {
  const made = makeRepository();
  made.commit({ "a.txt": "one\n$Format:%H$\n", ".gitattributes": "a.txt filter=trap export-ignore export-subst\n" });
  const trap = join(made.folder, ".git/trap");
  writeFileSync(trap, `#!/bin/sh\ntouch '${made.folder}/.git/sprung'\necho changed\n`);
  chmodSync(trap, 0o755);
  made.git("config", "filter.trap.smudge", trap);
  made.git("config", "filter.trap.required", "true");
  made.git("config", "core.autocrlf", "true");
  mkdirSync(join(made.folder, ".git/info"), { recursive: true });
  mkdirSync(join(made.folder, ".git/hooks"), { recursive: true });
  writeFileSync(join(made.folder, ".git/info/attributes"), "* text eol=crlf ident\n");
  writeFileSync(join(made.folder, ".git/hooks/post-checkout"), readFileSync(trap), { mode: 0o755 });

  const folder = await checkOutHead(made);
  expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe("one\n$Format:%H$\n");
  expect(existsSync(join(made.folder, ".git/sprung"))).toBe(false);
});

test("submodules and Git LFS pointers are refused by name", async () => {
  const made = makeRepository();
  made.commit({ "a.txt": "a" });
  made.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},libs/other`);
  made.git("commit", "--quiet", "--message", "submodule");
  await expect(checkOutHead(made)).rejects.toThrow(/^libs\/other: got a submodule/);

  const other = makeRepository();
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 5\n`;
  other.commit({
    ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
    "a.bin": "real",
    "pointer.txt": pointer,
  });
  await expect(checkOutHead(other)).resolves.toBeTypeOf("string");
  other.commit({ "sub/b.bin": pointer });
  await expect(checkOutHead(other)).rejects.toThrow(/^sub\/b.bin: got a Git LFS pointer/);
});

test("bare, shallow, borrowed and SHA-256 repositories are checked out alike", async () => {
  const made = makeRepository('a "quoted" # name : with colon');
  made.commit({ "a.txt": "one" });
  made.commit({ "a.txt": "two" });
  const lineFeed = makeRepository('line\nfeed "\\');
  lineFeed.commit({ "a.txt": "two" });
  const sha256 = makeRepository("project", "--object-format=sha256");
  sha256.commit({ "a.txt": "two" });
  const clones = [["--bare"], ["--depth=1", "--no-local"], ["--shared"]].map((options, at) => {
    const folder = join(temporaryFolder(), `clone ${at}`);
    made.git("clone", "--quiet", ...options, made.folder, folder);
    return { folder };
  });
  for (const repository of [made, lineFeed, sha256, ...clones]) {
    expect(readFileSync(join(await checkOutHead(repository), "a.txt"), "utf8")).toBe("two");
  }
});

test("a partial clone that lacks a file is HISTORY_MISSING and fetches nothing", async () => {
  const made = makeRepository();
  made.git("config", "uploadpack.allowFilter", "true");
  made.commit({ "a.txt": "one" });
  const folder = join(temporaryFolder(), "partial");
  made.git("clone", "--quiet", "--no-checkout", "--filter=blob:none", `file://${made.folder}`, folder);
  await expect(checkOutHead({ folder })).rejects.toThrow(code("HISTORY_MISSING"));
});

test("a checkout never writes into a folder that is there already", async () => {
  const made = makeRepository();
  made.commit({ "a.txt": "a" });
  const repository = await openRepository(made.folder);
  const folder = temporaryFolder();
  await expect(checkOut(repository, { tree: "HEAD", folder, time })).rejects.toThrow(code("EEXIST"));
});

test("a snapshot is the work tree with changes and untracked files, and leaves the repository as it was", async () => {
  const made = makeRepository();
  made.commit({ "a.txt": "a", "gone.txt": "", ".gitignore": "*.log\n" });
  made.write({ "forced.log": "kept" });
  made.git("add", "--force", "forced.log");
  made.write({ "a.txt": "changed", "new/b.txt": "b", "x.log": "" });
  rmSync(join(made.folder, "gone.txt"));
  const list = () => readdirSync(join(made.folder, ".git"), { recursive: true }).toSorted();
  const before = list();
  const status = made.git("status", "--porcelain");

  const repository = await openRepository(made.folder);
  const snapshot = await takeSnapshot(repository, temporaryFolder());
  const folder = join(temporaryFolder(), "out");
  await checkOut(repository, { tree: snapshot.tree, folder, time, snapshot });
  expect(readdirSync(folder).toSorted()).toEqual([".gitignore", "a.txt", "forced.log", "new"]);
  expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe("changed");
  const bytes = await readFileAt(repository, { tree: snapshot.tree, snapshot, path: "new/b.txt", limit: 10 });
  expect(Buffer.from(bytes ?? []).toString()).toBe("b");
  expect(list()).toEqual(before);
  expect(made.git("status", "--porcelain")).toBe(status);
});

test("the same work tree gives the same snapshot, another byte another", async () => {
  const made = makeRepository();
  made.commit({ "a.txt": "a" });
  const repository = await openRepository(made.folder);
  const take = async () => (await takeSnapshot(repository, temporaryFolder())).tree;
  const clean = await take();
  expect(clean).toBe((await findCommit(repository, "HEAD")).tree);
  made.write({ "b.txt": "1" });
  const one = await take();
  expect(await take()).toBe(one);
  made.write({ "b.txt": "2" });
  expect(new Set([clean, one, await take()]).size).toBe(3);
});
