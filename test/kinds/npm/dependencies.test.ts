import fc from "fast-check";
import semver from "semver";
import { expect, test } from "vitest";

import { KilnError } from "../../../src/errors.ts";
import { stampDependencies, type Surroundings } from "../../../src/kinds/npm/dependencies.ts";

const around: Surroundings = {
  version: "3.1.0",
  released: new Set(["@acme/core", "acme"]),
  workspaceVersion: (name) => ({ "@acme/old": "0.9.1" })[name],
  packageAt: (path) =>
    ({
      "../core": { name: "@acme/core", version: "0.0.0" },
      "../old": { name: "@acme/old", version: "0.9.1" },
      "../tool": { name: "tool", version: undefined },
    })[path],
  catalog: (catalog, name) =>
    new Map([
      ["default react", "^19.0.0"],
      ["old react", "^18.0.0"],
    ]).get(`${catalog} ${name}`),
};

const stamped = (name: string, range: string): string | undefined =>
  stampDependencies({ name: "it", dependencies: { [name]: range } }, around, "package.json").dependencies?.[name];

test.each([
  // What the release holds.
  ["@acme/core", "workspace:*", "3.1.0"],
  ["@acme/core", "workspace:", "3.1.0"],
  ["@acme/core", "workspace:^", "^3.1.0"],
  ["@acme/core", "workspace:~", "~3.1.0"],
  ["@acme/core", "workspace:^0.0.1", "^3.1.0"],
  ["@acme/core", "workspace:../core", "3.1.0"],
  ["@acme/core", "*", "3.1.0"],
  ["@acme/core", "", "3.1.0"],
  ["@acme/core", "latest", "3.1.0"],
  ["@acme/core", "1.0.0", "3.1.0"],
  ["@acme/core", "=1.0.0", "3.1.0"],
  ["@acme/core", "^1.0.0-beta.2", "^3.1.0"],
  ["@acme/core", "~1.0", "~3.1.0"],
  ["@acme/core", "1.x", "^3.1.0"],
  ["@acme/core", "1.2.x", "~3.1.0"],
  ["@acme/core", ">= 1.0.0", ">=3.1.0"],
  ["@acme/core", "^2.0.0 || ^3.0.0", "^2.0.0 || ^3.0.0"],
  ["@acme/core", "file:../core", "3.1.0"],
  ["@acme/core", "link:../core", "3.1.0"],
  ["@acme/core", "portal:../core", "3.1.0"],
  ["core", "workspace:@acme/core@^", "npm:@acme/core@^3.1.0"],
  ["core", "file:../core", "npm:@acme/core@3.1.0"],
  // What it doesn't hold.
  ["@acme/old", "workspace:*", "0.9.1"],
  ["@acme/old", "workspace:^", "^0.9.1"],
  ["@acme/old", "workspace:>=0.5", ">=0.5"],
  ["@acme/old", "file:../old", "0.9.1"],
  ["react", "catalog:", "^19.0.0"],
  ["react", "catalog:old", "^18.0.0"],
  ["react", "^19.1.0", "^19.1.0"],
  ["acme", "npm:other@^1.0.0", "npm:other@^1.0.0"],
  ["acme", "github:acme/acme", "github:acme/acme"],
])("%s: %s is published as %s", (name, range, published) => {
  expect(stamped(name, range)).toBe(published);
});

test.each([
  ["@acme/core", "^1.0.0 || ^2.0.0", /a range that allows 3\.1\.0/],
  ["@acme/gone", "workspace:*", /a workspace that this release holds/],
  ["gone", "file:../gone", /what npm can install without this repository/],
  ["tool", "link:../tool", /what npm can install without this repository/],
  ["@acme/core", "workspace:a:b", /want workspace: and then/],
  ["vue", "catalog:", /an entry for vue in the catalog/],
])("%s: %s is refused: no stock client could install it", (name, range, message) => {
  expect(() => stamped(name, range)).toThrow(message);
});

test("what only development needs stays as it is where npm couldn't install it: nobody will", () => {
  const devDependencies = { config: "workspace:*", "@acme/core": "workspace:*" };
  expect(stampDependencies({ name: "it", devDependencies }, around, "package.json").devDependencies).toEqual({
    config: "workspace:*",
    "@acme/core": "3.1.0",
  });
});

test("any range is refused, left alone, or becomes one that npm accepts for the release's version", () => {
  const piece = fc.constantFrom(
    "^",
    "~",
    ">=",
    "<",
    "=",
    "v",
    "1",
    ".",
    "x",
    "*",
    " ",
    "||",
    "-",
    "0.0.1",
    "2.3.4-rc.1",
    "workspace:",
    "catalog:",
    "a",
    "@",
    "/",
    "\n",
    "é",
  );
  const range = fc.oneof(
    fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join("")),
    fc.string({ maxLength: 300 }),
  );
  fc.assert(
    fc.property(range, (text) => {
      let result;
      try {
        result = stamped("@acme/core", text);
      } catch (error) {
        expect(error).toBeInstanceOf(KilnError);
        return;
      }
      if (result === text || result === text.trim() || result === undefined || result.startsWith("npm:")) return;
      expect(semver.satisfies(around.version, result)).toBe(true);
    }),
  );
});
