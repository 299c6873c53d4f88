// The oracles are the stock implementations: npm's semver, dpkg, rpm, and Python's packaging.

import fc from "fast-check";
import semver from "semver";
import { expect, test } from "vitest";

import {
  chartVersion,
  compareVersions,
  debVersion,
  isSemantic,
  npmVersion,
  parseVersion,
  pythonVersion,
  rpmFields,
  rpmVersion,
} from "../../../src/artifact/version.ts";
import { isKilnError } from "../../../src/errors.ts";
import { anyText, pairs, versions } from "./generated.ts";
import { dpkgOrders, npmOrders, type Pair, pythonOrders, rpmOrders } from "./orders.ts";

type Write = (version: string, options?: { lossy?: boolean }) => string;

const rpmText: Write = (version, options) => {
  const { epoch, version: written, release } = rpmFields(version, options);
  return `${epoch}:${written}-${release}`;
};

const formats = [
  { name: "npm", write: npmVersion, orders: npmOrders },
  { name: "Helm", write: chartVersion, orders: npmOrders },
  { name: "Debian", write: debVersion, orders: dpkgOrders },
  { name: "rpm", write: rpmText, orders: rpmOrders },
  { name: "Python", write: pythonVersion, orders: pythonOrders },
] as const;

/** What the format writes; undefined where it refuses. */
const written = (write: Write, text: string, options?: { lossy: boolean }): string | undefined => {
  try {
    return write(text, options);
  } catch (error) {
    if (isKilnError(error, "VERSION_UNMAPPABLE", "NAME_INVALID")) return undefined;
    throw error;
  }
};

const order = (one: string, other: string): number => {
  const [first, second] = [parseVersion(one), parseVersion(other)];
  if (first === undefined || second === undefined) throw new Error(`${one} or ${other} isn't a version`);
  // 1.2 and 1.2.0 are one version to Python, two to the others: Kiln promises nothing.
  const length = Math.max(first.numbers.length, second.numbers.length);
  const padded = [first, second].map(({ numbers }) =>
    [...numbers, ...Array<number>(length - numbers.length).fill(0)].join("."),
  );
  if (padded[0] === padded[1] && first.numbers.length !== second.numbers.length) return 0;
  return compareVersions(first, second);
};

test.each(formats)("whatever $name writes sorts there as the versions do", async ({ write, orders }) => {
  const sample = fc
    .sample(pairs, { numRuns: write === debVersion ? 400 : 3000, seed: 7 })
    .filter((pair) => pair.every((it) => written(write, it) !== undefined));
  expect(sample.length).toBeGreaterThan(100);
  const found = await orders(sample.map(([one, other]): Pair => [write(one), write(other)]));
  const wrong = sample.flatMap(([one, other], at) => {
    const want = order(one, other);
    return want === 0 || want === found[at] ? [] : [{ one, other, want, found: found[at] }];
  });
  expect(wrong).toEqual([]);
});

test("each part of a version decides somewhere", () => {
  for (const { write } of formats) {
    const mapped = fc.sample(versions, { numRuns: 2000, seed: 3 }).filter((it) => written(write, it) !== undefined);
    expect(mapped.length).toBeGreaterThan(400);
  }
});

test("two versions never become one", () => {
  for (const { write } of formats) {
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(anyText, (text) => {
        const result = written(write, text);
        if (result === undefined) return;
        expect(seen.get(result) ?? text).toBe(text);
        seen.set(result, text);
        // Whatever else is written like the result, or like what it came from, is either the same version or refused.
        for (const other of [result, result.replace("~", "-"), text.replace("-", "~"), text.split("+")[0] ?? ""]) {
          if (other !== text) expect(written(write, other)).not.toBe(result);
        }
      }),
      { numRuns: 3000 },
    );
  }
});

test("what may be lost is written anyway, and is legal", async () => {
  for (const { write, orders } of formats) {
    const sample = fc.sample(versions, { numRuns: write === debVersion ? 200 : 1000, seed: 9 });
    const results = sample.flatMap((it) => written(write, it, { lossy: true }) ?? []);
    expect(results.length).toBeGreaterThan(sample.length * 0.6);
    await orders(results.map((it): Pair => [it, it]));
    for (const text of sample) {
      const strict = written(write, text);
      if (strict !== undefined) expect(write(text, { lossy: true })).toBe(strict);
    }
  }
});

test("npm keeps what it is given", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const result = written(npmVersion, text);
      if (result !== undefined) expect(semver.clean(result)).toBe(text);
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ["1.2.3", "1.2.3", "1.2.3", "0:1.2.3-1", "1.2.3"],
  ["1.2.0-rc.1", "1.2.0-rc.1", "1.2.0~rc.1", "0:1.2.0~rc.1-1", "1.2.0rc1"],
  ["1.2.0-alpha.10", "1.2.0-alpha.10", "1.2.0~alpha.10", "0:1.2.0~alpha.10-1", "1.2.0a10"],
  ["1.2.4-0.dev.5", "1.2.4-0.dev.5", "1.2.4~0.dev.5", "0:1.2.4~~dev.5-1", "1.2.4.dev5"],
  [
    "1.2.4-0.dev.5.g0123456789ab",
    "1.2.4-0.dev.5.g0123456789ab",
    "1.2.4~0.dev.5.g0123456789ab",
    "0:1.2.4~~dev.5.g0123456789ab-1",
    "1.2.4.dev5+g0123456789ab",
  ],
  ["2.0.0-rc.1.0.dev.3", "2.0.0-rc.1.0.dev.3", "2.0.0~rc.1.0.dev.3", "0:2.0.0~rc.1.0.dev.3-1", "2.0.0rc2.dev3"],
  ["2026.11", undefined, "2026.11", "0:2026.11-1", "2026.11"],
  ["1.2.0+post.1", undefined, "1.2.0+post.1", "0:1.2.0+post.1-1", "1.2.0.post1"],
  ["1.2.0+rev.2", undefined, "1.2.0-2", "0:1.2.0-2", "1.2.0+rev.2"],
  ["1.2.0+rev.1", undefined, "1.2.0-1", undefined, "1.2.0+rev.1"],
  ["1!1.2.0-rc.1+post.2.rev.3", undefined, "1:1.2.0~rc.1+post.2-3", "1:1.2.0~rc.1+post.2-3", "1!1.2.0rc1.post2+rev.3"],
  ["1.2.3+build.7", undefined, "1.2.3+build.7", "0:1.2.3+build.7-1", "1.2.3+build.7"],
  ["1.2.0-rc1", "1.2.0-rc1", undefined, undefined, undefined],
  ["1.2.0-preview.1", "1.2.0-preview.1", undefined, "0:1.2.0~preview.1-1", undefined],
  ["1.2.0-SNAPSHOT", "1.2.0-SNAPSHOT", "1.2.0~SNAPSHOT", "0:1.2.0~SNAPSHOT-1", undefined],
  ["1.2.0-dev.5", "1.2.0-dev.5", "1.2.0~dev.5", "0:1.2.0~dev.5-1", undefined],
  ["1.2.0-1", "1.2.0-1", "1.2.0~1", undefined, undefined],
  ["1.2.3+20261121", undefined, "1.2.3+20261121", undefined, "1.2.3+20261121"],
])("%s in each format", (version, npm, debian, rpm, python) => {
  const got = [npmVersion, debVersion, rpmText, pythonVersion].map((write) => written(write, version));
  expect(got).toEqual([npm, debian, rpm, python]);
});

test.each([
  [npmVersion, "2026.11", "2026.11.0"],
  [npmVersion, "1!1.2.0+post.1.rev.2", "1.2.0"],
  [chartVersion, "1.2+post.1", "1.2.0+post.1"],
  [debVersion, "1.2.0-rc1", "1.2.0~rc1"],
  [debVersion, "1.2.0-preview.1", "1.2.0~preview.1"],
  [debVersion, "1.2.0-a-b+c-d", "1.2.0~a.b+c.d"],
  [rpmVersion, "1.2.0-rc1", "1.2.0~rc1"],
  [rpmVersion, "1.2.0-0.3", "1.2.0~0.3"],
  [rpmVersion, "1.2.0+rev.1", "1.2.0"],
  [pythonVersion, "1.2.0-rc1", "1.2.0rc1"],
  [pythonVersion, "1.2.0-beta", "1.2.0b0"],
  [pythonVersion, "1.2.0-dev.5", "1.2.0.dev5"],
  [pythonVersion, "1.2.0-preview.1", "1.2.0.dev0+preview.1"],
  [pythonVersion, "1.2.0-0.dev.3+post.1", "1.2.0.dev3+post.1"],
])("%o writes %s as %s when it may lose something", (write: Write, version, want) => {
  expect(() => write(version)).toThrow(
    expect.objectContaining({ code: "VERSION_UNMAPPABLE", hint: expect.stringContaining("`lossy`") }),
  );
  expect(write(version, { lossy: true })).toBe(want);
});

test.each([
  [debVersion, "1.2.0~rc.1", "VERSION_UNMAPPABLE"],
  [debVersion, "1.2.0rc1", "VERSION_UNMAPPABLE"],
  [debVersion, "nightly", "VERSION_UNMAPPABLE"],
  [debVersion, "1.0/../x", "NAME_INVALID"],
  [debVersion, "", "NAME_INVALID"],
  [debVersion, "1".repeat(300), "NAME_INVALID"],
  [npmVersion, "1.2.3.4", "VERSION_UNMAPPABLE"],
  [npmVersion, "1.02.3", "VERSION_UNMAPPABLE"],
  [npmVersion, "v1.2.3", "VERSION_UNMAPPABLE"],
  [npmVersion, "1.2.99999999999999999999", "VERSION_UNMAPPABLE"],
  [npmVersion, "1.2.3\n", "NAME_INVALID"],
  [rpmVersion, "1.2_3", "VERSION_UNMAPPABLE"],
  [pythonVersion, "1.2.0.dev1", "VERSION_UNMAPPABLE"],
])("%o refuses %j with %s, whatever may be lost", (write: Write, version, code) => {
  expect(() => write(version, { lossy: true })).toThrow(expect.objectContaining({ code }));
});

test("a semantic version is one in its canonical spelling", () => {
  expect(["1.2.3", "1.2.3-rc.1", "1.2.3-0a+b.c"].every(isSemantic)).toBe(true);
  expect(["v1.2.3", "=1.2.3", " 1.2.3", "1.2", "01.2.3", "1.2.3-01"].some(isSemantic)).toBe(false);
});
