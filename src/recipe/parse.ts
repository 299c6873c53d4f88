// From a recipe's bytes to a recipe, or to one RECIPE_INVALID that has every violation with its line and column. The bytes
// come from whoever may push: nothing else is ever thrown, and garbage takes no longer than a recipe.

import type { z } from "zod";

import { KilnError } from "../errors.ts";
import { cellsOf, type CellValues, inCell } from "./matrix.ts";
import { type Violation, violationsOf, wanted } from "./violation.ts";
import { type Fault, parseYaml, type YamlText } from "./yaml.ts";

/** Bytes. */
export const recipeLimit = 64 * 1024;

export interface ParseOptions<Recipe> {
  /** As the user knows it: stands at the front of every message. */
  readonly path: string;
  readonly schema: z.ZodType<Recipe>;
}

/** A recipe as it is for one cell of its matrix; without a matrix there is one cell, and it has no values. */
export interface Cell<Recipe> {
  readonly values: CellValues;
  readonly recipe: Recipe;
}

/** Parses a recipe: for the first cell of its matrix, where it has one. Throws RECIPE_INVALID. */
export function parseRecipe<Recipe>(bytes: Uint8Array, options: ParseOptions<Recipe>): Recipe {
  return parseCells(bytes, options)[0].recipe;
}

/** Parses a recipe. Throws RECIPE_INVALID; `details.violations` has all of them (line, column, message). */
export function parseCells<Recipe>(
  bytes: Uint8Array,
  { path, schema }: ParseOptions<Recipe>,
): [Cell<Recipe>, ...Cell<Recipe>[]] {
  if (bytes.length > recipeLimit) {
    throw invalid(path, [{ line: 1, column: 1, message: `got ${bytes.length} bytes, want at most ${recipeLimit}` }]);
  }
  const yaml = parseYaml(decode(bytes, path));
  if ("faults" in yaml) throw invalid(path, yaml.faults);
  const violations: Violation[] = [];
  const cells: Cell<Recipe>[] = [];
  const all = cellsOf(yaml.value);
  for (const values of all) {
    const put = inCell(yaml.value, values, all);
    const result = schema.safeParse(put.value, { error: wanted });
    violations.push(...put.violations, ...(result.success ? [] : violationsOf(result.error.issues)));
    if (result.success) cells.push({ values, recipe: result.data });
  }
  const [first, ...others] = cells;
  if (violations.length === 0 && first !== undefined) return [first, ...others];
  // To find a place takes a walk through the text: garbage may have tens of thousands.
  const located = violations.slice(0, mostLocated).map((violation) => faultOf(violation, yaml));
  throw invalid(path, located, violations.length - located.length);
}

function decode(bytes: Uint8Array, path: string): string {
  const text = new TextDecoder("utf-8").decode(bytes);
  if (Buffer.from(text).equals(bytes) || Buffer.from(`\ufeff${text}`).equals(bytes)) return text;
  const before = text.slice(0, text.indexOf("\ufffd")).split("\n");
  const place = { line: before.length, column: (before.at(-1) ?? "").length + 1 };
  throw invalid(path, [{ ...place, message: "got bytes that aren't UTF-8, want text" }]);
}

function faultOf({ path, message, whole, ofKey }: Violation, yaml: YamlText): Fault {
  const place = yaml.locate(path, ofKey ? "key" : "value");
  const keys = ofKey ? path.slice(0, -1) : path;
  const where = keys.length === 0 ? "" : `${keys.reduce<string>(joinKey, "")}: `;
  if (whole) return { ...place, message: `${where}${message}` };
  if (ofKey) return { ...place, message: `${where}got the key \`${String(path.at(-1))}\`, want ${message}` };
  const got = yaml.describe(path);
  if (got === undefined) return { ...place, message: `${where}missing, want ${message}` };
  const isUnquoted = message === "a string" && /\(a (?:number|boolean)\)$/.test(got);
  const quotes = isUnquoted ? ": put it in quotes" : "";
  return { ...place, message: `${where}got ${got}, want ${message}${quotes}` };
}

function joinKey(before: string, key: PropertyKey): string {
  if (typeof key === "number") return `${before}[${key}]`;
  return before === "" ? String(key) : `${before}.${String(key)}`;
}

const mostLocated = 200;
const mostListed = 20;

/** The first fault is the message, the others are in the hint; there are `uncounted` beside them. */
function invalid(path: string, faults: readonly Fault[], uncounted = 0): KilnError {
  const unique = new Map(faults.map((fault) => [textOf(path, fault), fault]));
  const sorted = [...unique.values()].toSorted((one, other) => one.line - other.line || one.column - other.column);
  const [first = "", ...others] = sorted.map((fault) => textOf(path, fault));
  const more = others.length === 0 ? "" : ` (and ${others.length + uncounted} more)`;
  const listed = others.slice(0, mostListed).join("; ");
  const hint =
    others.length === 0 ? "docs/recipe.md lists every key" : `also ${listed}${others.length > mostListed ? " …" : ""}`;
  return new KilnError("RECIPE_INVALID", `${first}${more}`, {
    hint,
    details: { path, violations: sorted.slice(0, mostListed + 1) },
  });
}

function textOf(path: string, { line, column, message }: Fault): string {
  return `${path}:${line}:${column}: ${message}`;
}
