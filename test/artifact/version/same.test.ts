// Whether two versions are one to a client is asked of the client's own comparison: of pairs that are alike more often than not.

import fc from "fast-check";
import semver from "semver";
import { expect, test } from "vitest";

import { sameToDebian, sameToPython, sameToRpm, sameToSemver } from "../../../src/artifact/version/same.ts";
import { dpkgOrders, type Pair, pythonEquals, rpmOrders } from "./orders.ts";

const number = fc.constantFrom("0", "00", "1", "01", "10", "010");
const word = fc.constantFrom("", "a", "rc", "A", "b");
const few = { number: fc.constantFrom("0", "00", "1"), word: fc.constantFrom("", "a"), longest: 2 };
const many = { number, word, longest: 3 };
const spellings = (separators: readonly string[], { number, word, longest } = many) =>
  fc
    .array(fc.tuple(number, word, fc.constantFrom(...separators)), { minLength: 1, maxLength: longest })
    .map((parts) =>
      parts.map(([digits, letters, end], at) => digits + letters + (at < parts.length - 1 ? end : "")).join(""),
    );

const sample = (one: fc.Arbitrary<string>, runs: number): Pair[] =>
  fc.sample(fc.tuple(one, one), { numRuns: runs, seed: 11 });

async function agrees(pairs: readonly Pair[], same: (version: string) => string, equal: readonly boolean[]) {
  const wrong = pairs.filter(([one, other], at) => (same(one) === same(other)) !== equal[at]);
  expect(wrong).toEqual([]);
  expect(equal.filter(Boolean).length).toBeGreaterThan(10);
  expect(equal.filter((it) => !it).length).toBeGreaterThan(10);
}

test("as dpkg has it", async () => {
  const version = fc
    .tuple(fc.constantFrom("", "0:", "1:"), spellings([".", "~"], few), fc.constantFrom("", "-0", "-00", "-1"))
    .map((parts) => parts.join(""));
  const pairs = sample(version, 500);
  await agrees(
    pairs,
    sameToDebian,
    (await dpkgOrders(pairs)).map((order) => order === 0),
  );
});

test("as rpm has it", async () => {
  const pairs = sample(spellings([".", "_", "~", "^", "+"]), 3000);
  await agrees(
    pairs,
    sameToRpm,
    (await rpmOrders(pairs)).map((order) => order === 0),
  );
});

test("an rpm's epoch and release count, and no epoch is 0", () => {
  expect(sameToRpm("0:1.0-1")).toBe(sameToRpm("1.0-01"));
  expect(sameToRpm("1:1.0-1")).not.toBe(sameToRpm("0:1.0-1"));
  expect(sameToRpm("0:1.0-1")).not.toBe(sameToRpm("0:1.0-2"));
});

test("as Python's packaging has it", async () => {
  const parts = fc.tuple(
    fc.constantFrom("", "v", "0!", "1!"),
    fc.constantFrom("1", "1.0", "1.0.0", "01.0", "1.1", "0"),
    fc.constantFrom("", "a1", ".alpha.1", "-RC-1", "c1", "preview1", "b", "b0"),
    fc.constantFrom("", ".post1", "-1", "rev01", ".r1", "post"),
    fc.constantFrom("", ".dev0", "dev", "_DEV_0", ".dev1"),
    fc.constantFrom("", "+a.1", "+A-01", "+a_1", "+b"),
  );
  const pairs = sample(
    parts.map((all) => all.join("")),
    4000,
  );
  await agrees(pairs, sameToPython, await pythonEquals(pairs));
});

test("as npm's semver has it", async () => {
  const version = fc
    .tuple(fc.constantFrom("1.0.0", "1.0.1"), fc.constantFrom("", "-rc.1", "-rc.2"), fc.constantFrom("", "+a", "+b"))
    .map((all) => all.join(""));
  const pairs = sample(version, 300);
  await agrees(
    pairs,
    sameToSemver,
    pairs.map(([one, other]) => semver.compare(one, other) === 0),
  );
});
