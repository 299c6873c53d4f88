import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { activators } from "../../src/activators/index.ts";
import { kiln } from "../../src/commands/index.ts";
import { kinds } from "../../src/kinds/index.ts";
import { parseCommandLine } from "../../src/program/parse.ts";
import { requestOf } from "../../src/program/request.ts";
import { parseRecipe } from "../../src/recipe/parse.ts";
import { recipeSchema } from "../../src/recipe/schema.ts";

const root = join(import.meta.dirname, "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const scripts = (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> })
  .scripts;

/** The indented blocks. */
const blocks = readme.split(/\n(?! {4}|\n)/).map((block) =>
  block
    .split("\n")
    .filter((line) => /^ {4}|^$/.test(line))
    .map((line) => line.slice(4))
    .join("\n"),
);

test("the readme's recipe is one", () => {
  const recipe = blocks.find((block) => block.includes("kiln: 1\n")) ?? "";
  const schema = recipeSchema({ kinds, activators });
  expect(parseRecipe(Buffer.from(recipe), { path: "README.md", schema })).toMatchObject({ name: "billing" });
});

test("the readme's commands exist and take what it gives them", async () => {
  const lines = [...readme.matchAll(/^ {4}\$ kiln (.*)$/gm)].map(([, line = ""]) => line);
  expect(lines.length).toBeGreaterThan(5);
  for (const line of lines) {
    const request = requestOf(kiln, line.split(" "));
    if (request.ask !== "run") throw new Error(`kiln ${line} runs nothing`);
    const command = await request.entry.load();
    expect(parseCommandLine({ typed: "kiln", command, args: request.args })).toHaveProperty("arguments");
  }
});

test("the readme's scripts exist", () => {
  const named = [...readme.matchAll(/npm (?:run )?(?:-- )?([a-z:]+)/g)].map(([, name = ""]) => name);
  expect(named).toContain("demo");
  for (const name of named) if (!["ci", "link"].includes(name)) expect(scripts).toHaveProperty([name]);
});

describe("every document", () => {
  const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, path = ""]) => path);

  test.each(links)("%s, which the readme names, is there", (path) => {
    expect(existsSync(join(root, path))).toBe(true);
  });
});

test("docs/cli.md says what every command prints with --json", () => {
  const table = readFileSync(join(root, "docs/cli.md"), "utf8").split("## The objects that")[1] ?? "";
  const names = kiln.groups.flatMap(({ commands }) => commands.map(({ name }) => name));
  expect(names.filter((name) => !new RegExp(`^\\|[^|]*\`${name}\``, "m").test(table))).toEqual([]);
});

test("every dependency is explained", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Record<
    string,
    Record<string, string>
  >;
  const explained = readFileSync(join(root, "docs/dependencies.md"), "utf8");
  const all = { ...manifest["dependencies"], ...manifest["devDependencies"] };
  const names = Object.keys(all).filter((name) => !name.startsWith("@types/"));
  expect(names.filter((name) => !explained.includes(`**${name}**`))).toEqual([]);
  expect(Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});
