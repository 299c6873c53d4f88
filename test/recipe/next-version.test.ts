import fc from "fast-check";
import semver from "semver";
import { expect, test } from "vitest";

import { lineSchema, nextVersion } from "../../src/recipe/next-version.ts";

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

test("a line is MAJOR.MINOR.*", () => {
  expect(["1.4.*", "0.0.*", "2026.11.*"].every((line) => lineSchema.safeParse(line).success)).toBe(true);
  for (const line of ["1.*", "*", "1.4.0", "1.4.*.*", "01.4.*", "1.4.**", "v1.4.*", "1.4.*\n", ""]) {
    expect(lineSchema.safeParse(line).success).toBe(false);
  }
});
