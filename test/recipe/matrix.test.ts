import { expect, test } from "vitest";

import { isKilnError } from "../../src/errors.ts";
import { selectCells } from "../../src/recipe/cell.ts";
import { cellsOf, cellText, nameInCell } from "../../src/recipe/matrix.ts";
import { parseCells } from "../../src/recipe/parse.ts";
import { recipeSchema } from "../../src/recipe/schema.ts";
import { parts } from "./parts.ts";

const schema = recipeSchema(parts);
const parse = (text: string) => parseCells(Buffer.from(text), { path: "kiln.yaml", schema });
const recipe = `kiln: 1
name: billing
version: { from: tag }
matrix: { suite: [bookworm, trixie], python: ["3.11", "3.12"] }
env: { SUITE: "\${matrix.suite}" }
build: [{ name: "build for \${matrix.suite}", run: "make PY=python\${matrix.python} \${SUITE}" }]
artifacts: { "\${matrix.suite}-app": { kind: archive, from: "dist/\${matrix.suite}-\${matrix.python}" } }
`;

test("there is a recipe for each combination, in the order in which the values are written", () => {
  const cells = parse(recipe);
  expect(cells.map(({ values }) => cellText(values))).toEqual([
    "python=3.11,suite=bookworm",
    "python=3.12,suite=bookworm",
    "python=3.11,suite=trixie",
    "python=3.12,suite=trixie",
  ]);
  expect(cells[3]?.recipe).toMatchObject({
    env: { SUITE: "trixie" },
    build: [{ name: "build for trixie", run: "make PY=python3.12 ${SUITE}" }],
    artifacts: { "trixie-app": { from: "dist/trixie-3.12" } },
  });
});

test("an artifact's name gets the values that it doesn't have yet", () => {
  const cell = { suite: "trixie", python: "3.12" };
  expect(nameInCell("app", cell)).toBe("app-trixie-3.12");
  expect(nameInCell("app-trixie", cell)).toBe("app-trixie-3.12");
  expect(nameInCell("3.12-app-trixie", cell)).toBe("3.12-app-trixie");
  expect(nameInCell("trixies", cell)).toBe("trixies-trixie-3.12");
  expect(nameInCell("app", {})).toBe("app");
});

test("a recipe without a matrix has one cell, without values", () => {
  expect(cellsOf({ kiln: 1 })).toEqual([{}]);
});

test("cells are selected by their values, and a slip gets the nearest", () => {
  const cells = parse(recipe);
  const select = (wanted: string) => selectCells(cells, wanted).map(({ values }) => cellText(values));
  expect(select("suite=trixie")).toEqual(["python=3.11,suite=trixie", "python=3.12,suite=trixie"]);
  expect(select("python=3.11, suite=trixie")).toEqual(["python=3.11,suite=trixie"]);
  const refusal = (wanted: string): string => {
    try {
      return select(wanted).join(" ");
    } catch (error) {
      if (isKilnError(error, "USAGE")) return error.message;
      throw error;
    }
  };
  expect(refusal("suit=trixie")).toBe('--cell suit=trixie: got the axis "suit", did you mean suite?');
  expect(refusal("suite=trixi")).toBe('--cell suite=trixi: suite: got "trixi", did you mean trixie?');
  expect(refusal("suite=sid")).toBe('--cell suite=sid: suite: got "sid", want one of bookworm, trixie');
  expect(refusal("suite=trixie,suite=bookworm")).toContain("no cell has all of these values");
  expect(refusal("trixie")).toContain('got the axis "trixie"');
});

test("`activate` may name the artifact of one cell; then only that one is put into service", () => {
  const base = recipe.replace(/artifacts:.*\n/, "artifacts: { app: { kind: archive, from: dist } }\n");
  const activated = (name: string) =>
    parse(`${base}activate: { ${name}: { with: folder } }\n`).map((cell) => Object.keys(cell.recipe.activate));
  expect(activated("app-trixie-3.12")).toEqual([[], [], [], ["app"]]);
  expect(activated("app")).toEqual([["app"], ["app"], ["app"], ["app"]]);
  expect(() => activated("app-trixie")).toThrow(expect.objectContaining({ code: "RECIPE_INVALID" }));
});
