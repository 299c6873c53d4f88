// The folder store: the contract, and what only a folder can do wrong. Processes, file systems and links are real.

import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, open, readdir, realpath, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test } from "vitest";

import { openFolderReader } from "../../src/stores/folder-reader.ts";
import { openFolderStore } from "../../src/stores/folder.ts";
import { readDocument } from "../../src/stores/read.ts";
import { bodyOf, readingContract, writingContract } from "./contract.ts";
import { runProgram, startProgram } from "./run-program.ts";

const { signal } = new AbortController();
const isRoot = process.getuid?.() === 0;
const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) {
    for (const part of [folder, join(folder, "pool")]) await chmod(part, 0o755).catch(() => undefined);
    await rm(folder, { recursive: true });
  }
});

async function newFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "kiln-store-")));
  folders.push(folder);
  await chmod(folder, 0o755);
  return folder;
}

const keysOf = async (folder: string) =>
  (await Array.fromAsync((await openFolderReader(folder)).list(""))).map(({ key }) => key);
const temporariesOf = async (folder: string) => (await readdir(join(folder, ".tmp"))).filter((name) => name !== "lock");

writingContract(async () => openFolderStore(await newFolder(), signal));
readingContract(async (content) => {
  const folder = await newFolder();
  const store = await openFolderStore(folder, signal);
  for (const [key, body] of Object.entries(content)) await store.create(key, body);
  return openFolderReader(folder);
});

test("nothing temporary is left by any outcome", async () => {
  const folder = await newFolder();
  const store = await openFolderStore(folder, signal);
  await store.create("a", Buffer.from("1"));
  await store.create("a", Buffer.from("1"));
  await store.create("a", Buffer.from("2")).catch(() => undefined);
  await store.create("a/b", Buffer.from("2")).catch(() => undefined);
  await store.replace("a", Buffer.from("2"), "other");
  await store.replace("a", Buffer.from("2"), (await store.head("a"))!.etag);
  await store.replace("b/c", Buffer.from("2"), null);
  await store.replace("b", Buffer.from("2"), null).catch(() => undefined);
  expect(await temporariesOf(folder)).toEqual([]);
  expect(await keysOf(folder)).toEqual(["a", "b/c"]);
});

test("a folder that isn't there, or is a file, is no store", async () => {
  const folder = await newFolder();
  await writeFile(join(folder, "file"), "");
  for (const path of [join(folder, "none"), join(folder, "file"), join(folder, "file", "below")]) {
    await expect(openFolderReader(path)).rejects.toMatchObject({ code: "STORE_NOT_FOUND", hint: expect.anything() });
    await expect(openFolderStore(path, signal)).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
  }
});

test("a store may be reached by a link; the links in it lead nowhere", async () => {
  const outside = await newFolder();
  const folder = await newFolder();
  await writeFile(join(outside, "secret"), "secret");
  await writeFile(join(outside, "head"), "head");
  await symlink(join(outside, "secret"), join(folder, "linked"));
  await symlink(outside, join(folder, "log"));
  await symlink("/dev/zero", join(folder, "zero"));
  await symlink(folder, join(outside, "store"));
  const reader = await openFolderReader(join(outside, "store"));
  const store = await openFolderStore(join(outside, "store"), signal);
  expect(reader.url).toBe(folder);
  for (const key of ["linked", "log/head", "zero"]) {
    await expect(reader.get(key)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    await expect(reader.head(key)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    await expect(store.replace(key, Buffer.from("x"), "etag")).rejects.toSatisfy(isRefusal);
    await expect(store.create(key, Buffer.from("x"))).rejects.toSatisfy(isRefusal);
    await expect(store.remove(key, Number.MAX_SAFE_INTEGER)).rejects.toSatisfy(isRefusal);
  }
  for (const key of ["log/new", "log/a/b"]) {
    await expect(store.create(key, Buffer.from("x"))).rejects.toSatisfy(isRefusal);
    await expect(store.replace(key, Buffer.from("x"), null)).rejects.toSatisfy(isRefusal);
  }
  await expect(Array.fromAsync(reader.list("log/"))).rejects.toMatchObject({ code: "STORE_CORRUPT" });
  expect(await keysOf(folder)).toEqual(["linked", "log", "zero"]);
  expect((await readdir(outside)).toSorted()).toEqual(["head", "secret", "store"]);
});

test("a temporary folder or lock that leads elsewhere is refused", async () => {
  const outside = await newFolder();
  const folder = await newFolder();
  await symlink(outside, join(folder, ".tmp"));
  await expect(openFolderStore(folder, signal)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
  await rm(join(folder, ".tmp"));
  const store = await openFolderStore(folder, signal);
  await store.create("a", Buffer.from("1"));
  await symlink(join(outside, "lock"), join(folder, ".tmp", "lock"));
  await expect(store.create("a", Buffer.from("1"))).rejects.toMatchObject({ code: "STORE_CORRUPT" });
  expect(await readdir(outside)).toEqual([]);
});

test("a pipe, a socket or a device instead of a file is refused at once", async () => {
  const folder = await newFolder();
  execFileSync("mkfifo", [join(folder, "pipe")]);
  const reader = await openFolderReader(folder);
  await expect(reader.get("pipe")).rejects.toMatchObject({ code: "STORE_CORRUPT" });
  const store = await openFolderStore(folder, signal);
  await expect(store.create("pipe", Buffer.from("x"))).rejects.toMatchObject({ code: "STORE_CORRUPT" });
});

test("names that no key can have aren't listed", async () => {
  const folder = await newFolder();
  const store = await openFolderStore(folder, signal);
  await store.create("a", Buffer.from("1"));
  for (const name of [".htaccess", "with space", "naïve", "x~"]) await writeFile(join(folder, name), "");
  await mkdir(join(folder, ".git"));
  await writeFile(join(folder, ".git", "config"), "");
  expect(await keysOf(folder)).toEqual(["a", "x~"]);
});

test("what a killed publisher left is removed when it is old, and never what is fresh or somebody else's", async () => {
  const folder = await newFolder();
  const program = startProgram("programs/endless.ts", [folder]);
  expect(await program.line()).toBe("stuck");
  await openFolderStore(folder, signal);
  const [name = ""] = await temporariesOf(folder);
  expect(name).not.toBe("");
  await program.kill();
  expect(await keysOf(folder)).toEqual([]);
  await openFolderStore(folder, signal);
  expect(await temporariesOf(folder)).toEqual([name]);

  const old = (await stat(folder)).mtimeMs / 1000 - 3700;
  await writeFile(join(folder, ".tmp", "notes"), "");
  await writeFile(join(folder, ".tmp", "lock"), "");
  for (const file of [name, "notes", "lock"]) await utimes(join(folder, ".tmp", file), old, old);
  await openFolderStore(folder, signal);
  expect((await readdir(join(folder, ".tmp"))).toSorted()).toEqual(["lock", "notes"]);
});

test("a temporary file that was swept away while in use fails its create, and nothing is made", async () => {
  const folder = await newFolder();
  const store = await openFolderStore(folder, signal);
  async function* body() {
    yield Buffer.from("1");
    for (const name of await temporariesOf(folder)) await rm(join(folder, ".tmp", name));
  }
  await expect(store.create("a", body())).rejects.toMatchObject({ code: "STORE_NOT_FOUND", hint: expect.anything() });
  expect(await keysOf(folder)).toEqual([]);
});

test("several processes that create the same keys make each once", async () => {
  const folder = await newFolder();
  const counts = await Promise.all(
    Array.from({ length: 6 }, () => runProgram("programs/create-many.ts", [folder, "40"]) as Promise<number>),
  );
  expect(counts.reduce((sum, count) => sum + count)).toBe(40);
  const store = await openFolderReader(folder);
  for (let number = 0; number < 40; number++) {
    const body = await bodyOf(await store.get(`pool/${number % 7}/${number}/blob`));
    expect(
      body?.equals(Buffer.concat(Array.from({ length: 5 }, (_, piece) => Buffer.alloc(10_000, number + piece)))),
    ).toBe(true);
  }
  expect(await temporariesOf(folder)).toEqual([]);
});

test("processes that add to one document by compare-and-swap lose nothing", async () => {
  const folder = await newFolder();
  await Promise.all(Array.from({ length: 4 }, () => runProgram("programs/increment.ts", [folder, "30"])));
  expect((await readDocument(await openFolderReader(folder), "counter"))?.bytes.toString()).toBe("120");
  expect(await temporariesOf(folder)).toEqual([]);
});

test("a reader sees one version whole while others replace it", async () => {
  const folder = await newFolder();
  const program = startProgram("programs/flip.ts", [folder]);
  await program.line();
  const reader = await openFolderReader(folder);
  const versions = new Set<number>();
  // On a busy machine the other process may not have had its turn by then.
  for (let round = 0; round < 500 || (versions.size <= 5 && round < 200_000); round++) {
    const object = await reader.get("doc");
    const body = await bodyOf(object);
    const version = body?.[0] ?? -1;
    expect(body?.length).toBe(object?.size);
    expect(body?.every((byte) => byte === version)).toBe(true);
    expect(((body?.length ?? 0) - 1) % 1000).toBe(0);
    versions.add(version);
  }
  await program.kill();
  expect(versions.size).toBeGreaterThan(5);
  const last = await bodyOf(await reader.get("doc"));
  expect(last?.every((byte) => byte === last[0])).toBe(true);
  // The lock went with its process.
  const store = await openFolderStore(folder, signal);
  expect(await store.replace("doc", Buffer.from("mine"), (await store.head("doc"))!.etag)).toBe("replaced");
});

test("a process that is killed while it holds the lock gives it back", async () => {
  const folder = await newFolder();
  const store = await openFolderStore(folder, signal);
  await store.replace("doc", Buffer.from("1"), null);
  const { etag } = (await store.head("doc"))!;
  const program = startProgram("programs/hold-lock.ts", [join(folder, ".tmp", "lock")]);
  expect(await program.line()).toBe("locked");
  let isDone = false;
  const replacing = store.replace("doc", Buffer.from("2"), etag).finally(() => (isDone = true));
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(isDone).toBe(false);
  await program.kill();
  expect(await replacing).toBe("replaced");
});

test("a publisher that is interrupted while it waits for the lock stops at once", async () => {
  const folder = await newFolder();
  const stop = new AbortController();
  const store = await openFolderStore(folder, stop.signal);
  await store.replace("doc", Buffer.from("1"), null);
  const { etag } = (await store.head("doc"))!;
  const program = startProgram("programs/hold-lock.ts", [join(folder, ".tmp", "lock")]);
  await program.line();
  const replacing = store.replace("doc", Buffer.from("2"), etag);
  setTimeout(() => stop.abort(), 50);
  await expect(replacing).rejects.toMatchObject({ code: "CANCELLED" });
  await program.kill();
  expect(await temporariesOf(folder)).toEqual([]);
});

test("a full disk is said to be full, nothing is left of what didn't fit, and what fits goes on", async () => {
  const folder = await newFolder();
  const result = await runProgram("programs/disk-full.ts", [folder], {
    wrapper: inNamespace(`mount -t tmpfs -o size=4m none ${folder}`),
  });
  const full = { code: "DISK_FULL", hint: expect.stringContaining("free some room") };
  expect(result).toEqual({
    pieces: full,
    whole: full,
    replace: full,
    left: expect.not.arrayContaining([expect.stringMatching(/^\.kiln-/)]),
    keys: ["doc"],
    after: "created",
  });
});

test("a store on a read-only file system says so, and can be read", async () => {
  const folder = await newFolder();
  const store = await openFolderStore(folder, signal);
  await store.create("pool/a", Buffer.from("a"));
  const result = await runProgram("programs/read-only.ts", [folder], {
    wrapper: inNamespace(`mount --bind ${folder} ${folder} && mount -o remount,ro,bind ${folder}`),
  });
  const refused = "STORE_READ_ONLY, hint";
  expect(result).toMatchObject({ create: refused, replace: refused, renew: refused, remove: refused });
  expect(result).toMatchObject({ read: "a", listed: ["pool/a"] });
});

test("a store of another user says so, whether all of it can't be written or a part", async () => {
  const folder = await newFolder();
  const store = await openFolderStore(folder, signal);
  await store.create("pool/a", Buffer.from("a"));
  await (await open(join(folder, "secret"), "wx", 0)).close();
  const asOther = isRoot ? [folder, "65534"] : [folder];
  const refused = "STORE_READ_ONLY, hint";
  await chmod(join(folder, ".tmp"), 0o555);
  await chmod(join(folder, "pool"), 0o555);
  const all = await runProgram("programs/read-only.ts", asOther);
  expect(all).toMatchObject({ create: refused, replace: refused, renew: refused, remove: refused });
  expect(all).toMatchObject({ read: "a", listed: ["pool/a", "secret"], secret: "PERMISSION_DENIED, hint" });
  await chmod(join(folder, ".tmp"), 0o777);
  const part = await runProgram("programs/read-only.ts", asOther);
  expect(part).toMatchObject({ create: refused, replace: refused, remove: refused, read: "a" });
});

/** argv that runs what follows in a mount namespace of its own, after `mounts`; without root also in a user namespace. */
function inNamespace(mounts: string): string[] {
  const user = isRoot ? [] : ["--user", "--map-root-user"];
  return ["unshare", ...user, "--mount", "sh", "-ec", `${mounts}; exec "$@"`, "sh"];
}

function isRefusal(error: { readonly code?: string }): boolean {
  return error.code === "STORE_CORRUPT" || error.code === "NAME_INVALID";
}
