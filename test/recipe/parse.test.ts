// Recipes and their errors are text files: fixtures/bad has a recipe each, a line of dashes, and all of its violations.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";
import { expect, test } from "vitest";

import { isKilnError, type KilnError } from "../../src/errors.ts";
import { parseRecipe, recipeLimit } from "../../src/recipe/parse.ts";
import { recipeSchema } from "../../src/recipe/schema.ts";
import { parts } from "./parts.ts";

const fixtures = join(import.meta.dirname, "fixtures");
const files = (folder: string, end: string) =>
  readdirSync(join(fixtures, folder))
    .filter((name) => name.endsWith(end))
    .map((name) => name.slice(0, -end.length));
const read = (...path: string[]) => readFileSync(join(fixtures, ...path), "utf8");

const schema = recipeSchema(parts);
const parse = (text: string | Uint8Array) => parseRecipe(Buffer.from(text), { path: "kiln.yaml", schema });

function refusalOf(text: string | Uint8Array): KilnError {
  try {
    parse(text);
  } catch (error) {
    if (isKilnError(error, "RECIPE_INVALID")) return error;
    throw error;
  }
  throw new Error("the recipe was accepted");
}

interface Violation {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

const violationsOf = (error: KilnError) =>
  (error.details["violations"] as Violation[]).map(
    ({ line, column, message }) => `kiln.yaml:${line}:${column}: ${message}`,
  );

test.each(files("good", ".yaml"))("good/%s is parsed", (name) => {
  expect(parse(read("good", `${name}.yaml`))).toEqual(JSON.parse(read("good", `${name}.json`)));
});

test.each(files("bad", ".txt"))("bad/%s is refused with all its violations", (name) => {
  const [recipe = "", expected = ""] = read("bad", `${name}.txt`).split(/^-----\n/m);
  const error = refusalOf(recipe);
  const violations = violationsOf(error);
  expect(`${violations.join("\n")}\n`).toBe(expected);
  // The first is the message, the others are in the hint.
  const [first = "", ...others] = violations;
  expect(error.message).toBe(others.length === 0 ? first : `${first} (and ${others.length} more)`);
  expect(error.hint).toBe(others.length === 0 ? "docs/recipe.md lists every key" : `also ${others.join("; ")}`);
});

test("of very many violations some are listed, and all are counted", () => {
  const error = refusalOf(`x: [${"&a 1,".repeat(5000)}]`);
  expect(error.message).toMatch(/ \(and 4999 more\)$/);
  expect(error.hint?.length).toBeLessThan(5000);
  expect(error.details["violations"]).toHaveLength(21);
});

test("bytes that aren't UTF-8 are refused at their place, a byte order mark is not", () => {
  expect(refusalOf(Buffer.from("kiln: 1\nname: \xff", "latin1")).message).toBe(
    "kiln.yaml:2:7: got bytes that aren't UTF-8, want text",
  );
  expect(parse(`\ufeff${read("good", "least.yaml")}`)).toMatchObject({ name: "a" });
  expect(refusalOf(Buffer.from(`\ufeff${read("good", "least.yaml")}`, "utf16le")).message).toMatch(/aren't UTF-8/);
});

test("characters that hide or turn text are refused at their place", () => {
  for (const hidden of ["\u001b", "\u0000", "\u202e", "\u2066", "\u2028", "\u0085"]) {
    const hex = hidden.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    expect(refusalOf(`kiln: 1\nname: a${hidden}b`).message).toBe(
      `kiln.yaml:2:8: got the invisible character U+${hex}, want none`,
    );
  }
});

test("a huge file is refused before it is parsed", () => {
  expect(refusalOf("#".repeat(recipeLimit + 1)).message).toMatch(
    /^kiln.yaml:1:1: got 65537 bytes, want at most 65536$/,
  );
});

test("any bytes are a recipe or RECIPE_INVALID", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      refusalOf(bytes);
    }),
    { numRuns: 500 },
  );
});

test("a recipe with pieces taken out, doubled or replaced is a recipe or RECIPE_INVALID at a place in it", () => {
  const whole = read("good", "whole.yaml");
  const piece = fc.oneof(
    fc.constantFrom(
      ..."{}[],:&*!|>'\"%@`#?-~\n\t \\".split(""),
      "<<: ",
      "__proto__: ",
      "null",
      ".nan",
      "- ",
      "? ",
      "*",
      "1e999",
    ),
    fc.string({ maxLength: 5 }),
  );
  const change = fc.tuple(fc.nat(whole.length), fc.nat(20), piece);
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      let text = whole;
      for (const [at, length, put] of changes) text = text.slice(0, at) + put + text.slice(at + length);
      try {
        expect(parse(text).kiln).toBe(1);
      } catch (error) {
        if (!isKilnError(error, "RECIPE_INVALID")) throw error;
        const lines = text.split("\n");
        for (const { line, column } of error.details["violations"] as Violation[]) {
          expect(line).toBeLessThanOrEqual(lines.length);
          expect(column).toBeLessThanOrEqual((lines[line - 1] ?? "").length + 1);
        }
      }
    }),
    { numRuns: 1500 },
  );
});

test("any value where another one belongs is RECIPE_INVALID", () => {
  const whole = parse(read("good", "whole.yaml")) as unknown as Record<string, unknown>;
  const keys = Object.keys(whole).filter((key) => key !== "kiln");
  fc.assert(
    fc.property(fc.constantFrom(...keys), fc.jsonValue({ maxDepth: 3 }), (key, value) => {
      const text = JSON.stringify({ ...whole, gates: [], [key]: value });
      try {
        parse(text);
      } catch (error) {
        if (!isKilnError(error, "RECIPE_INVALID")) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});

const size = recipeLimit;
test.each([
  ["brackets", "[".repeat(size)],
  ["braces", "{a: ".repeat(size / 4)],
  ["dashes", "- ".repeat(size / 2)],
  ["question marks", "? ".repeat(size / 2)],
  ["keys", Array.from({ length: size / 16 }, (_, at) => `k${at}: 1`).join("\n")],
  ["the same key", "a: 1\n".repeat(size / 5)],
  ["steps with a fault", `fetch: [${"{a: 1},".repeat(size / 8)}]`],
  ["unknown keys of one step", `fetch: [{${Array.from({ length: size / 16 }, (_, at) => `k${at}: 1`).join(",")}}]`],
  ["channels that meet", `channels: [${'{tag: a, channel: "b-${slug}"},'.repeat(size / 32)}]`],
  ["checks", `checks: [${"{name: a, run: b},".repeat(size / 20)}]`],
  ["tags", "!!a ".repeat(size / 4)],
  ["anchors", "&a ".repeat(size / 3)],
  ["quotes", "'".repeat(size - 1)],
  ["directives", "%a\n".repeat(size / 3)],
  ["empty lines", "\n".repeat(size)],
])("64 KiB of %s are refused in seconds", (_, text) => {
  const start = performance.now();
  refusalOf(text.slice(0, size));
  expect(performance.now() - start).toBeLessThan(5000);
});
