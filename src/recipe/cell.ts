// Which cells of a matrix are wanted: `suite=bookworm` is all cells that have this value, `suite=bookworm,python=3.12` those
// that have both.

import { KilnError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import type { CellValues } from "./matrix.ts";

/** The cells that `wanted` names. Throws USAGE. */
export function selectCells<Cell extends { readonly values: CellValues }>(
  cells: readonly Cell[],
  wanted: string,
): [Cell, ...Cell[]] {
  const pairs = wanted.split(",").map((pair) => pair.split("=", 2).map((part) => part.trim()));
  for (const [axis = "", value = ""] of pairs) {
    const axes = Object.keys(cells[0]?.values ?? {});
    if (axes.length === 0) throw usage(wanted, "the recipe has no `matrix`");
    if (!axes.includes(axis)) throw usage(wanted, `got the axis ${JSON.stringify(axis)}, ${meant(axis, axes)}`);
    const values = [...new Set(cells.map((cell) => cell.values[axis] ?? ""))];
    if (!values.includes(value)) throw usage(wanted, `${axis}: got ${JSON.stringify(value)}, ${meant(value, values)}`);
  }
  const [first, ...others] = cells.filter(({ values }) => pairs.every(([axis = "", value]) => values[axis] === value));
  if (first === undefined) throw usage(wanted, "no cell has all of these values");
  return [first, ...others];
}

function meant(got: string, known: readonly string[]): string {
  const close = nearest(got, known);
  return close === undefined ? `want one of ${known.join(", ")}` : `did you mean ${close}?`;
}

function usage(wanted: string, what: string): KilnError {
  return new KilnError("USAGE", `--cell ${wanted}: ${what}`, {
    hint: `name values of the recipe's matrix, as in --cell suite=bookworm,python=3.12`,
  });
}
