import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, expectTypeOf, test } from "vitest";
import { z } from "zod";

import { activators } from "../../src/activators/index.ts";
import { codes } from "../../src/errors.ts";
import { kinds } from "../../src/kinds/index.ts";
import { type Recipe, recipeSchema } from "../../src/recipe/schema.ts";
import type { parts } from "./parts.ts";

const schema = recipeSchema({ kinds, activators });

interface Described {
  readonly const?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Described>>;
}

/** Paths of all fields below an object of JSON schema that nothing describes. */
function undescribed(value: unknown, path: string): string[] {
  if (typeof value !== "object" || value === null) return [];
  const { properties = {} } = value as Described;
  const here = Object.entries(properties)
    .filter(([, field]) => field.const === undefined && field.description === undefined)
    .map(([key]) => `${path}.${key}`);
  return [...here, ...Object.entries(value).flatMap(([key, inner]) => undescribed(inner, `${path}.${key}`))];
}

test("every field of the recipe, of every kind and of every activator has a description", () => {
  expect(undescribed(z.toJSONSchema(schema, { io: "input" }), "recipe")).toEqual([]);
});

test("the types of a recipe follow from the list of kinds", () => {
  type Artifact = Recipe<(typeof parts.kinds)[number]>["artifacts"][string];
  expectTypeOf<Artifact>().toEqualTypeOf<
    { kind: "archive"; from: string } | { kind: "wrapper"; level: number } | { kind: "report"; from: string }
  >();
  expectTypeOf<Exclude<Recipe["version"], readonly unknown[]>["from"]>().toEqualTypeOf<
    "tag" | "manifest" | "file" | "static" | "next"
  >();
});

test("a kind without its name in the schema is a mistake that shows at once", () => {
  const broken = { name: "a", summary: "", schema: z.strictObject({}) };
  expect(() => recipeSchema({ kinds: [broken], activators })).toThrow(/no object with a literal `kind`/);
});

test("docs/errors.md has every code, and no other", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/errors.md"), "utf8");
  const listed = [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code);
  expect(listed.toSorted()).toEqual(Object.keys(codes).toSorted());
});
