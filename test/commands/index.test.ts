import { describe, expect, test } from "vitest";

import { kilnDeploy } from "../../src/commands/deploy-index.ts";
import { kiln } from "../../src/commands/index.ts";
import { parseCommandLine } from "../../src/program/parse.ts";
import { requestOf } from "../../src/program/request.ts";

const entries = kiln.groups.flatMap(({ commands }) => commands);
const deployEntries = kilnDeploy.groups.flatMap(({ commands }) => commands);

test("names are unique, and no command is hidden by another", () => {
  const names = entries.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const entry of entries) expect(requestOf(kiln, entry.name.split(" "))).toEqual({ ask: "run", entry, args: [] });
});

test("kiln has every command of kiln-deploy", () => {
  expect(entries).toEqual(expect.arrayContaining(deployEntries));
});

test.each([kiln, kilnDeploy])("the examples of $name --help name its commands", async (program) => {
  for (const example of program.examples) {
    const request = requestOf(program, wordsOf(example));
    if (request.ask !== "run") throw new Error(`${example} runs nothing`);
    const command = await request.entry.load();
    expect(parseCommandLine({ typed: program.name, command, args: request.args })).toHaveProperty("arguments");
  }
});

describe.each(entries)("kiln $name", (entry) => {
  test("has the summary that --help shows: one line in lower case without a full stop", async () => {
    const command = await entry.load();
    expect(command.summary).toBe(entry.summary);
    expect(entry.summary).toMatch(/^[^A-Z\n][^\n]*[^.\n]$/);
    expect(entry.summary.length).toBeLessThan(105);
  });

  test("has examples that parse", async () => {
    const command = await entry.load();
    expect(command.examples.length).toBeGreaterThan(0);
    for (const example of command.examples) {
      const words = wordsOf(example);
      const request = requestOf(kiln, words);
      expect(request).toMatchObject({ ask: "run", entry });
      if (request.ask !== "run") continue;
      expect(parseCommandLine({ typed: "kiln", command, args: request.args })).toHaveProperty("arguments");
    }
  });

  test("has a --help that names its arguments and options", async () => {
    const command = await entry.load();
    const parsed = parseCommandLine({ typed: `kiln ${entry.name}`, command, args: ["--help"] });
    const help = "help" in parsed ? parsed.help : "";
    for (const { name } of command.arguments ?? []) expect(help).toContain(`  ${name} `);
    for (const { flags } of command.options ?? []) expect(help).toContain(`  ${flags} `);
    expect(help).toContain("--json");
    expect(help).not.toMatch(/ {3,}$/m);
  });
});

/** The words after the program's name; variables before it and a pipe after it are the shell's. */
function wordsOf(example: string): string[] {
  const own = example.replace(/ [|>].*$/, "").replace(/^(\w+=\S+ )*/, "");
  const words = [...own.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, plain]) => single ?? double ?? plain ?? "",
  );
  expect(words[0]).toMatch(/^kiln(-deploy)?$/);
  return words.slice(1);
}
