import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { KilnError } from "../../src/errors.ts";
import { entriesOf } from "../../src/system/archive-entries.ts";
import { writeArchive } from "../../src/system/archive.ts";

const time = 1_700_000_000;
let folder: string;
let root: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kiln-archive-"));
  root = join(folder, "root");
  mkdirSync(root);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(path: string, content: string | Uint8Array = path, mode = 0o644): void {
  const full = join(root, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  chmodSync(full, mode);
}

async function pack(name = "a.tar.zst"): Promise<Buffer> {
  await writeArchive(join(folder, name), entriesOf(root), { time });
  return readFileSync(join(folder, name));
}

/** Unpacks with GNU tar and the zstd program, which share nothing with what is tested. */
function unpack(name = "a.tar.zst"): string {
  const out = join(folder, "out");
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  execFileSync("tar", ["--zstd", "-xpf", join(folder, name), "-C", out]);
  return out;
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof KilnError ? `${error.code}: ${error.message}` : String(error);
  }
  return "nothing thrown";
}

test("GNU tar unpacks the same files, links and modes, with the one time", async () => {
  put("bin/run", "#!/bin/sh\n", 0o700);
  put("share/über/naïve file.txt", "text");
  put("-rf", "dash");
  put("new\nline", "odd");
  put("empty", "");
  mkdirSync(join(root, "empty-folder"));
  symlinkSync("../share/über", join(root, "bin/link"));
  await pack();
  const out = unpack();
  expect(readFileSync(join(out, "share/über/naïve file.txt"), "utf8")).toBe("text");
  expect(readFileSync(join(out, "new\nline"), "utf8")).toBe("odd");
  expect(readFileSync(join(out, "-rf"), "utf8")).toBe("dash");
  expect(readlinkSync(join(out, "bin/link"))).toBe("../share/über");
  expect(lstatSync(join(out, "bin/run")).mode & 0o7777).toBe(0o755);
  expect(lstatSync(join(out, "empty")).mode & 0o7777).toBe(0o644);
  for (const path of ["bin", "bin/run", "empty-folder", "empty"]) {
    expect(lstatSync(join(out, path)).mtimeMs).toBe(time * 1000);
  }
});

test("the bytes depend on names, contents and the owner's executable bit alone", async () => {
  put("b/x", "x");
  put("a", "a");
  put("b/tool", "t", 0o755);
  const first = digestOf(await pack());
  // Written in another order, with other times, modes and a hard link where a copy was.
  rmSync(root, { recursive: true });
  mkdirSync(root, { mode: 0o700 });
  put("b/tool", "t", 0o711);
  put("a", "a", 0o600);
  put("same", "x", 0o666);
  linkSync(join(root, "same"), join(root, "b/x"));
  rmSync(join(root, "same"));
  utimesSync(join(root, "a"), 1, 1);
  chmodSync(join(root, "b"), 0o500);
  expect(digestOf(await pack("b.tar.zst"))).toBe(first);
  chmodSync(join(root, "b"), 0o700);
  put("a", "A");
  expect(digestOf(await pack("c.tar.zst"))).not.toBe(first);
});

test("the size and digest that are returned are the file's", async () => {
  put("a", Buffer.alloc(3_000_000, 7));
  const path = join(folder, "a.tar.zst");
  const result = await writeArchive(path, entriesOf(root), { time });
  const bytes = readFileSync(path);
  expect(result).toEqual({ size: bytes.length, sha256: digestOf(bytes) });
});

test("a name of any length and alphabet comes back", async () => {
  const segment = fc
    .string({ minLength: 1, maxLength: 60, unit: "grapheme" })
    .map((text) => text.replaceAll("/", "_").replaceAll("\0", "_").normalize("NFC"))
    .filter((text) => text !== "." && text !== ".." && text.isWellFormed() && Buffer.byteLength(text) <= 255);
  const path = fc.array(segment, { minLength: 1, maxLength: 6 }).map((segments) => segments.join("/"));
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(path, { minLength: 1, maxLength: 8 }), async (paths) => {
      rmSync(root, { recursive: true });
      rmSync(join(folder, "a.tar.zst"), { force: true });
      mkdirSync(root);
      const made = paths.filter((one) => {
        // A name that is a folder already, or below a file, is none for this test.
        const above = one.split("/").map((_, index, all) => join(root, ...all.slice(0, index + 1)));
        if (existsSync(join(root, one)) || above.slice(0, -1).some((folderPath) => isFile(folderPath))) return false;
        put(one, one);
        return true;
      });
      await pack();
      const out = unpack();
      for (const one of made) expect(readFileSync(join(out, one), "utf8")).toBe(one);
    }),
    { numRuns: 40 },
  );
});

function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

test.each([99, 100, 101, 154, 155, 156, 254, 255, 256, 257, 400, 1000])(
  "a path of %i bytes comes back",
  async (length) => {
    const segments: string[] = [];
    for (let left = length; left > 0; left -= 80) segments.push("p".repeat(Math.min(left, 79)));
    const path = segments.join("/");
    put(path, "here");
    await pack();
    expect(readFileSync(join(unpack(), path), "utf8")).toBe("here");
  },
);

test("a link's target of 300 bytes comes back", async () => {
  const target = `${"d".repeat(150)}/${"f".repeat(150)}`;
  put(target, "there");
  symlinkSync(target, join(root, "link"));
  await pack();
  expect(readlinkSync(join(unpack(), "link"))).toBe(target);
});

test("a file of exactly some pieces, and one more byte, comes back", async () => {
  const sizes = [511, 512, 513, 1024 * 1024 - 512, 1024 * 1024, 1024 * 1024 + 1, 2 * 1024 * 1024 - 1024];
  for (const size of sizes) put(`f${size}`, Buffer.alloc(size, size % 251));
  await pack();
  const out = unpack();
  for (const size of sizes)
    expect(digestOf(readFileSync(join(out, `f${size}`)))).toBe(digestOf(Buffer.alloc(size, size % 251)));
});

test.each([
  ["an absolute link", "/etc/passwd", "link"],
  ["a link above the top", "../outside", "link"],
  ["a link that climbs out from below", "../../x", "a/link"],
  ["a link to itself", "link", "link"],
])("%s is refused", (_, target, path) => {
  mkdirSync(join(root, "a"));
  symlinkSync(target, join(root, path));
  expect(codeOf(() => entriesOf(root))).toMatch(/^ARTIFACT_INVALID: .*stays inside/);
});

test("a link that leaves through another link is refused, though its text doesn't", () => {
  mkdirSync(join(root, "a/b"), { recursive: true });
  symlinkSync("..", join(root, "a/b/up"));
  symlinkSync("a/b/up/../../x", join(root, "out"));
  expect(codeOf(() => entriesOf(root))).toMatch(/^ARTIFACT_INVALID: "root\/out"/);
});

test("a link through folders and links that stays inside is kept", () => {
  mkdirSync(join(root, "a/b"), { recursive: true });
  symlinkSync("..", join(root, "a/b/up"));
  symlinkSync("a/b/up/../x", join(root, "in"));
  expect(entriesOf(root).find(({ path }) => path === "in")).toEqual({
    type: "link",
    path: "in",
    target: "a/b/up/../x",
  });
});

test("a named pipe is refused by name", () => {
  execFileSync("mkfifo", [join(root, "pipe")]);
  expect(codeOf(() => entriesOf(root))).toBe('ARTIFACT_INVALID: "pipe": got a named pipe, want a file, folder or link');
});

test("a file name that isn't UTF-8 is refused", () => {
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.of(0xff, 0xfe)]), "x");
  expect(codeOf(() => entriesOf(root))).toMatch(/^ARTIFACT_INVALID: .*isn't UTF-8/);
});

test("a folder is never followed when it is a link", async () => {
  mkdirSync(join(folder, "secret"));
  writeFileSync(join(folder, "secret/key"), "private");
  symlinkSync("sub", join(root, "inside"));
  put("sub/ok", "ok");
  expect(entriesOf(root).map(({ path }) => path)).toEqual(["inside", "sub", "sub/ok"]);
});

test.each([
  ["shrinks", "0123", "a: got fewer than its 10 bytes while it was packed, want what the build left"],
  ["grows", "0123456789ab", "a: got more than its 10 bytes while it was packed, want what the build left"],
])("a file that %s while it is packed fails the archive", async (_, then, message) => {
  put("a", "0123456789");
  const entries = entriesOf(root);
  writeFileSync(join(root, "a"), then);
  await expect(writeArchive(join(folder, "a.tar.zst"), entries, { time })).rejects.toMatchObject({
    code: "ARTIFACT_INVALID",
    message,
  });
});

test("an archive that is cancelled stops", async () => {
  put("a", Buffer.alloc(20_000_000));
  const stop = new AbortController();
  const work = writeArchive(join(folder, "a.tar.zst"), entriesOf(root), { time, signal: stop.signal });
  stop.abort();
  await expect(work).rejects.toMatchObject({ name: "AbortError" });
});
