// Runs one of the small programs beside this file in a process of its own, and reads what it says line by line.

import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface Program {
  readonly child: ChildProcess;
  /** The next line of its stdout; `undefined` at its end. */
  readonly line: () => Promise<string | undefined>;
  /** Its exit status, or the signal that ended it. */
  readonly end: Promise<number | string>;
  /** SIGKILL, and waits until it is gone. */
  readonly kill: () => Promise<void>;
}

/** `name` is relative to this file; `wrapper` is what runs before node, e.g. `unshare …`. */
export function startProgram(
  name: string,
  args: readonly string[],
  options: SpawnOptions & { readonly wrapper?: readonly string[] } = {},
): Program {
  const { wrapper = [], ...rest } = options;
  const [command = process.execPath, ...all] = [...wrapper, process.execPath, pathOf(name), ...args];
  const child = spawn(command, all, { stdio: ["ignore", "pipe", "inherit"], ...rest });
  const end = once(child, "close").then(([status, signal]) => status ?? signal);
  const lines = linesOf(child);
  return {
    child,
    end,
    line: async () => {
      const { value, done } = await lines.next();
      return done ? undefined : value;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await end;
    },
  };
}

/** Runs it to its end; what it printed last, as JSON. */
export async function runProgram(...how: Parameters<typeof startProgram>): Promise<unknown> {
  const program = startProgram(...how);
  let last: string | undefined;
  for (let line = await program.line(); line !== undefined; line = await program.line()) last = line;
  const status = await program.end;
  if (status !== 0) throw new Error(`${how[2]?.wrapper?.join(" ") ?? ""} ${how[0]} ended with ${status}`);
  return last === undefined ? undefined : JSON.parse(last);
}

export function pathOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

async function* linesOf(child: ChildProcess): AsyncGenerator<string, undefined> {
  let rest = "";
  for await (const piece of child.stdout ?? []) {
    const lines = (rest + String(piece)).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
  return undefined;
}
