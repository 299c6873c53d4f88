// Durable files: whole or not at all, nothing left over, and errors that a person can act on.

import {
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";

import { KilnError } from "../../src/errors.ts";
import { foldersBelow } from "../../src/system/durable-folders.ts";
import { folderClock, sweepTemporaries, withTemporary } from "../../src/system/durable-temporary.ts";
import { writeBody } from "../../src/system/durable-write.ts";
import { explainFailure, makeFolder, replaceFile } from "../../src/system/durable.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-durable-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("a file is made or replaced whole, with the mode that was asked for", async () => {
  const file = join(folder, "file");
  await replaceFile(file, Buffer.from("one"), { mode: 0o600 });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  await replaceFile(file, Buffer.from("two"));
  expect(await readFile(file, "utf8")).toBe("two");
  expect(await readdir(folder)).toEqual(["file"]);
});

test("a link is replaced itself, and what it leads to stays", async () => {
  await writeFile(join(folder, "target"), "old");
  await symlink("target", join(folder, "link"));
  await replaceFile(join(folder, "link"), Buffer.from("new"));
  expect(await readFile(join(folder, "target"), "utf8")).toBe("old");
});

test("when a file can't be written, the old one is there and nothing else", async () => {
  await mkdir(join(folder, "taken"));
  await expect(replaceFile(join(folder, "taken"), Buffer.from("x"))).rejects.toMatchObject({ code: "EISDIR" });
  await expect(replaceFile(join(folder, "none", "x"), Buffer.from("x"))).rejects.toMatchObject({ code: "ENOENT" });
  expect(await readdir(folder)).toEqual(["taken"]);
});

test("folders are made with those above them, by several at once", async () => {
  const path = join(folder, "a/b/c");
  await Promise.all([makeFolder(path), makeFolder(path), makeFolder(join(folder, "a/b/d"))]);
  await makeFolder(path);
  expect(await readdir(join(folder, "a/b"))).toEqual(["c", "d"]);
  await writeFile(join(folder, "file"), "");
  await expect(makeFolder(join(folder, "file", "below"))).rejects.toMatchObject({ code: "NOT_A_FOLDER" });
});

test("what a person can mend has a code and a hint, everything else passes", () => {
  const failure = (code: string) => explainFailure(Object.assign(new Error(code), { code }), "/x");
  for (const code of ["ENOSPC", "EDQUOT"])
    expect(failure(code)).toMatchObject({ code: "DISK_FULL", hint: expect.anything() });
  for (const code of ["EACCES", "EPERM", "EROFS"]) {
    expect(failure(code)).toMatchObject({ code: "PERMISSION_DENIED", hint: expect.anything() });
  }
  const other = Object.assign(new Error("EIO"), { code: "EIO" });
  expect(explainFailure(other, "/x")).toBe(other);
  const known = new KilnError("BUSY", "x");
  expect(explainFailure(known, "/x")).toBe(known);
});

test("a temporary file is gone whatever becomes of the work, unless it was renamed", async () => {
  await withTemporary({ folder }, async ({ path }) =>
    expect(await readdir(folder)).toEqual([path.slice(folder.length + 1)]),
  );
  await expect(withTemporary({ folder }, async () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await readdir(folder)).toEqual([]);
});

test("sweeping removes what nobody has written to for that long, by the file system's clock", async () => {
  await withTemporary({ folder }, async ({ path, handle }) => {
    const now = await folderClock(folder);
    await handle.utimes(now / 1000 - 10, now / 1000 - 10);
    await sweepTemporaries(folder, 11_000);
    expect(await readdir(folder)).toHaveLength(1);
    await handle.utimes(now / 1000 - 12, now / 1000 - 12);
    await handle.write("x");
    await sweepTemporaries(folder, 11_000);
    expect(await readdir(folder)).toHaveLength(1);
    await handle.utimes(now / 1000 - 12, now / 1000 - 12);
    await sweepTemporaries(folder, 11_000);
    expect(await readdir(folder)).toEqual([]);
    expect(path).toContain(folder);
  });
});

test("a body of any pieces is written whole, also when the system takes few bytes at once", async () => {
  const piece = fc.uint8Array({ maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 40 }), fc.integer({ min: 1, max: 500 }), async (pieces, most) => {
      const whole = Buffer.concat(pieces);
      await withTemporary({ folder }, async ({ handle, path }) => {
        async function* body() {
          yield* pieces;
        }
        expect(await writeBody(takingAtMost(handle, most), body())).toBe(whole.length);
        expect((await readFile(path)).equals(whole)).toBe(true);
      });
    }),
    { numRuns: 40 },
  );
});

test("thousands of small pieces and some large ones are written whole", async () => {
  const pieceAt = (number: number) => Buffer.alloc(number % 1000 === 0 ? 3_000_000 : 10, number);
  const numbers = Array.from({ length: 5000 }, (_, number) => number);
  await withTemporary({ folder }, async ({ handle, path }) => {
    async function* body() {
      for (const number of numbers) yield pieceAt(number);
    }
    await writeBody(handle, body());
    expect((await readFile(path)).equals(Buffer.concat(numbers.map(pieceAt)))).toBe(true);
  });
});

test("the memory of large pieces is given back once they are written", async () => {
  const given: Buffer[] = [];
  await withTemporary({ folder }, async ({ handle }) => {
    async function* body() {
      for (let piece = 0; piece < 50; piece++) {
        given.push(Buffer.alloc(1024 * 1024, piece));
        yield given.at(-1)!;
        // Two batches may be on their way.
        expect(given.filter(({ length }) => length > 0).length).toBeLessThanOrEqual(3);
      }
    }
    await writeBody(handle, body());
  });
  expect(given.every(({ length }) => length === 0)).toBe(true);
});

test("a device that is full ends the writing, and so does a body that throws", async () => {
  const full = await open("/dev/full", "w");
  let given = 0;
  async function* endless() {
    for (;;) {
      given += 1;
      yield Buffer.alloc(500_000);
    }
  }
  await expect(writeBody(full, endless())).rejects.toMatchObject({ code: "ENOSPC" });
  expect(given).toBeLessThan(20);
  await full.close();
  async function* broken() {
    yield Buffer.alloc(5_000_000);
    throw new Error("the source is gone");
  }
  await withTemporary({ folder }, async ({ handle }) => {
    await expect(writeBody(handle, broken())).rejects.toThrow("the source is gone");
  });
});

test("folders below a root are made, entered and synced; links and files in their place are refused", async () => {
  const inFolder = foldersBelow(folder);
  await writeFile(join(folder, "file"), "");
  await symlink("/", join(folder, "out"));
  for (let round = 0; round < 2; round++) {
    await inFolder("a/b", async (entered) => {
      await writeFile(entered.at(`name${round}`), "x");
      await entered.sync();
    });
  }
  expect(await readdir(join(folder, "a/b"))).toEqual(["name0", "name1"]);
  for (const path of ["file", "file/x", "out", "out/tmp"]) {
    await expect(inFolder(path, async () => "entered")).rejects.toMatchObject({ code: "NAME_INVALID" });
  }
  await rm(join(folder, "a"), { recursive: true });
  await inFolder("a/b", async (entered) => entered.sync());
  expect(await readdir(join(folder, "a"))).toEqual(["b"]);
});

/** The same handle over a system that takes at most so many bytes in one call. */
function takingAtMost(handle: FileHandle, most: number): FileHandle {
  return new Proxy(handle, {
    get(target, name) {
      if (name === "writev")
        return async ([first = Buffer.alloc(0)]: Buffer[]) => target.write(first.subarray(0, most));
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
