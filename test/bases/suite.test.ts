import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";
import { expect, test } from "vitest";

import type { BaseQuestion } from "../../src/bases/base.ts";
import { baseSchema, type BaseSpec, resolveBase } from "../../src/bases/index.ts";
import {
  differences,
  digestOfSuite,
  findLocked,
  type Lock,
  type LockedSuite,
  lockPathOf,
  lockText,
  parseLock,
} from "../../src/bases/lock.ts";
import { mirrorOf } from "../../src/bases/suite/mirror.ts";
import { debianName } from "../../src/system/architecture.ts";
import { temporaryFolder } from "../system/made-repository.ts";

const architecture = debianName(process.arch);

const locked: LockedSuite = {
  distribution: "debian",
  suite: "bookworm",
  components: ["main"],
  architecture,
  wanted: ["datefudge", "libstdc++6", "make"],
  inRelease: { sha256: "a".repeat(64), time: 1_700_000_000 },
  packages: {
    make: { version: "4.3-4.1", architecture, sha256: "b".repeat(64) },
    bash: { version: "5.2.15-2+b7", architecture, sha256: "c".repeat(64) },
  },
};

const textOf = (...suites: LockedSuite[]): Buffer => Buffer.from(lockText({ kilnLock: 1, suites }));

const resolve = (spec: unknown, lock: Uint8Array | undefined, more: Partial<BaseQuestion> = {}) =>
  resolveBase(baseSchema.parse(spec), {
    read: async (path) => (path === "kiln.lock" ? lock : undefined),
    recipe: "kiln.yaml",
    programs: [],
    folder: "/nowhere",
    ...more,
  });

const bookworm = { suite: "bookworm", packages: ["make"] };

test("the host is no base", async () => {
  expect(await resolve(undefined, undefined)).toBeUndefined();
  expect(await resolve("host", undefined)).toBeUndefined();
});

test("a locked suite is known by its digest and everything that is in it, without a network", async () => {
  const base = await resolve(bookworm, textOf(locked));
  expect(base).toMatchObject({ title: `debian bookworm ${architecture}`, digest: digestOfSuite(locked) });
  expect(base?.materials).toContainEqual({
    name: "bash",
    version: "5.2.15-2+b7",
    uri: `pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=${architecture}`,
    sha256: "c".repeat(64),
  });
  expect(base?.materials).toContainEqual({ name: "InRelease of debian bookworm", sha256: "a".repeat(64) });
});

test.each<[string, unknown, Uint8Array | undefined]>([
  ["no lock file", bookworm, undefined],
  ["a package more", { ...bookworm, packages: ["make", "gcc"] }, textOf(locked)],
  ["a package less", { suite: "bookworm" }, textOf(locked)],
  ["another suite", { ...bookworm, suite: "trixie" }, textOf(locked)],
  ["another distribution", { ...bookworm, distribution: "ubuntu" }, textOf(locked)],
  ["a snapshot", { ...bookworm, snapshot: "20260101T000000Z" }, textOf(locked)],
  ["another component", { ...bookworm, components: ["main", "contrib"] }, textOf(locked)],
  ["another machine", bookworm, textOf({ ...locked, architecture: "other" })],
  ["no JSON", bookworm, Buffer.from("{")],
  ["other JSON", bookworm, Buffer.from('{"kilnLock":2,"suites":[]}')],
  ["a digest that is none", bookworm, Buffer.from(textOf(locked).toString().replace("c".repeat(64), "c"))],
])("what the lock file doesn't pin is refused, with the way to pin it: %s", async (_, spec, lock) => {
  await expect(resolve(spec, lock)).rejects.toMatchObject({
    code: "BASE_UNLOCKED",
    hint: expect.stringContaining("kiln lock") as string,
  });
});

test("the packages of packers are part of the base; one that its lock file lacks is missing", async () => {
  await expect(resolve(bookworm, textOf(locked), { programs: ["python3"] })).rejects.toMatchObject({
    code: "BASE_UNLOCKED",
  });
  const wanted = [...locked.wanted, "python3"].toSorted();
  await expect(resolve(bookworm, textOf({ ...locked, wanted }), { programs: ["python3"] })).rejects.toMatchObject({
    code: "TOOL_MISSING",
  });
  const packages = { ...locked.packages, python3: { version: "3.11", architecture, sha256: "d".repeat(64) } };
  const found = await resolve(bookworm, textOf({ ...locked, wanted, packages }), { programs: ["python3"] });
  expect(found?.title).toContain("bookworm");
});

const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
const name = fc.stringMatching(/^[a-z0-9][a-z0-9.+-]{0,20}$/).filter((it) => it !== "__proto__");
const anyPackage = fc.record({
  version: fc.stringMatching(/^[0-9][A-Za-z0-9.+:~-]{0,20}$/),
  architecture: fc.constantFrom("amd64", "all"),
  sha256: hex,
});
const anySuite = fc.record({
  distribution: fc.constantFrom("debian" as const, "ubuntu" as const),
  suite: name,
  components: fc.array(name, { minLength: 1 }),
  architecture: fc.constantFrom("amd64", "arm64"),
  wanted: fc.array(name),
  inRelease: fc.record({ sha256: hex, time: fc.nat() }),
  packages: fc.dictionary(name, anyPackage),
});

test("a lock file is read as it was written, whatever the order in which it was put together", () => {
  fc.assert(
    fc.property(fc.array(anySuite, { maxLength: 3 }), (suites) => {
      const read: Lock = parseLock(Buffer.from(lockText({ kilnLock: 1, suites })), "kiln.lock");
      expect(lockText(read)).toBe(lockText({ kilnLock: 1, suites: suites.toReversed() }));
      for (const suite of suites) {
        const found = findLocked(read, suite);
        expect(found?.packages).toBeDefined();
      }
    }),
    { numRuns: 50 },
  );
});

test("a package that moved is named with its versions, one with other bytes too, and an index with other bytes", () => {
  const { make, bash } = locked.packages;
  if (make === undefined || bash === undefined) throw new Error("no packages");
  const now: LockedSuite = {
    ...locked,
    inRelease: { ...locked.inRelease, sha256: "9".repeat(64) },
    packages: { make: { ...make, version: "4.4" }, bash: { ...bash, sha256: "d".repeat(64) }, new: make },
  };
  expect(differences(locked, now)).toEqual([
    "bash 5.2.15-2+b7 has other bytes",
    "make 4.3-4.1 → 4.4",
    "new none → 4.3-4.1",
    "its InRelease",
  ]);
  expect(differences(locked, locked)).toEqual([]);
});

test.each<[string, (one: LockedSuite) => LockedSuite]>([
  [
    "a package's bytes",
    (one) => ({
      ...one,
      packages: { ...one.packages, make: { version: "4.3-4.1", architecture, sha256: "0".repeat(64) } },
    }),
  ],
  [
    "a package more",
    (one) => ({ ...one, packages: { ...one.packages, gcc: { version: "12", architecture, sha256: "0".repeat(64) } } }),
  ],
  ["the index", (one) => ({ ...one, inRelease: { ...one.inRelease, sha256: "0".repeat(64) } })],
  ["the suite", (one) => ({ ...one, suite: "trixie" })],
  ["the architecture", (one) => ({ ...one, architecture: "other" })],
])("another base by its digest: %s", (_, change) => {
  expect(digestOfSuite(change(locked))).not.toBe(digestOfSuite(locked));
});

test("the same base by its digest, however its packages came to be asked for", () => {
  expect(digestOfSuite({ ...locked, wanted: ["bash", ...locked.wanted] })).toBe(digestOfSuite(locked));
});

test.each([
  ["kiln.yaml", "kiln.lock"],
  ["sub/other.yml", "sub/other.lock"],
  ["recipe", "recipe.lock"],
])("the lock file of %s is %s", (recipe, lock) => {
  expect(lockPathOf(recipe)).toBe(lock);
});

function etc(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "apt/sources.list.d"), { recursive: true });
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
  return folder;
}

const release = 'ID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian"\n';
const own = "http://mirror.test/debian";
const question = { distribution: "debian", architecture: "amd64", settings: { mirrors: {} } } as const;

test.each<[string, Readonly<Record<string, string>>, string]>([
  ["one line", { "os-release": release, "apt/sources.list": `# x\ndeb [arch=amd64] ${own}/ bookworm main\n` }, own],
  [
    "deb822",
    {
      "os-release": release,
      "apt/sources.list.d/a.sources": `Types: deb\n# http://old.test\nURIs: ${own}\nSuites: bookworm bookworm-updates\n`,
    },
    own,
  ],
  [
    "another repository, and one that is off",
    {
      "os-release": release,
      "apt/sources.list.d/a.sources": `Types: deb\nURIs: http://vendor.test/x\nSuites: stable\n\nTypes: deb\nEnabled: no\nURIs: http://off.test/debian\nSuites: bookworm\n`,
      "apt/sources.list": `deb ${own} bookworm main\n`,
    },
    own,
  ],
  [
    "another distribution",
    { "os-release": "ID=other\nVERSION_CODENAME=bookworm\n", "apt/sources.list": `deb ${own} bookworm main\n` },
    "http://deb.debian.org/debian",
  ],
  ["nothing at all", {}, "http://deb.debian.org/debian"],
])("the mirror is the machine's own, if it has one of the distribution: %s", (_, files, expected) => {
  expect(mirrorOf({ ...question, etc: etc(files) })).toBe(expected);
});

test("a setting comes before everything, a recipe's mirror before the machine's; a folder is a mirror", () => {
  const here = etc({ "os-release": release, "apt/sources.list": `deb ${own} bookworm main\n` });
  const mirror = "http://recipe.test/debian/";
  expect(mirrorOf({ ...question, etc: here, mirror })).toBe("http://recipe.test/debian");
  const settings = { mirrors: { debian: "/srv/debian" } };
  expect(mirrorOf({ ...question, etc: here, mirror, settings })).toBe("file:/srv/debian");
});

test.each([
  ["debian", "https://snapshot.debian.org/archive/debian/20260101T000000Z"],
  ["ubuntu", "https://snapshot.ubuntu.com/ubuntu/20260101T000000Z"],
] as const)("a date is of the snapshot service of %s, or of the recipe's own", (distribution, expected) => {
  const snapshot = "20260101T000000Z";
  const settings = { mirrors: { [distribution]: "http://live.test" } };
  expect(mirrorOf({ ...question, distribution, snapshot, settings })).toBe(expected);
  expect(mirrorOf({ ...question, snapshot, settings, mirror: "http://own.test/archive" })).toBe(
    "http://own.test/archive/20260101T000000Z",
  );
});

test.each<[unknown]>([
  [{ suite: "Bookworm" }],
  [{ suite: "bookworm", packages: ["make=4.3"] }],
  [{ suite: "bookworm", packages: ["-o"] }],
  [{ suite: "bookworm", snapshot: "2026-01-01" }],
  [{ suite: "bookworm", mirror: "ssh://x" }],
  [{ suite: "bookworm", colour: "red" }],
  [{}],
  ["bookworm"],
])("%j is no base", (spec) => {
  expect(baseSchema.safeParse(spec as BaseSpec).success).toBe(false);
});
