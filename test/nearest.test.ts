import { expect, test } from "vitest";

import { nearest } from "../src/nearest.ts";

const words = ["store", "trust", "keys", "bake", "publish", "promote"];

test.each([
  ["stroe", "store"],
  ["stor", "store"],
  ["storee", "store"],
  ["STORE", "store"],
  ["key", "keys"],
  ["pubilsh", "publish"],
  ["bakw", "bake"],
  ["promte", "promote"],
])("%s means %s", (typed, meant) => {
  expect(nearest(typed, words)).toBe(meant);
});

test.each([["deploy"], ["x"], [""], ["bacon"], ["s".repeat(100_000)]])("%.10s means nothing that is known", (typed) => {
  expect(nearest(typed, words)).toBeUndefined();
});

test("the closest wins, and the first of equals", () => {
  expect(nearest("test", ["best", "tent", "tests"])).toBe("best");
  expect(nearest("tests", ["best", "test", "tests"])).toBe("tests");
});
