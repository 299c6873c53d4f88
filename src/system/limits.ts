// Runs a program under limits: on time and output, on what it writes to disk, on its processes and their memory. A program
// that is over one of them is ended with everything that it started, and the answer says which limit it was. Disk, processes
// and memory are looked at twice a second: a limit can be passed for that long.

import { readdirSync, readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";

import { isKilnError, isSystemError } from "../errors.ts";
import { type ProgramOptions, type ProgramResult, runProgram } from "./process.ts";
import { systemPath } from "./tools.ts";

export interface Limits {
  /** Milliseconds. */
  readonly time: number;
  /** Bytes, of stdout and stderr together. */
  readonly output: number;
  /** Bytes that the folder may hold. */
  readonly disk: number;
  readonly processes: number;
  /** Bytes that all processes have in memory; the machine's when undefined. */
  readonly memory?: number | undefined;
}

export interface OverLimit {
  readonly limit: keyof Limits;
  /** As in `got … of output`. */
  readonly got: string;
  /** As in `want at most …`. */
  readonly most: string;
}

export interface LimitedResult extends ProgramResult {
  /** Which limit ended it; absent when it ended by itself. */
  readonly over?: OverLimit;
}

export interface LimitedOptions extends ProgramOptions {
  readonly limits: Limits | undefined;
  /** What `disk` counts. Absolute. */
  readonly folder: string;
}

const pause = 500;
/** A disk isn't filled to its last byte: Kiln has to write what went wrong. */
const reserve = 64 * 1024 ** 2;

/** As `runProgram`. */
export async function runLimited(
  argv: readonly [string, ...string[]],
  options: LimitedOptions,
): Promise<LimitedResult> {
  const { limits, folder, ...others } = options;
  if (limits === undefined) return await runProgram(argv, others);
  const ended = new AbortController();
  let over: OverLimit | undefined;
  const end = (limit: OverLimit): void => {
    over ??= limit;
    ended.abort();
  };
  let pid: number | undefined;
  const timer = setTimeout(() => end({ limit: "time", got: "no end", most: time(limits.time) }), limits.time);
  const stopLooking = lookRegularly(limits, { folder, pid: () => pid, end });
  let printed = 0;
  const signals = options.signal === undefined ? [ended.signal] : [options.signal, ended.signal];
  try {
    const { onOutput } = options;
    return await runProgram(argv, {
      ...others,
      signal: AbortSignal.any(signals),
      onStart: (started) => (pid = started),
      onOutput:
        onOutput &&
        ((piece, from) => {
          printed += piece.length;
          if (printed > limits.output) end({ limit: "output", got: "more", most: size(limits.output) });
          if (over === undefined) onOutput(piece, from);
        }),
    });
  } catch (error) {
    if (over === undefined || options.signal?.aborted === true || !isKilnError(error, "CANCELLED")) throw error;
    return { status: null, signal: "SIGKILL", stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), over };
  } finally {
    clearTimeout(timer);
    stopLooking();
  }
}

interface Looking {
  readonly folder: string;
  readonly pid: () => number | undefined;
  readonly end: (over: OverLimit) => void;
}

/** Returns what ends it. */
function lookRegularly(limits: Limits, { folder, pid, end }: Looking): () => void {
  const disk = diskLook(limits.disk, folder);
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const root = pid();
    const over = (root === undefined ? undefined : lookAtProcesses(root, limits)) ?? (await disk());
    if (stopped) return;
    if (over !== undefined) return end(over);
    timer = setTimeout(again, pause);
  };
  const again = (): void => {
    look().catch((error: unknown) => {
      // A folder that went away: the program is ending, or somebody took it away and the program will say so.
      if (!isSystemError(error, "ENOENT") && !isKilnError(error, "TOOL_MISSING")) throw error;
    });
  };
  timer = setTimeout(again, pause);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

function lookAtProcesses(root: number, limits: Limits): OverLimit | undefined {
  const { count, memory } = familyOf(root);
  if (count > limits.processes) {
    return { limit: "processes", got: String(count), most: String(limits.processes) };
  }
  if (limits.memory === undefined || memory <= limits.memory) return undefined;
  return { limit: "memory", got: size(memory), most: size(limits.memory) };
}

const pageSize = 4096;

/** The process and all that it started, as far as they hang together: in a PID namespace, all. */
function familyOf(root: number): { count: number; memory: number } {
  const children = new Map<number, { pid: number; memory: number }[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readProc(name);
    // The name of the program, in brackets, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [parent, pages] = [Number(fields[1]), Number(fields[21])];
    const siblings = children.get(parent) ?? [];
    siblings.push({ pid: Number(name), memory: (Number.isNaN(pages) ? 0 : pages) * pageSize });
    children.set(parent, siblings);
  }
  const found = [{ pid: root, memory: 0 }];
  for (let at = 0; at < found.length; at++) found.push(...(children.get(found[at]?.pid ?? 0) ?? []));
  return { count: found.length, memory: found.reduce((sum, one) => sum + one.memory, 0) };
}

function readProc(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ESRCH")) return "";
    throw error;
  }
}

/**
 * How much the disk has filled costs nothing to ask, but others fill and empty it too; whose it is takes a walk through the folder. It is
 * walked when enough has been written to matter, and else as often as takes a twentieth of the time.
 */
function diskLook(most: number, folder: string): () => Promise<OverLimit | undefined> {
  let free = Number.POSITIVE_INFINITY;
  let held = 0;
  let next = 0;
  return async () => {
    const { bavail, bsize, blocks } = await statfs(folder);
    const now = bavail * bsize;
    if (now < Math.min(reserve, (blocks * bsize) / 100)) {
      return { limit: "disk", got: `a disk with ${size(now)} left`, most: size(most) };
    }
    const start = performance.now();
    if (free - now < (most - held) / 4 && start < next) return undefined;
    held = await sizeOf(folder);
    free = now;
    next = start + 20 * (performance.now() - start);
    return held <= most ? undefined : { limit: "disk", got: size(held), most: size(most) };
  };
}

async function sizeOf(folder: string): Promise<number> {
  const options = ["--summarize", "--one-file-system", "--block-size=1"];
  // What vanishes meanwhile makes its status 1, and its answer no worse.
  const { stdout } = await runProgram(["du", ...options, folder], { cwd: "/", env: { PATH: systemPath } });
  return Number.parseInt(stdout.toString("utf8"), 10) || 0;
}

function size(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1024 ** power;
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

function time(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}
