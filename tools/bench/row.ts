// What a row of the table is: one or more lines, each with a bar that its median is held against.

import type { Program } from "./program.ts";

export interface Bar {
  readonly sense: "≤" | "≥";
  readonly limit: number;
  readonly unit: "ms" | "×" | "MB" | "a second" | "requests";
}

export interface Line {
  readonly what: string;
  readonly bar: Bar;
  readonly values: readonly number[];
  /** What the values are made of. */
  readonly detail: string;
}

export interface Bench {
  /** An empty folder of this row's own, removed afterwards. */
  readonly folder: string;
  readonly program: Program;
}

export interface Row {
  /** What a filter on the command line matches. */
  readonly name: string;
  readonly run: (bench: Bench) => Promise<readonly Line[]>;
}
