// The overview: what the program is for and which commands it has. It loads none of them.

import type { CommandEntry, CommandGroup } from "../commands/entry.ts";
import { commonOptions } from "./common-options.ts";

export interface Program {
  /** As it is typed. */
  readonly name: string;
  /** What it is for, one sentence. */
  readonly purpose: string;
  readonly groups: readonly CommandGroup[];
  /** For the end of --help: what to type first. */
  readonly examples: readonly string[];
}

export function programHelp({ name, purpose, groups, examples }: Program): string {
  const terms = [
    ...groups.flatMap((group) => group.commands.map((entry) => entry.name)),
    ...commonOptions.map(({ flags }) => flags),
  ];
  const width = Math.max(...terms.map((term) => term.length));
  const row = (term: string, text: string): string => `  ${term.padEnd(width)}  ${text}`;
  return [
    `Usage: ${name} COMMAND [arguments] [options]`,
    "",
    purpose,
    ...groups.flatMap(({ title, commands }) =>
      commands.length === 0 ? [] : ["", title, ...commands.map((entry) => row(entry.name, entry.summary))],
    ),
    "",
    "Common options",
    ...commonOptions.map(({ flags, description }) => row(flags, description)),
    row("-h, --help", `what a command takes, with examples: ${name} COMMAND --help`),
    row("-V, --version", "the version"),
    ...(examples.length === 0 ? [] : ["", "Examples", ...examples.map((example) => `  $ ${example}`)]),
  ].join("\n");
}

export function familyHelp(program: Program, family: readonly CommandEntry[]): string {
  const width = Math.max(...family.map(({ name }) => name.length));
  return [
    `Usage: ${program.name} ${family[0]?.name.split(" ")[0]} COMMAND [arguments] [options]`,
    "",
    ...family.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
  ].join("\n");
}
