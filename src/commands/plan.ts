// `kiln plan`: what would be baked, and why it is cached or not. Nothing is run, and nothing in a store changes.

import type { Change } from "../bake/explain.ts";
import type { BakeOrder } from "../bake/order.ts";
import type { Released } from "../bake/prepare.ts";
import { cellText } from "../recipe/matrix.ts";
import { withBake } from "./bake-access.ts";
import { bakeOptions, cellOption } from "./bake-options.ts";
import { columns, day } from "./columns.ts";
import type { Command, Result } from "./command.ts";

export const plan: Command = {
  summary: "show what would be baked: version, inputs, tools, bake key",
  options: [
    ...bakeOptions,
    cellOption,
    { flags: "--explain", description: "say which inputs changed since the last bake here" },
  ],
  examples: ["kiln plan", "kiln plan --explain", "kiln plan --json | jq .plan.tools"],
  async run(input, context) {
    return await withBake({ input, context, next: "look" }, async (prepared) => {
      if ("released" in prepared) return releasedBefore(prepared.released);
      const { orders, folder } = prepared;
      const { readBake } = await import("../bake/kept.ts");
      const { bakeFolder } = await import("../bake/workspace.ts");
      const isKept = (order: BakeOrder) => readBake(bakeFolder(folder, order.bakeKey)) !== undefined;
      if (input.options["explain"] !== true) return whole(orders.map((order) => resultOf(order, isKept(order))));
      const { changesSinceLast } = await import("../bake/explain.ts");
      return whole(orders.map((order) => explained(order, isKept(order), changesSinceLast(order, folder))));
    });
  },
};

function releasedBefore({ name, version, manifest }: Released): Result {
  return {
    json: { name, version, manifest, state: "released", bakeKey: null, plan: null },
    text: `${name} ${version}: this commit is released already, nothing to bake`,
  };
}

/** Of a matrix, every cell's in turn. */
function whole(cells: readonly Result[]): Result {
  const [first, ...others] = cells;
  if (first === undefined || others.length === 0) return first ?? { json: {}, text: "" };
  const { name, version, manifest } = first.json;
  const isCached = cells.every(({ json }) => json["state"] === "cached");
  return {
    json: { name, version, manifest, state: isCached ? "cached" : "new", cells: cells.map(({ json }) => json) },
    text: cells.map(({ text }) => text).join("\n\n"),
  };
}

/** `billing 1.4.7`, with the cell of the matrix. */
function titleOf({ name, version, cell }: BakeOrder["plan"]): string {
  return [name, version, ...(cell === undefined ? [] : [cellText(cell)])].join(" ");
}

function resultOf({ plan: made, bakeKey, artifacts }: BakeOrder, cached: boolean): Result {
  const { name, version, source } = made;
  const of = source.repository === null ? "" : ` of ${source.repository}`;
  const rows = [
    ["  source", source.commit === null ? `the work tree, not a commit${of}` : `${source.commit}${of}`],
    ["  time", `${day(source.time)} UTC`],
    ["  recipe", source.recipe],
    ...made.steps.map(({ phase, run }) => [`  ${phase}`, run.trim().replaceAll("\n", " ⏎ ")]),
    ...artifacts.map((artifact) => [`  ${artifact.kind}`, artifact.name]),
    ...Object.entries(made.tools).map(([tool, { version: used }]) => [`  ${tool}`, used]),
    ...(made.system === undefined ? [] : [["  system", made.system.os]]),
    ...(made.base === undefined ? [] : [["  base", `${made.base.title}, ${made.base.digest}`]]),
    ["  isolation", made.isolation],
    ["  bake key", bakeKey],
    ["  state", cached ? "baked before: a bake would change nothing" : "not baked yet"],
  ];
  return {
    json: { name, version, manifest: null, state: cached ? "cached" : "new", bakeKey, plan: made },
    text: [titleOf(made), columns(rows)].join("\n"),
  };
}

function explained(order: BakeOrder, cached: boolean, changes: readonly Change[] | undefined): Result {
  const { json } = resultOf(order, cached);
  const title = titleOf(order.plan);
  const rows = (changes ?? []).map(({ input, before, now }) => [
    `  ${input}`,
    `${before ?? "none"} → ${now ?? "none"}`,
  ]);
  const why = cached
    ? "cached: the same inputs were baked before"
    : changes === undefined
      ? "not cached: nothing of this name was baked here before"
      : rows.length === 0
        ? "not cached: the inputs are those of the last bake, but its files are gone"
        : `not cached: ${rows.length} ${rows.length === 1 ? "input has" : "inputs have"} changed since the last bake here`;
  return {
    json: { ...json, changes: changes ?? null },
    text: [`${title}: ${why}`, ...(cached || rows.length === 0 ? [] : [columns(rows)])].join("\n"),
  };
}
