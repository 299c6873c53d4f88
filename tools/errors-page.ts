// docs/errors.md: every code, by exit status, in the order of the alphabet.

import { codes } from "../src/errors.ts";

const groups = [
  [1, "failed", "Something that was asked for couldn't be done."],
  [2, "usage", "The command line, a setting or the recipe is wrong; nothing was begun."],
  [3, "verification refused", "Something isn't what it should be: don't use it before you know why."],
] as const;

export function errorsPage(): string {
  const sections = groups.map(([exit, title, about]) => {
    const rows = Object.entries(codes)
      .filter(([, code]) => code.exit === exit)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([code, { meaning, remedy }]) => `| \`${code}\` | ${cell(meaning)} | ${cell(remedy)} |`);
    return [
      `## Exit status ${exit}: ${title}`,
      about,
      ["| code | meaning | what to do |", "|---|---|---|", ...rows].join("\n"),
    ];
  });
  return `${[...head, ...sections.flat()].join("\n\n")}\n`;
}

const head = [
  "<!-- Generated from src/errors.ts by `npm run docs`. -->",
  "# Errors",
  "A command that fails says what failed, what it got and what it wanted, with one of these codes in brackets and mostly a line of what to do. A code never changes its meaning. With `--json` it is `error.code`.",
];

function cell(text: string): string {
  return text.replaceAll("|", String.raw`\|`);
}
