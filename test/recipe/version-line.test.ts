import fc from "fast-check";
import semver from "semver";
import { expect, test } from "vitest";

import { lineSchema, nextVersion } from "../../src/recipe/version-line.ts";

test.each([
  ["1.4.*", [], "1.4.0"],
  ["1.4.*", ["1.4.0"], "1.4.1"],
  ["1.4.*", ["1.4.9", "1.4.10", "1.4.2"], "1.4.11"],
  ["1.4.*", ["1.3.7", "1.40.7", "11.4.7", "1.5.0"], "1.4.0"],
  ["1.4.*", ["1.4.3-rc.1", "1.4.4-0.dev.0.dirty.g01234567"], "1.4.0"],
  ["1.4.*", ["1.4.3+build.2"], "1.4.4"],
  ["1.4.*", ["1.4.", "1.4.x", "1.4.01", "1.4.1.1", "1.4.-1", "nightly", "v1.4.8", "1.4.99999999999999999999"], "1.4.0"],
  ["0.0.*", ["0.0.0"], "0.0.1"],
])("after %s with %j comes %s", (line, taken, next) => {
  expect(nextVersion(line, taken)).toBe(next);
});

test("the next version is free, of the line, and newer than all of it", () => {
  const any = fc.oneof(
    fc.nat(30).map((patch) => `1.4.${patch}`),
    fc.stringMatching(/^1\.4\.[0-9a-z.+-]{0,6}$/),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(any), (taken) => {
      const next = nextVersion("1.4.*", taken);
      expect(taken).not.toContain(next);
      expect(next).toMatch(/^1\.4\.\d+$/);
      for (const version of taken) {
        if (semver.valid(version) === version && /^1\.4\.\d+$/.test(version))
          expect(semver.gt(next, version)).toBe(true);
      }
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ["1.4.0-rc.*", [], "1.4.0-rc.1"],
  ["1.4.0-rc.*", ["1.4.0-rc.1", "1.4.0-rc.3.0.dev.7", "1.4.0-beta.9", "1.4.0-rc.x"], "1.4.0-rc.4"],
  ["1.4.0-0.dev.*", ["1.4.0-0.dev.3.g0123456789ab"], "1.4.0-0.dev.4"],
  ["1.4.0+post.*", ["1.4.0", "1.4.0+post.1"], "1.4.0+post.2"],
  ["1.4.0+rev.*", ["1.4.0"], "1.4.0+rev.2"],
  ["1!1.4.*", ["1.4.7"], "1!1.4.0"],
])("after %s with %j comes %s", (line, taken, next) => {
  expect(nextVersion(line, taken)).toBe(next);
});

test("a pre-release isn't given out once its release is there", () => {
  for (const line of ["1.4.0-rc.*", "1.4.0-0.dev.*"]) {
    expect(() => nextVersion(line, ["1.4.0"])).toThrow(/got 1.4.0 published already/);
  }
});

test("a line is a version whose last number is a star", () => {
  const lines = [
    "1.4.*",
    "0.0.*",
    "2026.11.*",
    "1.4.0-rc.*",
    "1!1.4.*",
    "1.4.0-0.dev.*",
    "1.4.0+post.*",
    "1.4.0+rev.*",
  ];
  expect(lines.filter((line) => !lineSchema.safeParse(line).success)).toEqual([]);
  for (const line of [
    "1.*",
    "*",
    "1.4.0",
    "1.4.*.*",
    "01.4.*",
    "1.4.**",
    "v1.4.*",
    "1.4.*\n",
    "",
    "1.4.0-*",
    "1.4.0+b.*",
  ]) {
    expect(lineSchema.safeParse(line).success).toBe(false);
  }
});
