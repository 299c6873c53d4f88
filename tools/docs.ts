// Writes what is generated from the sources: docs/recipe.md and docs/recipe.schema.json from the recipe's schema, docs/errors.md
// from the table of codes. With --check it writes nothing and fails, naming what isn't current.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { activators } from "../src/activators/index.ts";
import { isSystemError } from "../src/errors.ts";
import { kinds } from "../src/kinds/index.ts";
import { recipeSchema } from "../src/recipe/schema.ts";
import { errorsPage } from "./errors-page.ts";
import { type JsonSchema, recipePage } from "./recipe-page.ts";

const docs = join(import.meta.dirname, "..", "docs");

const schema = {
  title: "Kiln recipe",
  // What a person writes: defaults may be left out.
  ...z.toJSONSchema(recipeSchema({ kinds, activators }), { io: "input" }),
} as JsonSchema;

const documents = new Map([
  ["recipe.schema.json", `${JSON.stringify(schema, null, 2)}\n`],
  ["recipe.md", recipePage(schema)],
  ["errors.md", errorsPage()],
]);

const stale: string[] = [];
for (const [name, text] of documents) if ((await current(name)) !== text) stale.push(name);

if (process.argv.includes("--check")) {
  for (const name of stale) console.error(`docs/${name} isn't current: npm run docs writes it`);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const name of stale) {
    await writeFile(join(docs, name), documents.get(name) ?? "");
    console.log(`docs/${name}`);
  }
}

async function current(name: string): Promise<string | undefined> {
  try {
    return await readFile(join(docs, name), "utf8");
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
}
