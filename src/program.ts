// From the words that were typed to an exit status: finds the command, runs it, prints its result on stdout and everything
// else on stderr. The one place that prints errors, listens to signals and reads the process's globals.
// Exit status: 0 done · 1 failed or interrupted · 2 usage · 3 verification refused.

import type { Command, Input, Result } from "./commands/command.ts";
import { isSystemError, KilnError } from "./errors.ts";
import { failureJson, failureOf, failureText } from "./program/failure.ts";
import type { Program } from "./program/help.ts";
import { requestOf } from "./program/request.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

/** Runs what `args` ask for; returns the exit status when everything is printed. */
export async function runProgram(program: Program, args: readonly string[]): Promise<number> {
  const detail = args.includes("--quiet") ? "quiet" : args.includes("--verbose") ? "verbose" : "normal";
  const terminal = openTerminal({
    stream: process.stderr,
    env: process.env,
    detail,
    clock: () => performance.now(),
  });
  const stop = listenToSignals();
  const fail = (error: unknown): Failed => {
    const failure = failureOf(error, stop.signal);
    terminal.close();
    terminal.print(failureText(program.name, failure, { look: terminal.look, detail }));
    return { exit: failure.exit, json: { error: failureJson(failure, terminal.redacted) } };
  };
  // What nobody awaited: told like any other error, with secrets hidden and the screen put right.
  process.once("uncaughtException", (error) => process.exit(fail(error).exit));

  const outcome = await perform(program, args, { terminal, signal: stop.signal }).catch(fail);
  terminal.close();
  stop.listening();
  try {
    await write(textOf(outcome, args.includes("--json")));
  } catch (error) {
    return fail(error).exit;
  }
  return outcome.exit ?? 0;
}

type Failed = Pick<Result, "json"> & { readonly exit: number };
type Outcome = Failed | Result | { readonly text: string; readonly exit?: undefined };

interface Surroundings {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

async function perform(
  program: Program,
  args: readonly string[],
  { terminal, signal }: Surroundings,
): Promise<Outcome> {
  const request = requestOf(program, args);
  if (request.ask === "version") return { text: `${program.name} ${(await import("./program/version.ts")).version}` };
  if (request.ask === "help") return { text: request.text };
  const command = await request.entry.load();
  const { parseCommandLine } = await import("./program/parse.ts");
  const typed = `${program.name} ${request.entry.name}`;
  const input = parseCommandLine({ typed, command, args: request.args });
  if ("help" in input) return { text: input.help };
  return run(command, input, { terminal, signal });
}

async function run(command: Command, input: Input, { terminal, signal }: Surroundings): Promise<Result> {
  return await command.run(input, {
    now: () => Date.now(),
    signal,
    report: terminal,
    env: process.env,
    cwd: workingFolder(),
  });
}

function workingFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    if (!isSystemError(cause, "ENOENT", "EACCES")) throw cause;
    throw new KilnError("NOT_A_FOLDER", "the working folder: got one that was removed, want one that is there", {
      hint: "cd to a folder that is there",
      cause,
    });
  }
}

/** One JSON object, whatever happened; `kiln` is the version of its shape. */
function textOf(outcome: Outcome, asJson: boolean): string {
  if (asJson && "json" in outcome) return JSON.stringify({ kiln: 1, ...outcome.json });
  return "text" in outcome ? outcome.text : "";
}

/** A first signal asks the work to stop and undo; a second one ends the process as if nobody listened. */
function listenToSignals(): { readonly signal: AbortSignal; readonly listening: () => void } {
  const controller = new AbortController();
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const stop = (name: NodeJS.Signals): void => {
    for (const each of names) process.off(each, stop);
    controller.abort(new KilnError("CANCELLED", `stopped by ${name}`));
  };
  for (const name of names) process.on(name, stop);
  return {
    signal: controller.signal,
    listening: () => {
      for (const name of names) process.off(name, stop);
    },
  };
}

/** Waits until stdout took it, so that a full disk is an error. A reader that had enough (`kiln list | head`) is none. */
async function write(text: string): Promise<void> {
  if (text === "") return;
  await new Promise<void>((resolve, reject) => {
    process.stdout.on("error", () => undefined);
    process.stdout.write(`${text}\n`, (error) => {
      if (error && !("code" in error && error.code === "EPIPE")) reject(error);
      else resolve();
    });
  });
}
