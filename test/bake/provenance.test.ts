import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { expect, test } from "vitest";

import type { Plan } from "../../src/bake/plan.ts";
import { findLockFiles, lockedPackages, provenanceBytes } from "../../src/bake/provenance.ts";
import { temporaryFolder } from "../system/made-repository.ts";

const hash = (digit: string): string => digit.repeat(64);

const packageLock = (name: string): string =>
  JSON.stringify({
    lockfileVersion: 3,
    packages: {
      "": { dependencies: { [name]: "*" } },
      [`node_modules/${name}`]: {
        version: "1.0.0",
        integrity: `sha512-${Buffer.alloc(64, 1).toString("base64")}`,
      },
    },
  });

function source(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

const purls = (folder: string, followed: readonly string[] = []) =>
  lockedPackages(folder, findLockFiles(folder), new Set(followed)).map(({ purl }) => purl);

test("lock files are found wherever they are, but not behind links", () => {
  const folder = source({ "package-lock.json": "{}", "a/b/uv.lock": "", "a/yarn.lock": "", "a/other.lock": "" });
  symlinkSync("/etc", join(folder, "link"));
  symlinkSync("package-lock.json", join(folder, "go.sum"));
  expect(findLockFiles(folder).map(({ path }) => path)).toEqual(["a/b/uv.lock", "a/yarn.lock", "package-lock.json"]);
  expect(findLockFiles(folder, ["a/other.lock"]).map(({ path }) => path)).toContain("a/other.lock");
});

test("packages are those of lock files at the top, and of those that an artifact followed", () => {
  const folder = source({
    "requirements.txt": "top==1\n",
    "app/package-lock.json": packageLock("followed"),
    "test/package-lock.json": packageLock("neither"),
  });
  expect(purls(folder)).toEqual(["pkg:pypi/top@1"]);
  expect(purls(folder, ["app/package-lock.json"])).toEqual(["pkg:npm/followed@1.0.0", "pkg:pypi/top@1"]);
});

test("a lock file that the build changed says nothing of what was committed", () => {
  const folder = source({ "requirements.txt": "a==1\n" });
  const lockFiles = findLockFiles(folder);
  writeFileSync(join(folder, "requirements.txt"), "b==1\n");
  expect(lockedPackages(folder, lockFiles, new Set(["requirements.txt"]))).toEqual([]);
});

test("a lock file that can't be read is an error only where an artifact follows it", () => {
  const folder = source({ "package-lock.json": "no JSON" });
  expect(purls(folder)).toEqual([]);
  expect(() => purls(folder, ["package-lock.json"])).toThrow(/^package-lock\.json: got text that can't be parsed/);
});

const plan: Plan = {
  kiln: "0.0.0",
  name: "sample",
  version: "1.0.0",
  source: { repository: null, commit: "0".repeat(40), tree: "1".repeat(40), recipe: "kiln.yaml", time: 0 },
  recipe: hash("1"),
  steps: [],
  kinds: {},
  tools: { tool: { version: "1 2", sha256: hash("2") } },
  base: { title: "debian bookworm amd64", digest: hash("3") },
  isolation: "bubblewrap",
  env: {},
};

test("every input is there with its digest: commit, lock files, each file of each locked package, recipe, tools, base", () => {
  const folder = source({
    "package-lock.json": packageLock("@scope/a"),
    "requirements.txt": `b==1 --hash=sha256:${hash("4")} --hash=sha256:${hash("5")}\nc==2\n`,
  });
  const lockFiles = findLockFiles(folder);
  const bytes = provenanceBytes({
    plan,
    bakeKey: hash("6"),
    artifacts: [{ file: "x", sha256: hash("7") }],
    lockFiles,
    packages: lockedPackages(folder, lockFiles, new Set()),
    materials: [{ name: "libc6", version: "2", uri: "pkg:deb/debian/libc6@2?arch=amd64", sha256: hash("8") }],
  });
  const statement = JSON.parse(Buffer.from(bytes).toString("utf8")) as {
    predicate: { buildDefinition: { resolvedDependencies: unknown } };
  };
  expect(statement.predicate.buildDefinition.resolvedDependencies).toEqual([
    { name: "source", digest: { gitCommit: "0".repeat(40) } },
    ...lockFiles.map(({ path, sha256 }) => ({ name: path, digest: { sha256 } })),
    { name: "@scope/a@1.0.0", uri: "pkg:npm/%40scope/a@1.0.0", digest: { sha512: "01".repeat(64) } },
    { name: "b@1", uri: "pkg:pypi/b@1", digest: { sha256: hash("4") } },
    { name: "b@1", uri: "pkg:pypi/b@1", digest: { sha256: hash("5") } },
    { name: "c@2", uri: "pkg:pypi/c@2" },
    { name: "kiln.yaml", digest: { sha256: hash("1") } },
    { name: "tool", uri: "pkg:generic/tool@1%202", digest: { sha256: hash("2") } },
    { name: "base: debian bookworm amd64", digest: { sha256: hash("3") } },
    { name: "libc6", uri: "pkg:deb/debian/libc6@2?arch=amd64", digest: { sha256: hash("8") } },
  ]);
});
