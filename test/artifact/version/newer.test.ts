// Which version is newer to a client is asked of the client's own comparison.

import fc from "fast-check";
import { expect, test } from "vitest";

import { compareDebian, comparePython, compareRpm, compareSemver } from "../../../src/artifact/version/newer.ts";
import { dpkgOrders, npmOrders, type Pair, pythonOrders, rpmOrders } from "./orders.ts";

const sample = (one: fc.Arbitrary<string>, runs: number): Pair[] =>
  fc.sample(fc.tuple(one, one), { numRuns: runs, seed: 5 });
const joined = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((all) => all.join(""));
const number = fc.constantFrom("0", "1", "2", "10");

function agrees(pairs: readonly Pair[], compare: (one: string, other: string) => number, wanted: readonly number[]) {
  const got = pairs.map(([one, other]) => Math.sign(compare(one, other)));
  expect(pairs.filter((_, at) => got[at] !== wanted[at])).toEqual([]);
  for (const order of [-1, 1]) expect(wanted.filter((it) => it === order).length).toBeGreaterThan(10);
}

test("as dpkg has it", async () => {
  const tail = fc.constantFrom("", "", "~rc1", "~rc10", "+b1", "a", ".a", "+", "~", "~~", "-1", "-1~bpo1", "-10", "-0");
  const pairs = sample(
    joined(fc.constantFrom("", "", "0:", "1:"), number, fc.constantFrom("", ".0", ".10"), tail),
    500,
  );
  agrees(pairs, compareDebian, await dpkgOrders(pairs));
});

test("as rpm has it", async () => {
  const part = fc.constantFrom("", "0", "1", "01", "10", "a", "rc", "A");
  const between = fc.constantFrom(".", "_", "~", "^", "+", "");
  const pairs = sample(joined(number, between, part, between, part, between, part), 3000);
  agrees(pairs, compareRpm, await rpmOrders(pairs));
  expect(compareRpm("1:1.0-1", "2.0-1")).toBeGreaterThan(0);
  expect(compareRpm("0:1.0-9", "1.0-10")).toBeLessThan(0);
});

test("as Python's packaging has it", async () => {
  const pairs = sample(
    joined(
      fc.constantFrom("", "", "1!"),
      fc.constantFrom("1", "1.0", "1.0.1", "1.10"),
      fc.constantFrom("", "", "a1", "b0", "rc1", "rc10"),
      fc.constantFrom("", "", ".post1", ".post0"),
      fc.constantFrom("", "", ".dev0", ".dev3"),
      fc.constantFrom("", "", "+a", "+1", "+a.1", "+1.a", "+10"),
    ),
    3000,
  );
  agrees(pairs, comparePython, await pythonOrders(pairs));
  expect(comparePython("1.0-RC.1", "1.0c1")).toBe(0);
  expect(comparePython("1.0", "no version")).toBeGreaterThan(0);
});

test("as npm has it", async () => {
  const tail = fc.constantFrom("", "", "-0", "-1", "-a", "-a.1", "-a.10", "-a-b", "-1.a", "+b", "-a+b");
  const pairs = sample(joined(number, fc.constantFrom(".0", ".10"), fc.constantFrom(".0", ".2"), tail), 1000);
  agrees(pairs, compareSemver, await npmOrders(pairs));
  expect(compareSemver("v1.2", "1.2.0")).toBe(0);
});
