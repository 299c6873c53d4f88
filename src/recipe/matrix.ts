// A matrix: one recipe, baked once for each combination of values, into one release. The values are put into the recipe as
// text before its schema sees it, so every key that takes a string takes `${matrix.suite}`, too. What all cells share (the
// release's name, version and channels) can't name a value.

import { z } from "zod";

import { nearest } from "../nearest.ts";
import type { Violation } from "./violation.ts";

/** Axis → value: what one cell of the matrix is. Empty for a recipe without a matrix. */
export type CellValues = Readonly<Record<string, string>>;

const mostCells = 64;

const axis = z.string().regex(/^[a-z][a-z0-9_-]{0,29}$/, "the name of an axis: lower-case letters, digits, - and _");
const value = z
  .string()
  .max(40, "a value of at most 40 characters")
  .regex(/^[a-z0-9](?:[a-z0-9.+_-]*[a-z0-9+])?$/, "a value: lower-case letters, digits and . _ + - between them");

export const matrixSchema = z
  .record(
    axis,
    z
      .array(value)
      .min(1)
      .refine((values) => new Set(values).size === values.length, "each value once"),
  )
  .refine((axes) => Object.keys(axes).length > 0, "at least one axis")
  .refine((axes) => countOf(axes) <= mostCells, `at most ${mostCells} combinations`);

/** Every combination of the axes' values, in the order in which they are written; one without values if there are none. */
export function cellsOf(recipe: unknown): CellValues[] {
  const matrix = isMap(recipe) ? recipe["matrix"] : undefined;
  const parsed = matrixSchema.safeParse(matrix);
  // One that isn't a matrix is the schema's to refuse.
  if (!parsed.success) return [{}];
  return Object.entries(parsed.data).reduce<CellValues[]>(
    (cells, [name, values]) => cells.flatMap((cell) => values.map((one) => ({ ...cell, [name]: one }))),
    [{}],
  );
}

/** `python=3.12,suite=bookworm`: the same for the same cell, in whatever order its values stand. */
export function cellText(cell: CellValues): string {
  return Object.entries(cell)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, one]) => `${name}=${one}`)
    .join(",");
}

/** An artifact's name in a cell: with those of the cell's values that it doesn't have yet. */
export function nameInCell(name: string, cell: CellValues): string {
  return Object.values(cell).reduce((named, one) => (hasPart(named, one) ? named : `${named}-${one}`), name);
}

function hasPart(name: string, part: string): boolean {
  return `-${name}-`.includes(`-${part}-`);
}

/** Keys that are the same in all cells. */
const shared = new Set(["kiln", "name", "version", "channels", "matrix"]);
const reference = /\$\{matrix\.([^}]*)\}/g;

/** The recipe's values for one of its cells, and what was wrong with its references. */
export function inCell(
  recipe: unknown,
  cell: CellValues,
  cells: readonly CellValues[],
): { value: unknown; violations: Violation[] } {
  const violations: Violation[] = [];
  const refuse = (path: readonly PropertyKey[], message: string): void => {
    violations.push({ path, message, whole: true, ofKey: false });
  };
  const text = (written: string, path: readonly PropertyKey[]): string =>
    written.replaceAll(reference, (whole, name: string) => {
      const found = Object.hasOwn(cell, name) ? cell[name] : undefined;
      if (shared.has(String(path[0]))) refuse(path, `\`${whole}\` can't stand here: all cells are one release`);
      else if (found === undefined) refuse(path, unknownAxis(whole, name, cell));
      return found ?? whole;
    });
  const put = (it: unknown, path: readonly PropertyKey[]): unknown => {
    if (typeof it === "string") return text(it, path);
    if (Array.isArray(it)) return it.map((one, at) => put(one, [...path, at]));
    if (!isMap(it)) return it;
    return Object.fromEntries(Object.entries(it).map(([key, one]) => [text(key, path), put(one, [...path, key])]));
  };
  return { value: withOwnActivation(put(recipe, []), { recipe, cell, cells }), violations };
}

/**
 * `activate` may name an artifact as it is called in one cell, `app-trixie`, so that hosts know which of them is meant: in
 * that cell it is the artifact's, in the others there is nothing to activate.
 */
function withOwnActivation(
  value: unknown,
  all: { readonly recipe: unknown; readonly cell: CellValues; readonly cells: readonly CellValues[] },
): unknown {
  if (!isMap(value) || !isMap(value["activate"]) || !isMap(value["artifacts"]) || !isMap(all.recipe)) return value;
  const written = Object.keys(isMap(all.recipe["artifacts"]) ? all.recipe["artifacts"] : {});
  const namesIn = (cell: CellValues) =>
    new Map(written.map((key) => putText(key, cell)).map((key) => [nameInCell(key, cell), key]));
  const own = namesIn(all.cell);
  const others = new Set(all.cells.flatMap((cell) => [...namesIn(cell).keys()]));
  const { artifacts } = value;
  const activate = Object.entries(value["activate"]).flatMap(([name, specification]) => {
    if (Object.hasOwn(artifacts, name)) return [[name, specification]];
    const key = own.get(name);
    if (key !== undefined) return [[key, specification]];
    return others.has(name) ? [] : [[name, specification]];
  });
  return { ...value, activate: Object.fromEntries(activate) as unknown };
}

function putText(text: string, cell: CellValues): string {
  return text.replaceAll(reference, (whole, name: string) => cell[name] ?? whole);
}

function unknownAxis(whole: string, name: string, cell: CellValues): string {
  const names = Object.keys(cell);
  if (names.length === 0) return `\`${whole}\`: the recipe has no \`matrix\``;
  const meant = nearest(name, names);
  return `\`${whole}\`: ${meant === undefined ? `want one of ${names.map((one) => `\`\${matrix.${one}}\``).join(", ")}` : `did you mean \`\${matrix.${meant}}\`?`}`;
}

function countOf(axes: Readonly<Record<string, readonly string[]>>): number {
  return Object.values(axes).reduce((count, values) => count * values.length, 1);
}

function isMap(it: unknown): it is Readonly<Record<string, unknown>> {
  return typeof it === "object" && it !== null && !Array.isArray(it);
}
