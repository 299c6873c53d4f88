// Which command is meant, and what there is: reads the list of commands without loading any.

import type { CommandEntry } from "../commands/entry.ts";
import { KilnError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { commonOptions } from "./common-options.ts";
import { familyHelp, type Program, programHelp } from "./help.ts";

export type Request =
  | { readonly ask: "version" }
  | { readonly ask: "help"; readonly text: string }
  | { readonly ask: "run"; readonly entry: CommandEntry; readonly args: readonly string[] };

/** Finds the command in `args`; common options may stand before it. Throws USAGE with the nearest name. */
export function requestOf(program: Program, args: readonly string[]): Request {
  const entries = program.groups.flatMap((group) => group.commands);
  const before = countLeadingOptions(args);
  const leading = args.slice(0, before);
  const words = args.slice(before);
  if (words[0] === "help") return requestOf(program, [...words.slice(1), "--help"]);
  if (leading.includes("--version") || leading.includes("-V")) return { ask: "version" };

  const entry = entryOf(entries, words);
  if (entry !== undefined) {
    return { ask: "run", entry, args: [...leading, ...words.slice(entry.name.split(" ").length)] };
  }
  const family = entries.filter(({ name }) => name.startsWith(`${words[0]} `));
  const wantsHelp = args.includes("--help") || args.includes("-h");
  if (wantsHelp && family.length > 0) return { ask: "help", text: familyHelp(program, family) };
  if (wantsHelp && words.length === 0) return { ask: "help", text: programHelp(program) };
  throw unknownCommand(program, family, words, leading);
}

function entryOf(entries: readonly CommandEntry[], words: readonly string[]): CommandEntry | undefined {
  const named = (name: string): CommandEntry | undefined => entries.find((entry) => entry.name === name);
  return named(words.slice(0, 2).join(" ")) ?? named(words[0] ?? "");
}

function countLeadingOptions(args: readonly string[]): number {
  const valued = commonOptions.filter(({ flags }) => flags.includes(" ")).map(({ flags }) => flags.split(" ")[0]);
  let count = 0;
  while (args[count]?.startsWith("-")) count += valued.includes(args[count]) ? 2 : 1;
  return Math.min(count, args.length);
}

function unknownCommand(
  program: Program,
  family: readonly CommandEntry[],
  words: readonly string[],
  leading: readonly string[],
): KilnError {
  const hint = `${program.name} --help lists the commands`;
  const [first, second] = words;
  if (first === undefined) {
    const unknown = leading.find(
      (option) => !commonOptions.some(({ flags }) => flags.split(" ")[0] === option.split("=")[0]),
    );
    return new KilnError("USAGE", `got ${unknown ? `the unknown option ${unknown}` : "no command"}, want a command`, {
      hint,
    });
  }
  if (family.length > 0) {
    const verbs = family.map(({ name }) => name.slice(first.length + 1));
    const meant = second === undefined ? undefined : nearest(second, verbs);
    const got = second === undefined ? "nothing" : JSON.stringify(second);
    return new KilnError("USAGE", `${first}: got ${got}, want ${listed(verbs)}`, {
      hint: meant === undefined ? hint : `did you mean ${program.name} ${first} ${meant}?`,
    });
  }
  const names = program.groups.flatMap((group) => group.commands.map(({ name }) => name));
  const meant = nearest(first, names) ?? nearest(words.slice(0, 2).join(" "), names);
  return new KilnError("USAGE", `got the unknown command ${JSON.stringify(first)}`, {
    hint: meant === undefined ? hint : `did you mean ${program.name} ${meant}? ${hint}`,
  });
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
