import { execFileSync } from "node:child_process";

import fc from "fast-check";
import semver from "semver";
import { expect, test } from "vitest";

import { debVersion, npmVersion, pythonVersion, rpmVersion } from "../../src/artifact/version.ts";
import { type Tags, tagsOf } from "../../src/recipe/tag-version.ts";
import {
  dirtyVersion,
  resolveVersion,
  type VersionPlaces,
  type VersionSource,
  versionSourceFor,
  versionSourceSchema,
} from "../../src/recipe/version.ts";
import { openRepository } from "../../src/system/git.ts";
import { type MadeRepository, makeRepository, temporaryFolder, testEnv } from "../system/made-repository.ts";

const commit = "0123456789abcdef0123456789abcdef01234567";

const noTags: Tags = {
  commit,
  ref: undefined,
  at: () => Promise.resolve([]),
  upTo: () => Promise.resolve([]),
  count: () => Promise.resolve(3),
};

const resolve = (source: VersionSource, places: Partial<VersionPlaces> = {}) =>
  resolveVersion(source, {
    read: () => Promise.resolve(undefined),
    tags: noTags,
    reserve: undefined,
    dirtyTree: undefined,
    ...places,
  });

const files = (content: Readonly<Record<string, string | Uint8Array>>) => (path: string) => {
  const found = content[path];
  return Promise.resolve(found === undefined ? undefined : Buffer.from(found));
};

const unresolved = (message: RegExp) =>
  expect.objectContaining({ code: "VERSION_UNRESOLVED", message: expect.stringMatching(message) });

test("static is what it says", async () => {
  expect(await resolve({ from: "static", value: "1.2.3" })).toBe("1.2.3");
});

test("next asks the store, with the versions that are taken", async () => {
  const source: VersionSource = { from: "next", line: "1.4.*" };
  const reserve: VersionPlaces["reserve"] = (next) => Promise.resolve(next(["1.4.0", "1.3.9", "1.4.2-rc.1"]));
  expect(await resolve(source, { reserve })).toBe("1.4.1");
  await expect(resolve(source)).rejects.toThrow(unresolved(/no store/));
});

test.each([
  ["package.json", '{"version": "1.2.3"}'],
  ["pyproject.toml", '[project]\nname = "a"\nversion = "1.2.3"\n'],
  ["pyproject.toml", '[tool.poetry]\nversion = "1.2.3"\n'],
  ["Cargo.toml", '[package]\nname = "a"\nversion = "1.2.3"\n'],
  ["Cargo.toml", '[workspace.package]\nversion = "1.2.3"\n'],
])("the manifest %s has it: %s", async (path, text) => {
  expect(await resolve({ from: "manifest" }, { read: files({ [path]: text }) })).toBe("1.2.3");
  const sub = `sub/${path}`;
  expect(await resolve({ from: "manifest", file: sub }, { read: files({ [sub]: text }) })).toBe("1.2.3");
});

test.each<[Record<string, string | Uint8Array>, string | undefined, RegExp]>([
  [{}, undefined, /got none of them at the top/],
  [{ "package.json": "{}", "Cargo.toml": "" }, undefined, /got package.json and Cargo.toml, want one/],
  [{}, "package.json", /^package.json: got no such file in the commit/],
  [{ "package.json": "{}" }, "package.json", /got no version that stands there as text/],
  [{ "package.json": '{"version": 1}' }, "package.json", /got no version/],
  [{ "package.json": "{" }, "package.json", /can't be parsed/],
  [{ "package.json": Buffer.from([0xff]) }, "package.json", /aren't UTF-8/],
  [{ "Cargo.toml": "[package]\nversion.workspace = true\n" }, "Cargo.toml", /got version.workspace = true/],
  [{ "pyproject.toml": '[project]\ndynamic = ["version"]\n' }, "pyproject.toml", /got a version that is dynamic/],
  [{ "pyproject.toml": "[project\n" }, "pyproject.toml", /can't be parsed/],
])("a manifest without a version is VERSION_UNRESOLVED: %j", async (content, file, message) => {
  const source: VersionSource = { from: "manifest", file };
  await expect(resolve(source, { read: files(content) })).rejects.toThrow(unresolved(message));
});

test("any text of a manifest is a version or an error of ours", async () => {
  const start = fc.constantFrom("", "{", '{"version":', "[project]\nversion=", "[package]\n", "[[[", "[a.b]\nc={");
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("package.json", "pyproject.toml", "Cargo.toml"),
      start,
      fc.string(),
      async (file, head, tail) => {
        const read = files({ [file]: head + tail });
        await expect(resolve({ from: "manifest", file }, { read })).rejects.toThrow(
          expect.objectContaining({ code: expect.stringMatching(/^(?:VERSION_UNRESOLVED|NAME_INVALID)$/) }),
        );
      },
    ),
  );
  const deep = files({ "pyproject.toml": `a = ${"[".repeat(100_000)}`, "package.json": "[".repeat(100_000) });
  for (const file of ["pyproject.toml", "package.json"]) {
    await expect(resolve({ from: "manifest", file }, { read: deep })).rejects.toThrow(unresolved(/can't be parsed/));
  }
});

test("a file has it where the expression's first group first matches", async () => {
  const read = files({ "version.h": '#define OLD "0.1"\r\n#define VERSION "1.2.3"\n#define VERSION "4"\n' });
  const source = { from: "file", path: "version.h", regex: '^#define VERSION "(.*)"$' } as const;
  expect(await resolve(source, { read })).toBe("1.2.3");
  await expect(resolve({ ...source, regex: "NO(.*)" }, { read })).rejects.toThrow(unresolved(/got no match/));
  await expect(resolve({ ...source, regex: "VERSION|(x)" }, { read })).rejects.toThrow(unresolved(/got no match/));
  await expect(resolve({ ...source, path: "other" }, { read })).rejects.toThrow(unresolved(/got no such file/));
});

test("an expression that would take for ever is given up", async () => {
  const read = files({ a: `${"a".repeat(60)}!` });
  await expect(resolve({ from: "file", path: "a", regex: "^(a+)+$" }, { read })).rejects.toThrow(
    unresolved(/got no answer from .* in 1000 ms/),
  );
});

test("what isn't a version is NAME_INVALID wherever it comes from", async () => {
  for (const text of ["", "1.2.3\n", "../../x", "1".repeat(300), "1..2", "-1", "1 2"]) {
    const read = files({ "package.json": JSON.stringify({ version: text }) });
    await expect(resolve({ from: "manifest" }, { read })).rejects.toThrow(
      expect.objectContaining({ code: "NAME_INVALID" }),
    );
  }
});

const tag = (tags: Partial<Tags>, prefix = "v") =>
  resolve({ from: "tag", prefix, towards: "patch" }, { tags: { ...noTags, ...tags } });
const list =
  (...names: string[]) =>
  () =>
    Promise.resolve(names);

test("the tag on the commit is the version, the highest of several, the one that was asked for first", async () => {
  expect(await tag({ at: list("v1.2.3") })).toBe("1.2.3");
  expect(await tag({ at: list("v1.2.3-rc.1", "v1.2.3", "v1.2.2", "nightly", "w9.9.9", "v9") })).toBe("1.2.3");
  expect(await tag({ at: list("v1.2.3", "v1.2.2"), ref: "refs/tags/v1.2.2" })).toBe("1.2.2");
  expect(await tag({ at: list("v1.2.3", "nightly"), ref: "refs/tags/nightly" })).toBe("1.2.3");
  expect(await tag({ at: list("v1.2.3"), ref: "refs/heads/v1.0.0" })).toBe("1.2.3");
  expect(await tag({ at: list("billing-1.2.3", "v2.0.0") }, "billing-")).toBe("1.2.3");
  expect(await tag({ at: list("2026.11") }, "")).toBe("2026.11");
  expect(await tag({ at: list("v2026.9", "v2026.12") })).toBe("2026.12");
  expect(await tag({ at: list("v1.2.0rc1", "v1.1.0") })).toBe("1.2.0-rc.1");
  await expect(tag({ at: list("v1.x", "v2.x") })).rejects.toThrow(unresolved(/got 1.x, 2.x on/));
});

test("a commit without a tag lies between its last tag and the next", async () => {
  expect(await tag({})).toBe("0.0.0-0.dev.3.g0123456789ab");
  expect(await tag({ upTo: list("v1.2.3", "v1.2.3-rc.1", "v1.10.0", "v1.9.0") })).toBe("1.10.1-0.dev.3.g0123456789ab");
  expect(await tag({ upTo: list("v2.0.0-rc.1", "v1.0.0") })).toBe("2.0.0-rc.1.0.dev.3.g0123456789ab");
  expect(await tag({ upTo: list("v1.2.3+build.1") })).toBe("1.2.4-0.dev.3.g0123456789ab");
});

test("such a version sorts between, for npm and for dpkg", async () => {
  const part = fc.nat(3);
  const pre = fc.constantFrom("", "-alpha.1", "-alpha.2", "-beta.1", "-rc.1", "-rc.1.1", "-0.1");
  const release = fc
    .tuple(part, part, part, pre)
    .map(([major, minor, patch, end]) => `${major}.${minor}.${patch}${end}`);
  const sample = fc.sample(fc.tuple(release, release, fc.nat(20)), { numRuns: 100, seed: 5 });
  for (const [last, other, count] of sample) {
    const version = await tag({ upTo: list(`v${last}`), count: () => Promise.resolve(count + 1) });
    const later = await tag({ upTo: list(`v${last}`), count: () => Promise.resolve(count + 2) });
    expect(semver.gt(version, last)).toBe(true);
    expect(semver.gt(later, version)).toBe(true);
    // The one thing that may lie below is what a person calls -0.something.
    if (semver.gt(other, last) && !other.includes("-0.")) expect(semver.lt(later, other)).toBe(true);
    execFileSync("dpkg", ["--compare-versions", debVersion(last), "lt", debVersion(version)]);
    expect(npmVersion(later)).toBe(later);
  }
});

async function versionIn(made: Pick<MadeRepository, "folder" | "git">): Promise<string> {
  const signal = new AbortController().signal;
  const repository = await openRepository(made.folder, { env: testEnv, signal });
  const id = made.git("rev-parse", "HEAD");
  return await resolve(
    { from: "tag", prefix: "v", towards: "patch" },
    { tags: tagsOf(repository, { commit: id, ref: undefined }) },
  );
}

test("in a real repository versions grow along the history, over merges too", async () => {
  const made = makeRepository();
  const versions: string[] = [];
  const commitAndNote = async (...tags: string[]) => {
    made.commit({ a: String(versions.length) });
    for (const name of tags) made.git("tag", name);
    versions.push(await versionIn(made));
  };
  await commitAndNote();
  await commitAndNote();
  await commitAndNote("v1.0.0-rc.1", "v0.9.0");
  await commitAndNote();
  await commitAndNote("v1.0.0", "unrelated");
  await commitAndNote();
  made.git("checkout", "--quiet", "-b", "side", "HEAD~1");
  made.commit({ b: "side" });
  made.git("checkout", "--quiet", "master");
  made.git("merge", "--quiet", "--no-edit", "side");
  versions.push(await versionIn(made));
  await commitAndNote("v1.0.1-alpha.1");
  await commitAndNote();
  const short = versions.map((version) => version.replace(/\.g[0-9a-f]{12}$/, ""));
  expect(short).toEqual([
    "0.0.0-0.dev.1",
    "0.0.0-0.dev.2",
    "1.0.0-rc.1",
    "1.0.0-rc.1.0.dev.1",
    "1.0.0",
    "1.0.1-0.dev.1",
    "1.0.1-0.dev.3",
    "1.0.1-alpha.1",
    "1.0.1-alpha.1.0.dev.1",
  ]);
  expect(versions.toSorted(semver.compare)).toEqual(versions);
});

test("in a shallow clone the tag on the commit is enough, the last tag isn't there", async () => {
  const made = makeRepository();
  made.commit({ a: "1" });
  made.commit({ a: "2" });
  made.git("tag", "v1.0.0");
  const clone = () => {
    const folder = `${temporaryFolder()}/clone`;
    made.git("clone", "--quiet", "--depth=1", `file://${made.folder}`, folder);
    return { folder, git: (...args: string[]) => made.git("-C", folder, ...args) };
  };
  expect(await versionIn(clone())).toBe("1.0.0");
  made.commit({ a: "3" });
  await expect(versionIn(clone())).rejects.toThrow(expect.objectContaining({ code: "HISTORY_MISSING" }));
});

test("a commit without a tag is on the way to what the recipe says", async () => {
  const towards = (towards: "major" | "minor", last: string) =>
    resolve({ from: "tag", prefix: "v", towards }, { tags: { ...noTags, upTo: list(last) } });
  expect(await towards("minor", "v1.2.3")).toBe("1.3.0-0.dev.3.g0123456789ab");
  expect(await towards("major", "v1.2.3")).toBe("2.0.0-0.dev.3.g0123456789ab");
  expect(await towards("minor", "v1.3.0-rc.2")).toBe("1.3.0-rc.2.0.dev.3.g0123456789ab");
  expect(await towards("minor", "v1.3.1-rc.2")).toBe("1.4.0-0.dev.3.g0123456789ab");
});

test("a bump asks the store for the next after what was found", async () => {
  const reserve: VersionPlaces["reserve"] = (next) => Promise.resolve(next(["1.3.0-rc.1"]));
  const source = { from: "tag", prefix: "v", towards: "patch", bump: "minor", pre: "rc" } as const;
  expect(await resolve(source, { reserve, tags: { ...noTags, upTo: list("v1.2.3") } })).toBe("1.3.0-rc.2");
  expect(await resolve(source, { reserve })).toBe("0.1.0-rc.1");
  expect(await resolve({ from: "static", value: "1.3.0", pre: "rc" }, { reserve })).toBe("1.3.0-rc.2");
  await expect(resolve(source)).rejects.toThrow(unresolved(/no store/));
});

test("Python's writing of a version is the same version", async () => {
  const read = files({ "a.py": '__version__ = "1.2.0rc1"\n' });
  expect(await resolve({ from: "file", path: "a.py", regex: '"(.*)"' }, { read })).toBe("1.2.0-rc.1");
  expect(await resolve({ from: "static", value: "1.2.0.post1" })).toBe("1.2.0+post.1");
  expect(await resolve({ from: "static", value: "1.2.0-RC1" })).toBe("1.2.0-RC1");
});

test("of a list of rules, the first that is for the ref counts", () => {
  const rules = versionSourceSchema.parse([
    { branch: "release/*", from: "static", value: "1" },
    { tag: "v*", from: "static", value: "2" },
    { branch: "*", from: "static", value: "3" },
  ]);
  const valueFor = (ref: string | undefined) => {
    const found = versionSourceFor(rules, ref);
    return found.from === "static" ? found.value : undefined;
  };
  expect(valueFor("refs/heads/release/1")).toBe("1");
  expect(valueFor("refs/heads/my-release/1")).toBe("3");
  expect(valueFor("refs/heads/v1")).toBe("3");
  expect(valueFor("refs/tags/v1")).toBe("2");
  for (const ref of ["refs/tags/release/1", undefined]) expect(() => valueFor(ref)).toThrow(unresolved(/want a ref/));
  const whole = versionSourceSchema.parse({ from: "static", value: "4" });
  expect(versionSourceFor(whole, undefined)).toMatchObject({ value: "4" });
});

test.each([
  [{ branch: "a", tag: "b", from: "static", value: "1" }, "either branch or tag"],
  [{ from: "tag", bump: "post", pre: "rc" }, "`pre` only beside"],
  [{ from: "next", line: "1.4.*", bump: "minor" }, "bump"],
])("%j is no rule", (rule, message) => {
  expect(versionSourceSchema.safeParse(rule).error?.message).toContain(message);
});

test("a dirty tree's version says which, and never outranks a release", async () => {
  const dirtyTree = "89abcdef".repeat(5);
  expect(await resolve({ from: "static", value: "1.2.3" }, { dirtyTree })).toBe("1.2.3-0.dev.0.dirty.g89abcdef");
  expect(dirtyVersion("1.3.0-rc.1", dirtyTree)).toBe("1.3.0-rc.1.0.dev.0.dirty.g89abcdef");
  expect(dirtyVersion("1.2.4-0.dev.3.g0123456789ab", dirtyTree)).toBe("1.2.4-0.dev.3.g0123456789ab.dirty.g89abcdef");
  expect(dirtyVersion("1.2.3+post.1.b", dirtyTree)).toBe("1.2.3-0.dev.0.dirty.g89abcdef");
  expect(dirtyVersion("2026.11", dirtyTree)).toBe("2026.11-0.dev.0.dirty.g89abcdef");
  expect(dirtyVersion("nightly", dirtyTree)).toBe("nightly+dirty.g89abcdef");
  for (const version of ["1.2.3", "1.3.0-rc.1", "0.0.0-0.dev.3.g0123456789ab"]) {
    const dirty = dirtyVersion(version, dirtyTree);
    expect(npmVersion(dirty)).toBe(dirty);
    expect(debVersion(dirty)).toBe(dirty.replace("-", "~"));
    expect([pythonVersion(dirty), rpmVersion(dirty)].every((it) => it.includes("dirty.g89abcdef"))).toBe(true);
    expect(semver.lt(dirty, `${semver.major(version)}.${semver.minor(version)}.${semver.patch(version)}`)).toBe(true);
  }
});
