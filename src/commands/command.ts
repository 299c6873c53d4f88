// A command of the program: what it is called with, what it shows in --help, and one function that composes the parts
// and returns data. Commands print nothing: the program does, as text or as --json.

import type { Context } from "../context.ts";

export interface Command {
  /** One line, for `kiln --help`. */
  readonly summary: string;
  readonly arguments?: readonly {
    /** As in the usage line: `NAME@VERSION`. */
    readonly name: string;
    readonly description: string;
    /** `one` by default. */
    readonly count?: "one" | "optional" | "any";
  }[];
  readonly options?: readonly {
    /** `--out DIR` takes a value, `--twice` doesn't. */
    readonly flags: string;
    readonly description: string;
  }[];
  /** Command lines that work as they stand. */
  readonly examples: readonly string[];
  run(input: Input, context: Context): Promise<Result>;
}

export interface Input {
  readonly arguments: readonly string[];
  /** By option name without the dashes, camel-cased: `--dry-run` is `dryRun`. */
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

export interface Result {
  /** What --json prints: its shape is part of the interface. */
  readonly json: Readonly<Record<string, unknown>>;
  /** What a person reads on stdout; no trailing newline, may be empty. */
  readonly text: string;
  /** 3 when a verification refused, 1 when something failed that isn't an error of the command. */
  readonly exit?: 0 | 1 | 3;
}
