// What would otherwise be global: the clock, the wish to stop, where to report, the environment.
// It is made once by the program and passed down; nothing below `commands` reads process.env, Date.now() or the working folder.

import type { Reporter } from "./report.ts";

export interface Context {
  /** The wall clock, in milliseconds since 1970. */
  readonly now: () => number;
  /** Aborted when the user wants to stop (Ctrl-C, SIGTERM). */
  readonly signal: AbortSignal;
  readonly report: Reporter;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute path. */
  readonly cwd: string;
}
