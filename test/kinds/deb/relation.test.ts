import { expect, test } from "vitest";

import { alternatives, provided, relation, relationList, relationPurl } from "../../../src/kinds/deb/relation.ts";

test.each([
  ["libc6", "libc6"],
  ["libc6(>=2.36)", "libc6 (>= 2.36)"],
  ["libc6 ( >= 2.36)", undefined],
  ["default-mta|mail-transport-agent", "default-mta | mail-transport-agent"],
  ["python3:any (>= 3.11~)", "python3:any (>= 3.11~)"],
  ["app-data (= ${version})", "app-data (= 1.2.3)"],
  ["app-data (<< ${version}~)", undefined],
  ["a (= 1:2.3-4+b1)", "a (= 1:2.3-4+b1)"],
  ["a (> 1)", undefined],
  ["a, b", undefined],
  ["a [amd64]", undefined],
  ["A", undefined],
  ["a\n", undefined],
  ["", undefined],
])("%j is written %j", (text, written) => {
  const parsed = alternatives.safeParse(text);
  expect(parsed.success ? relationList([parsed.data], "1.2.3") : undefined).toBe(written);
});

test("only what a package needs has alternatives; only one version can be provided", () => {
  expect(relation.safeParse("a | b").success).toBe(false);
  expect(provided.safeParse("a (>= 1)").success).toBe(false);
  expect(provided.safeParse("a (= 1)").success).toBe(true);
});

test("each relation stands there once; the first alternative is the one that apt takes", () => {
  expect(relationList(["b", "a(=1)", "b", "a (= 1)"], "1")).toBe("b, a (= 1)");
  expect(relationList([], "1")).toBeUndefined();
  expect(relationPurl("nodejs (>= 20) | node")).toBe("pkg:deb/debian/nodejs");
});
