// A line in the list of commands: enough to find the command and to list it, without loading it.

import type { Command } from "./command.ts";

export interface CommandEntry {
  /** What is typed after the program's name: `bake`, `keys create`. */
  readonly name: string;
  /** The same as the command's own. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export interface CommandGroup {
  readonly title: string;
  readonly commands: readonly CommandEntry[];
}
