// Archives made of hostile bytes: whatever they try, nothing is written outside the new folder, and on refusal it is gone.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";

import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";

import { unpack } from "../../src/system/unpack.ts";
import { type Member, pax, tarOf } from "../fixtures/hand-made-tar.ts";

let folder: string;
let target: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kiln-unpack-"));
  target = join(folder, "target");
});
afterEach(() => {
  // One test closes a folder, and only root could remove what is in it.
  execFileSync("chmod", ["-R", "u+rwX", folder]);
  rmSync(folder, { recursive: true, force: true });
});

const run = (tar: Buffer) => unpack(Readable.from([zstdCompressSync(tar)]), target);

async function refused(tar: Buffer, message: RegExp | string): Promise<void> {
  await expect(run(tar)).rejects.toMatchObject({
    code: "ARCHIVE_UNSAFE",
    exitStatus: 3,
    message: expect.stringMatching(message),
  });
  expect(readdirSync(folder)).toEqual([]);
}

test("files, folders, links, modes and times come out as GNU tar wrote them", async () => {
  const tree = join(folder, "tree");
  const long = `${"deep/".repeat(30)}${"n".repeat(150)}`;
  mkdirSync(join(tree, long, ".."), { recursive: true });
  writeFileSync(join(tree, long), "long");
  writeFileSync(join(tree, "größe und\nzeile"), "odd");
  writeFileSync(join(tree, "run"), "#!/bin/sh\n");
  chmodSync(join(tree, "run"), 0o755);
  writeFileSync(join(tree, "secret"), "s");
  chmodSync(join(tree, "secret"), 0o400);
  writeFileSync(join(tree, "large"), Buffer.alloc(3_000_001, 7));
  linkSync(join(tree, "large"), join(tree, "large-too"));
  symlinkSync("../run", join(tree, "deep/up"));
  symlinkSync("deep/../run", join(tree, "through"));
  mkdirSync(join(tree, "closed"));
  writeFileSync(join(tree, "closed/inside"), "in");
  chmodSync(join(tree, "closed"), 0o555);
  for (const format of ["gnu", "pax", "ustar"]) {
    const args = format === "ustar" ? ["--exclude=n*", "--exclude=deep/deep"] : [];
    const tar = execFileSync("tar", [`--format=${format}`, ...args, "-C", tree, "-cf", "-", "."], { maxBuffer: 1e9 });
    const { bytes } = await run(tar);
    expect(bytes).toBeGreaterThan(3_000_000);
    const there = ["diff", "-r", ...(format === "ustar" ? ["--exclude=n*", "--exclude=deep"] : []), tree, target];
    execFileSync(there[0] ?? "", there.slice(1));
    expect(statSync(join(target, "run")).mode & 0o7777).toBe(0o755);
    expect(statSync(join(target, "secret")).mode & 0o7777).toBe(0o400);
    expect(Math.floor(statSync(join(target, "run")).mtimeMs / 1000)).toBe(
      Math.floor(statSync(join(tree, "run")).mtimeMs / 1000),
    );
    expect(readlinkSync(join(target, "through"))).toBe("deep/../run");
    expect(statSync(join(target, "large")).ino).toBe(statSync(join(target, "large-too")).ino);
    rmSync(target, { recursive: true });
  }
  expect(statSync(join(tree, "closed")).mode & 0o7777).toBe(0o555);
});

test.each([
  ["an absolute path", { path: "/tmp/kiln-escaped" }],
  ["a path that climbs", { path: "../kiln-escaped" }],
  ["a path that climbs later", { path: "a/../../kiln-escaped" }],
  ["a path that climbs and stays", { path: "a/../b" }],
  ["an empty path", { path: "" }],
  ["the folder itself as a file", { path: "./" }],
  ["a file with a slash at its end", { path: "a/" }],
  ["a folder that climbs", { path: "../", type: "5" }],
  ["a device", { path: "null", type: "3" }],
  ["a block device", { path: "disk", type: "4" }],
  ["a FIFO", { path: "pipe", type: "6" }],
  ["a contiguous file", { path: "old", type: "7" }],
  ["a sparse file", { path: "sparse", type: "S" }],
  ["a setuid file", { path: "su", mode: 0o4755 }],
  ["a setgid file", { path: "sg", mode: 0o2755 }],
  ["a sticky folder", { path: "sticky", type: "5", mode: 0o1777 }],
  ["a link to an absolute path", { path: "l", type: "2", link: "/etc/passwd" }],
  ["a link that climbs", { path: "l", type: "2", link: "../x" }],
  ["a link that climbs in the middle", { path: "l", type: "2", link: "a/../../x" }],
  ["a link to nothing", { path: "l", type: "2", link: "" }],
  ["a link to itself", { path: "l", type: "2", link: "l" }],
  ["a hard link to outside", { path: "h", type: "1", link: "../kiln-secret" }],
  ["a hard link to an absolute path", { path: "h", type: "1", link: "/etc/passwd" }],
  ["a hard link to what isn't there", { path: "h", type: "1", link: "later" }],
  ["a folder with a body", { path: "d", type: "5", body: "x" }],
  ["a name with a NUL", { path: Buffer.from("a\0b") }],
  ["a name that isn't UTF-8", { path: Buffer.from([0x61, 0xff]) }],
  ["a size that is no number", { path: "a", size: "zzzzzzzzzzz\0" }],
  ["a size beyond all numbers", { path: "a", size: "\xff".repeat(12) }],
  ["an old header", { path: "a", magic: "\0\0\0\0\0\0" }],
] satisfies [string, Member][])("%s is refused", async (_, hostile) => {
  writeFileSync(join(folder, "kiln-secret"), "secret");
  rmSync(join(folder, "kiln-secret"));
  await refused(tarOf({ path: "before", body: "fine" }, hostile), /./);
  expect(existsSync("/tmp/kiln-escaped")).toBe(false);
});

test("a file that would go through a link is refused, wherever the link leads", async () => {
  mkdirSync(join(folder, "outside"));
  for (const link of ["../outside", "sub", "."]) {
    const hostile = tarOf(
      { path: "sub", type: "5" },
      { path: "l", type: "2", link },
      { path: "l/file", body: "escaped" },
    );
    await expect(run(hostile)).rejects.toMatchObject({ code: "ARCHIVE_UNSAFE" });
    expect(readdirSync(join(folder, "outside"))).toEqual([]);
    expect(existsSync(target)).toBe(false);
  }
  rmSync(join(folder, "outside"), { recursive: true });
  await refused(tarOf({ path: "l", type: "2", link: "." }, { path: "l", type: "5" }), "isn't a directory");
  await refused(tarOf({ path: "f", body: "x" }, { path: "f/g", body: "y" }), "isn't a directory");
  await refused(
    tarOf({ path: "f", body: "x" }, { path: "l", type: "2", link: "f" }, { path: "h", type: "1", link: "l" }),
    "hard link",
  );
});

test("links that only together lead out are refused", async () => {
  // l → a (two levels down, one up); m goes through l and climbs twice: by its letters inside, for a kernel outside.
  const chain = tarOf(
    { path: "a/b/c", type: "5" },
    { path: "a/b/c/l", type: "2", link: "../.." },
    { path: "m", type: "2", link: "a/b/c/l/../.." },
  );
  await refused(chain, "stays in the folder");
});

test("the same path twice is refused, however it is spelled", async () => {
  for (const again of ["a/f", "./a/f", "a//f", "a/./f"]) {
    await refused(tarOf({ path: "a/f", body: "1" }, { path: again, body: "2" }), "twice");
  }
  await refused(tarOf({ path: "f", body: "1" }, { path: "f", type: "2", link: "x" }), "twice");
  await refused(tarOf({ path: "d", type: "5" }, { path: "d", body: "x" }), "twice");
  // A folder may be named again: its last mode counts.
  await run(
    tarOf({ path: "d", type: "5", mode: 0o700 }, { path: "d/f", body: "1" }, { path: "./d/", type: "5", mode: 0o755 }),
  );
  expect(lstatSync(join(target, "d")).mode & 0o7777).toBe(0o755);
});

test("a header that ends in two times, as older npms write it, is read as everybody reads it", async () => {
  const times = "14742271765\x0014742271765\0";
  await run(tarOf({ path: "f", body: "1", rest: `in/here${"\0".repeat(124)}${times}` }));
  expect(readFileSync(join(target, "in/here/f"), "utf8")).toBe("1");
  rmSync(target, { recursive: true });
  const hidden = { path: "f", body: "1", rest: `in\0here${"\0".repeat(123)}${times}` };
  await refused(tarOf(hidden), "NUL");
  await refused(tarOf({ path: "f", body: "1", rest: `in/here${"\0".repeat(124)}not times` }), "NUL");
  // Without the NUL before them, they are the end of a prefix for whoever knows nothing of times.
  await refused(tarOf({ path: "f", body: "1", rest: `${"a".repeat(131)}${times}` }), "NUL");
});

test("PAX and GNU headers can't say what a plain header may not", async () => {
  const file: Member = { path: "innocent", body: "x" };
  await refused(tarOf(pax({ path: "../escaped" }), file), "leaves the folder");
  await refused(tarOf(pax({ path: "/escaped" }), file), "leaves the folder");
  await refused(tarOf(pax({ path: "a\0b" }), file), "NUL");
  await refused(tarOf(pax({ linkpath: "/etc" }), { path: "l", type: "2", link: "fine" }), "stays in the folder");
  await refused(tarOf(pax({ size: "99999999999999999999" }), file), "size");
  await refused(tarOf(pax({ size: "-1" }), file), "size");
  await refused(tarOf(pax({ path: "all" }, "g"), file), "every entry");
  await refused(tarOf(pax({ "GNU.sparse.name": "x" }), file), "sparse");
  await refused(tarOf({ path: "pax", type: "x", body: "99 path=x\n" }, file), "can't be read");
  await refused(tarOf({ path: "pax", type: "x", body: "nonsense" }, file), "can't be read");
  await refused(tarOf({ path: "././@LongLink", type: "L", body: "../escaped\0" }, file), "leaves the folder");
  await refused(tarOf({ path: "x", type: "x", body: Buffer.alloc(2_000_000, "a") }, file), "at most");
  await refused(tarOf(pax({ path: "n".repeat(300) }), file), "leaves the folder");
  await run(tarOf(pax({ comment: "a commit" }, "g"), pax({ path: "named", mtime: "1.5" }), file));
  expect(readFileSync(join(target, "named"), "utf8")).toBe("x");
});

test("an archive that claims more than the disk has is DISK_FULL before it fills it", async () => {
  const huge = tarOf(pax({ size: "900000000000000" }), { path: "huge" });
  await expect(run(huge)).rejects.toMatchObject({ code: "DISK_FULL", exitStatus: 1 });
  expect(readdirSync(folder)).toEqual([]);
});

test("an archive that is cut off anywhere, or goes on after its end, is refused", async () => {
  const whole = tarOf({ path: "a", body: "x".repeat(700) }, { path: "b", body: "y" });
  for (const length of [0, 1, 511, 512, 600, 1024, 1536, 2048, 2560, whole.length - 1024, whole.length - 512]) {
    await refused(whole.subarray(0, length), "cut off|zeros");
  }
  await refused(Buffer.concat([whole, Buffer.of(1)]), "after the end");
  await refused(Buffer.concat([whole, whole]), "after the end");
  const changed = Buffer.from(whole);
  changed[0] = 0x62;
  await refused(changed, "checksum");
  await run(Buffer.concat([whole, Buffer.alloc(9216)]));
});

test("bytes that zstd can't read, or a frame that stops early, are refused", async () => {
  const frame = zstdCompressSync(tarOf({ path: "a", body: "x".repeat(100_000) }));
  for (const bytes of [Buffer.from("not zstd at all"), frame.subarray(0, -4), frame.subarray(0, 30), Buffer.alloc(0)]) {
    await expect(unpack(Readable.from([bytes]), target)).rejects.toMatchObject({ code: "ARCHIVE_UNSAFE" });
    expect(readdirSync(folder)).toEqual([]);
  }
});

test("it can be interrupted, and leaves nothing", async () => {
  const bytes = zstdCompressSync(tarOf({ path: "a", body: Buffer.alloc(5_000_000) }));
  const signal = AbortSignal.abort();
  await expect(unpack(Readable.from([bytes]), target, { signal })).rejects.toMatchObject({ code: "CANCELLED" });
  expect(readdirSync(folder)).toEqual([]);
});

test("the pieces that bytes come in don't matter", async () => {
  const tar = tarOf(
    pax({ path: "p".repeat(120) }),
    { path: "x", body: "1".repeat(1500) },
    { path: "d", type: "5" },
    { path: "d/e", body: "2" },
  );
  const frame = zstdCompressSync(tar);
  expect(zstdDecompressSync(frame)).toEqual(tar);
  for (const size of [1, 7, 511, 512, 513, 5000]) {
    const pieces = Array.from({ length: Math.ceil(frame.length / size) }, (_, at) =>
      frame.subarray(at * size, (at + 1) * size),
    );
    await unpack(Readable.from(pieces), target);
    expect(readFileSync(join(target, "p".repeat(120)), "utf8")).toBe("1".repeat(1500));
    rmSync(target, { recursive: true });
  }
});

test("no change of one byte makes it write outside, or fail in another way than it says", async () => {
  const tar = tarOf(
    { path: "d", type: "5" },
    pax({ path: "d/named" }),
    { path: "x", body: "1" },
    { path: "l", type: "2", link: "d/named" },
  );
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: tar.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const changed = Buffer.from(tar);
      changed[at] = (changed[at] ?? 0) ^ change;
      const outcome = await run(changed).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (outcome !== undefined)
        expect(outcome).toMatchObject({ code: expect.stringMatching(/^(ARCHIVE_UNSAFE|DISK_FULL)$/) });
      expect(readdirSync(folder)).toEqual(outcome === undefined ? ["target"] : []);
      rmSync(target, { recursive: true, force: true });
    }),
    { numRuns: 300 },
  );
});
