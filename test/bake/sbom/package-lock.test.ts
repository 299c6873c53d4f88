import fc from "fast-check";
import { expect, test } from "vitest";

import { packageLock } from "../../../src/bake/sbom/package-lock.ts";
import { KilnError } from "../../../src/errors.ts";

const readNpmLock = (text: string, where: string) => packageLock.read(text, { where, beside: () => undefined });
const read = (packages: Record<string, unknown>, version = 3) =>
  readNpmLock(JSON.stringify({ lockfileVersion: version, packages }), "package-lock.json");
const find = (packages: Record<string, unknown>, purl: string) =>
  read(packages).packages.find((one) => one.purl === purl);

const a = { version: "1.0.0" };

test("a name leads to the nearest node_modules upwards, as Node finds it", () => {
  const packages = {
    "": { dependencies: { one: "*", two: "*" } },
    "node_modules/one": { version: "1.0.0", dependencies: { shared: "^1" } },
    "node_modules/one/node_modules/shared": { version: "1.5.0", dependencies: { deep: "*" } },
    "node_modules/two": { version: "2.0.0", dependencies: { shared: "^2" } },
    "node_modules/shared": { version: "2.5.0" },
    "node_modules/deep": { version: "3.0.0" },
  };
  expect(read(packages).uses).toEqual(["pkg:npm/one@1.0.0", "pkg:npm/two@2.0.0"]);
  expect(find(packages, "pkg:npm/one@1.0.0")?.uses).toEqual(["pkg:npm/shared@1.5.0"]);
  expect(find(packages, "pkg:npm/two@2.0.0")?.uses).toEqual(["pkg:npm/shared@2.5.0"]);
  expect(find(packages, "pkg:npm/shared@1.5.0")?.uses).toEqual(["pkg:npm/deep@3.0.0"]);
});

test("what is for development alone is excluded, what may be absent is optional, the rest is required", () => {
  const packages = {
    "": { dependencies: { a: "*" }, devDependencies: { d: "*" }, optionalDependencies: { o: "*", absent: "*" } },
    "node_modules/a": a,
    "node_modules/d": { ...a, dev: true },
    "node_modules/o": { ...a, optional: true },
    "node_modules/both": { ...a, devOptional: true },
  };
  const scopes = Object.fromEntries(read(packages).packages.map(({ name, scope }) => [name, scope]));
  expect(scopes).toEqual({ a: "required", d: "excluded", o: "optional", both: "optional" });
  expect(read(packages).uses).toEqual(["pkg:npm/a@1.0.0", "pkg:npm/d@1.0.0", "pkg:npm/o@1.0.0"]);
});

test("the development dependencies of a dependency aren't followed", () => {
  const packages = {
    "": { dependencies: { a: "*" } },
    "node_modules/a": { ...a, devDependencies: { b: "*" } },
    "node_modules/b": { ...a, dev: true },
  };
  expect(find(packages, "pkg:npm/a@1.0.0")?.uses).toEqual([]);
});

test("one package in two places is one component with the stronger scope and both's dependencies", () => {
  const packages = {
    "": { dependencies: { x: "*" } },
    "node_modules/s": { version: "1.0.0", dev: true, dependencies: { l: "*" } },
    "node_modules/l": { version: "1.0.0", dev: true },
    "node_modules/x": { version: "1.0.0", dependencies: { s: "*" } },
    "node_modules/x/node_modules/s": { version: "1.0.0", dependencies: { l: "*" } },
    "node_modules/x/node_modules/l": { version: "2.0.0" },
  };
  const found = read(packages).packages.filter(({ name }) => name === "s");
  expect(found).toMatchObject([{ scope: "required", uses: ["pkg:npm/l@1.0.0", "pkg:npm/l@2.0.0"] }]);
});

test("workspaces are followed through their links, and see the project's own node_modules", () => {
  const packages = {
    "": { workspaces: ["packages/*"], dependencies: { "@my/app": "*" } },
    "node_modules/@my/app": { resolved: "packages/app", link: true },
    "packages/app": { name: "@my/app", version: "0.1.0", dependencies: { a: "*" }, devDependencies: { d: "*" } },
    "packages/app/node_modules/a": { version: "9.0.0" },
    "node_modules/a": a,
    "node_modules/d": { ...a, dev: true },
  };
  expect(read(packages).uses).toEqual(["pkg:npm/%40my/app@0.1.0"]);
  expect(find(packages, "pkg:npm/%40my/app@0.1.0")?.uses).toEqual(["pkg:npm/a@9.0.0", "pkg:npm/d@1.0.0"]);
});

test("an alias is the package that it stands for", () => {
  const packages = {
    "": { dependencies: { old: "npm:real@1" } },
    "node_modules/old": { name: "real", version: "1.0.0" },
  };
  expect(read(packages).uses).toEqual(["pkg:npm/real@1.0.0"]);
});

test("a package from git says so, and never shows credentials", () => {
  const resolved = "git+ssh://git:token@example.org/x/y.git#0123456789012345678901234567890123456789";
  const { packages } = read({ "": {}, "node_modules/y": { version: "1.0.0", resolved } });
  expect(packages[0]?.purl).toContain("vcs_url=git%2Bssh%3A%2F%2Fexample.org%2Fx%2Fy.git");
  expect(JSON.stringify(packages)).not.toContain("token");
});

test("hashes are the integrity's, in hex; licences are what the lock says", () => {
  const integrity = `sha512-${Buffer.alloc(64, 1).toString("base64")} sha1-${Buffer.alloc(20, 2).toString("base64")}`;
  const packages = {
    "": {},
    "node_modules/a": { ...a, integrity, license: "MIT" },
    "node_modules/b": { ...a, license: { type: "BSD" } },
    "node_modules/c": { ...a, license: 7 },
  };
  expect(find(packages, "pkg:npm/a@1.0.0")).toMatchObject({
    license: "MIT",
    files: [{ hashes: { sha512: "01".repeat(64), sha1: "02".repeat(20) } }],
  });
  expect(find(packages, "pkg:npm/b@1.0.0")?.license).toBe("BSD");
  expect(find(packages, "pkg:npm/c@1.0.0")?.license).toBeUndefined();
});

test.each([
  ["text that isn't JSON", "{"],
  ["a version 1 lock file", '{"lockfileVersion":1,"dependencies":{}}'],
  ["a lock file without packages", '{"lockfileVersion":3}'],
  ["null", "null"],
])("%s is refused with its path", (_, text) => {
  expect(() => readNpmLock(text, "sub/package-lock.json")).toThrow(
    expect.objectContaining({
      code: "ARTIFACT_INVALID",
      message: expect.stringContaining("sub/package-lock.json") as string,
    }) as Error,
  );
});

test("anything at all gives packages or an ARTIFACT_INVALID, never another error, and never hangs", () => {
  const key = fc.oneof(
    fc.constantFrom("", "node_modules/a", "node_modules/a/node_modules/b", "packages/a", "node_modules/", "a/b/c"),
    fc.string({ maxLength: 20 }),
  );
  const entry = fc.record(
    {
      version: fc.string({ maxLength: 5 }),
      link: fc.boolean(),
      resolved: fc.oneof(key, fc.webUrl()),
      dependencies: fc.dictionary(fc.constantFrom("a", "b", "../x", "@s/p", "__proto__"), fc.string({ maxLength: 3 })),
      dev: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.dictionary(key, entry, { maxKeys: 8 }), (packages) => {
      try {
        const lock = read(packages);
        expect(lock.packages).toEqual(lock.packages.toSorted((one, two) => (one.purl < two.purl ? -1 : 1)));
      } catch (error) {
        if (!(error instanceof KilnError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
