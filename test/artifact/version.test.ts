// The oracles are dpkg's and npm's own comparison.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

import fc from "fast-check";
import semver from "semver";
import { expect, test } from "vitest";

import { versionSchema } from "../../src/artifact/name.ts";
import { debVersion, isSemantic, npmVersion } from "../../src/artifact/version.ts";
import { isKilnError } from "../../src/errors.ts";

const number = fc.oneof(fc.nat(12), fc.nat(100_000)).map(String);
const word = fc.constantFrom("alpha", "beta", "dev", "rc");
const version = fc
  .record({
    core: fc.tuple(number, number, number).map((numbers) => numbers.join(".")),
    pre: fc.array(fc.oneof(number, word), { maxLength: 4 }),
  })
  .map(({ core, pre }) => [core, ...(pre.length > 0 ? [pre.join(".")] : [])].join("-"));

/** Versions as people write them, legal ones mostly. */
const anyVersion = fc.oneof(
  version,
  fc.tuple(version, fc.stringMatching(/^[+~_!-][0-9a-z.+~-]{0,4}$/)).map((parts) => parts.join("")),
  fc.stringMatching(/^[0-9a-z.+~!_-]{1,12}$/),
);

const outcome = (map: (text: string) => string, text: string): string | undefined => {
  try {
    return map(text);
  } catch (error) {
    if (isKilnError(error, "VERSION_UNMAPPABLE", "NAME_INVALID")) return undefined;
    throw error;
  }
};

/** Compares many pairs in one process: -1, 0 or 1 each. */
async function dpkgOrders(pairs: readonly (readonly [string, string])[]): Promise<number[]> {
  const script =
    'while [ $# -gt 0 ]; do if dpkg --compare-versions "$1" lt "$2"; then echo -1; ' +
    'elif dpkg --compare-versions "$1" eq "$2"; then echo 0; else echo 1; fi; shift 2; done';
  const { stdout, stderr } = await promisify(execFile)("sh", ["-c", script, "sh", ...pairs.flat()]);
  // A version that dpkg takes for a bad one is a warning here.
  expect(stderr).toBe("");
  return stdout.trim().split("\n").map(Number);
}

test("a release and its pre-releases sort for dpkg as they do for npm", async () => {
  const pairs = fc.sample(fc.tuple(version, version), { numRuns: 150, seed: 7 });
  const orders = await dpkgOrders(pairs.map(([one, other]) => [debVersion(one), debVersion(other)]));
  expect(orders).toEqual(pairs.map(([one, other]) => semver.compare(one, other)));
});

test("pre-releases of one version sort for dpkg as they do for npm", async () => {
  const pre = fc
    .array(fc.oneof(number, word), { maxLength: 4 })
    .map((ids) => ["1.2.0", ...(ids.length > 0 ? [ids.join(".")] : [])].join("-"));
  const pairs = fc.sample(fc.tuple(pre, pre), { numRuns: 150, seed: 8 });
  const orders = await dpkgOrders(pairs.map(([one, other]) => [debVersion(one), debVersion(other)]));
  expect(orders).toEqual(pairs.map(([one, other]) => semver.compare(one, other)));
});

test("dpkg accepts every version that is mapped", async () => {
  const mapped = fc.sample(anyVersion, { numRuns: 150, seed: 9 }).flatMap((text) => outcome(debVersion, text) ?? []);
  expect(mapped.length).toBeGreaterThan(50);
  await dpkgOrders(mapped.map((text) => [text, text] as const));
});

test("two versions never become one", () => {
  for (const map of [debVersion, npmVersion]) {
    fc.assert(
      fc.property(anyVersion, (text) => {
        const mapped = outcome(map, text);
        if (mapped === undefined) return;
        // Whatever else is written like the result, or like what it came from, is either the same version or refused.
        for (const other of [mapped, mapped.replace("~", "-"), text.replace("-", "~"), text.split("+")[0] ?? ""]) {
          if (other !== text) expect(outcome(map, other)).not.toBe(mapped);
        }
      }),
      { numRuns: 2000 },
    );
  }
});

test("npm keeps what it is given", () => {
  fc.assert(
    fc.property(anyVersion, (text) => {
      const mapped = outcome(npmVersion, text);
      if (mapped !== undefined) expect(semver.clean(mapped)).toBe(text);
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ["1.2.3", "1.2.3"],
  ["1.2.0-rc.1", "1.2.0~rc.1"],
  ["1.2.4-dev.5.g0123456789ab", "1.2.4~dev.5.g0123456789ab"],
  ["1.2.3+build.7", "1.2.3+build.7"],
  ["2026.11", "2026.11"],
  ["1.2~rc1", "1.2~rc1"],
])("the .deb of %s has version %s", (version, want) => {
  expect(debVersion(version)).toBe(want);
});

test.each([
  [debVersion, "1.2.0-rc-1", "VERSION_UNMAPPABLE"],
  [debVersion, "1.2.0~rc.1", "VERSION_UNMAPPABLE"],
  [debVersion, "1.2-3", "VERSION_UNMAPPABLE"],
  [debVersion, "1!2.0", "VERSION_UNMAPPABLE"],
  [debVersion, "nightly", "VERSION_UNMAPPABLE"],
  [debVersion, "1.0/../x", "NAME_INVALID"],
  [debVersion, "", "NAME_INVALID"],
  [debVersion, "1".repeat(300), "NAME_INVALID"],
  [npmVersion, "1.2", "VERSION_UNMAPPABLE"],
  [npmVersion, "1.02.3", "VERSION_UNMAPPABLE"],
  [npmVersion, "v1.2.3", "VERSION_UNMAPPABLE"],
  [npmVersion, "1.2.3+build.7", "VERSION_UNMAPPABLE"],
  [npmVersion, "1.2.99999999999999999999", "VERSION_UNMAPPABLE"],
  [npmVersion, "1.2.3\n", "NAME_INVALID"],
])("%o refuses %j with %s", (map, version, code) => {
  expect(() => map(version)).toThrow(expect.objectContaining({ code }));
});

test("a semantic version is one in its canonical spelling", () => {
  expect(["1.2.3", "1.2.3-rc.1", "1.2.3-0a+b.c"].every(isSemantic)).toBe(true);
  expect(["v1.2.3", "=1.2.3", " 1.2.3", "1.2", "01.2.3", "1.2.3-01"].some(isSemantic)).toBe(false);
  fc.assert(fc.property(version, (text) => versionSchema.safeParse(text).success && isSemantic(text)));
});
