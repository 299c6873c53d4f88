// `kiln lock`: writes the lock file that pins a recipe's base, package by package.

import { relative } from "node:path";

import { activators } from "../activators/index.ts";
import { pin } from "../bake/pin.ts";
import { kinds } from "../kinds/index.ts";
import { recipeSchema } from "../recipe/schema.ts";
import type { Command } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";

const mostShown = 30;

export const lock: Command = {
  summary: "pin the packages of the recipe's base in a lock file beside it",
  options: [{ flags: "--recipe FILE", description: "the recipe in the work tree; kiln.yaml if left out" }],
  examples: ["kiln lock", "kiln lock --recipe recipes/library.yaml"],
  async run(input, context) {
    const { mirrors } = await loadConfiguration(input, context);
    const { recipe } = input.options;
    const options = {
      recipe: typeof recipe === "string" ? recipe : "kiln.yaml",
      schema: recipeSchema({ kinds, activators }),
      bases: { mirrors },
    };
    const { path, titles, changes } = await pin(options, context);
    const file = relative(context.cwd, path);
    const more = changes.length > mostShown ? [`  and ${changes.length - mostShown} more`] : [];
    const shown = [...changes.slice(0, mostShown).map((change) => `  ${change}`), ...more];
    const what =
      changes.length === 0
        ? "nothing has changed"
        : `${changes.length === 1 ? "one change" : `${changes.length} changes`}; commit it beside the recipe`;
    return {
      json: { file: path, bases: titles, changes },
      text: [`${file}: ${titles.join(", ")}: ${what}`, ...shown].join("\n"),
    };
  },
};
