// Programs that Kiln runs: argv arrays, never a shell string; an environment that is given whole, never inherited.
// A program is started in a process group of its own, and the whole group ends when `signal` aborts, so that nothing
// which it started outlives the command.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";

import { isSystemError, KilnError } from "../errors.ts";
import { toolMissing } from "./tools.ts";

export interface ProgramOptions {
  /** Absolute path. */
  readonly cwd: string;
  /** All that the program sees. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** Written to its standard input, which is empty otherwise. */
  readonly input?: Uint8Array | string | undefined;
  /** Bytes of which the program reads one each on file descriptors 3, 4 … */
  readonly pipes?: readonly Uint8Array[] | undefined;
  /** Called once it runs. */
  readonly onStart?: ((pid: number) => void) | undefined;
  /** Called when it has ended, though what it started may still hold its output open. */
  readonly onExit?: ((pid: number) => void) | undefined;
  /** Called with each piece of stdout and stderr as it comes; then neither is collected. */
  readonly onOutput?: ((piece: Buffer, from: "stdout" | "stderr") => void) | undefined;
}

export interface ProgramResult {
  /** Exit status; null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/**
 * Runs `argv` to its end and returns how it ended; a status other than 0 is the caller's to judge.
 * Throws TOOL_MISSING when there is no such program, CANCELLED when `signal` aborts.
 */
export function runProgram(argv: readonly [string, ...string[]], options: ProgramOptions): Promise<ProgramResult> {
  const [program, ...args] = argv;
  const { promise, resolve, reject } = Promise.withResolvers<ProgramResult>();
  if (options.signal?.aborted) {
    reject(cancelled(program));
    return promise;
  }
  const pipes = options.pipes ?? [];
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...options.env },
    detached: true,
    stdio: ["pipe", "pipe", "pipe", ...pipes.map(() => "pipe" as const)],
  });
  const endGroup = () => killGroup(child.pid);
  const { pid } = child;
  if (pid !== undefined) {
    options.onStart?.(pid);
    child.once("exit", () => options.onExit?.(pid));
  }
  options.signal?.addEventListener("abort", endGroup, { once: true });

  const collected = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  for (const from of ["stdout", "stderr"] as const) {
    child[from]?.on("data", (piece: Buffer) => {
      if (options.onOutput) options.onOutput(piece, from);
      else collected[from].push(piece);
    });
  }
  feed(child.stdin, options.input ?? "");
  pipes.forEach((bytes, index) => feed(child.stdio[index + 3] as NodeJS.WritableStream, bytes));

  child.on("error", (error) => {
    options.signal?.removeEventListener("abort", endGroup);
    reject(isSystemError(error, "ENOENT") && existsSync(options.cwd) ? toolMissing(program, error) : error);
  });
  child.on("close", (status, signal) => {
    options.signal?.removeEventListener("abort", endGroup);
    if (options.signal?.aborted) return reject(cancelled(program));
    resolve({
      status,
      signal,
      stdout: Buffer.concat(collected.stdout),
      stderr: Buffer.concat(collected.stderr),
    });
  });
  return promise;
}

/** How a program ended, in words. */
export function endOf(result: Pick<ProgramResult, "status" | "signal">): string {
  return result.signal === null ? `exit status ${result.status}` : `signal ${result.signal}`;
}

/** A program that ends without reading its input is no failure of ours: its status says what it was. */
function feed(stream: NodeJS.WritableStream | null | undefined, bytes: Uint8Array | string): void {
  stream?.on("error", (error) => {
    if (!isSystemError(error, "EPIPE", "ECONNRESET")) throw error;
  });
  stream?.end(bytes);
}

/** Ends a program that was started here, and what it started unless that left its group. */
export function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (!isSystemError(error, "ESRCH")) throw error;
  }
}

function cancelled(program: string): KilnError {
  return new KilnError("CANCELLED", `${program} was interrupted`);
}
