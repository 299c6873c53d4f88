// Colours and signs: what they are on this terminal, and on those that have neither.

import { styleText } from "node:util";

type Colour = "red" | "green" | "yellow" | "cyan" | "dim" | "bold";

export interface Look {
  paint(colour: Colour, text: string): string;
  readonly signs: {
    readonly done: string;
    readonly failed: string;
    readonly skipped: string;
    readonly running: string;
    readonly rule: string;
    /** The frames of the spinner, one column each. */
    readonly spinner: readonly string[];
    /** The bar's full part, the end of it, and the rest. */
    readonly bar: readonly [full: string, edge: string, rest: string];
  };
}

const unicode: Look["signs"] = {
  done: "✓",
  failed: "✗",
  skipped: "–",
  running: "…",
  rule: "│",
  spinner: "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏".split(""),
  bar: ["━", "╸", "━"],
};

/** For the kernel's own console, whose fonts have none of the above. */
const ascii: Look["signs"] = {
  done: "+",
  failed: "x",
  skipped: "-",
  running: "~",
  rule: "|",
  spinner: "|/-\\".split(""),
  bar: ["#", ">", "."],
};

interface LookOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTerminal: boolean;
}

/** Follows NO_COLOR, FORCE_COLOR and TERM. */
export function lookOf({ env, isTerminal }: LookOptions): Look {
  const colours = hasColours({ env, isTerminal });
  const signs = env["TERM"] === "linux" ? ascii : unicode;
  return {
    paint: (colour, text) => (colours ? styleText(colour, text, { validateStream: false }) : text),
    // Without colours the bar's two parts must differ by their signs.
    signs: colours || signs === ascii ? signs : { ...signs, bar: ["━", "╸", "─"] },
  };
}

function hasColours({ env, isTerminal }: LookOptions): boolean {
  if (env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "") return false;
  if (env["FORCE_COLOR"] !== undefined) return env["FORCE_COLOR"] !== "0" && env["FORCE_COLOR"] !== "false";
  return isTerminal && env["TERM"] !== "dumb";
}
