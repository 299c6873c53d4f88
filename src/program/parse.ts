// One command's arguments and options, by commander: parsed into an Input, or its help. Errors are USAGE, in Kiln's words.

import { Argument, Command as Parser, CommanderError, Option } from "commander";

import type { Command, Input } from "../commands/command.ts";
import { KilnError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { commonOptions } from "./common-options.ts";

const commonTitle = "Common options";

interface CommandLine {
  /** As it is typed: `kiln keys create`. */
  readonly typed: string;
  readonly command: Command;
  readonly args: readonly string[];
}

/** Parses `args`; `help` when --help is among them. Throws USAGE. */
export function parseCommandLine({ typed, command, args }: CommandLine): Input | { readonly help: string } {
  let help = "";
  const parser = parserOf(typed, command).configureOutput({
    writeOut: (text) => {
      help += text;
    },
    writeErr: () => undefined,
  });
  try {
    parser.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === "commander.helpDisplayed") return { help: help.trimEnd() };
    throw usageError({ typed, command, args }, error);
  }
  const options = parser.opts<Input["options"]>();
  if (options["quiet"] && options["verbose"]) {
    throw new KilnError("USAGE", "got --quiet and --verbose, want one of them");
  }
  return { arguments: parser.args, options };
}

function parserOf(typed: string, command: Command): Parser {
  const parser = new Parser(typed)
    .description(sentence(command.summary))
    .usage([...(command.arguments ?? []).map(argumentTerm), "[options]"].join(" "))
    .addHelpOption(new Option("-h, --help", "show this").helpGroup(commonTitle))
    .exitOverride()
    .configureHelp({
      argumentTerm: (argument) => argument.name(),
      optionTerm: ({ flags }) => plainFlags(flags),
      styleTitle: (title) => (title === "Usage:" ? title : title.replace(/:$/, "")),
      sortOptions: false,
    })
    .addHelpText("after", `\nExamples\n${command.examples.map((example) => `  $ ${example}`).join("\n")}`);
  for (const { name, description, count = "one" } of command.arguments ?? []) {
    const form = count === "one" ? `<${name}>` : count === "optional" ? `[${name}]` : `[${name}...]`;
    parser.addArgument(new Argument(form, description));
  }
  for (const { flags, description } of command.options ?? []) parser.addOption(option(flags, description));
  parser.optionsGroup(commonTitle);
  for (const { flags, description } of commonOptions) parser.addOption(option(flags, description));
  return parser;
}

/** `--out DIR` → `--out <DIR>`, which is how commander says that there is a value. */
function option(flags: string, description: string): Option {
  return new Option(flags.replace(/ (\S+)$/, " <$1>"), description);
}

function plainFlags(flags: string): string {
  return flags.replace(/ <(\S+)>$/, " $1");
}

function argumentTerm({ name, count = "one" }: NonNullable<Command["arguments"]>[number]): string {
  if (count === "one") return name;
  return count === "optional" ? `[${name}]` : `[${name}…]`;
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1).replace(/\.$/, "")}.`;
}

function usageError({ typed, command, args }: CommandLine, error: CommanderError): KilnError {
  const hint = `${typed} --help shows what it takes`;
  const name = typed.split(" ").slice(1).join(" ");
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? "";
  switch (error.code) {
    case "commander.unknownOption": {
      const names = [...(command.options ?? []), ...commonOptions].map(({ flags }) => flags.split(" ")[0] ?? flags);
      const meant = nearest(quoted.split("=")[0] ?? quoted, [...names, "--help"]);
      const suggestion = meant === undefined ? hint : `did you mean ${meant}? ${hint}`;
      return new KilnError("USAGE", `${name}: got the unknown option ${quoted}`, { hint: suggestion });
    }
    case "commander.missingArgument":
      return new KilnError("USAGE", `${name}: got no ${quoted}`, { hint });
    case "commander.optionMissingArgument":
      return new KilnError("USAGE", `${name}: got no value, want ${plainFlags(quoted)}`, { hint });
    case "commander.excessArguments": {
      const most = command.arguments?.length ?? 0;
      const wanted = most === 0 ? "none" : `at most ${most}`;
      const count = Number(/but got (\d+)/.exec(error.message)?.[1] ?? args.length);
      const given = count === 1 ? "an argument" : `${count} arguments`;
      return new KilnError("USAGE", `${name}: got ${given}, want ${wanted}`, { hint });
    }
    default:
      return new KilnError("USAGE", `${name}: ${error.message.replace(/^error: /, "")}`, { hint });
  }
}
