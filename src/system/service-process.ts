// A long-running process that outlives the command which started it. Invariants: it runs only if whoever started it has
// durably written down who it is, so none is ever lost track of; and no process is ever signalled that isn't ours, though
// pids are reused (a pid counts only with its start time and the boot it belongs to).
// It leads a session, and so a process group, of its own: what it starts is stopped with it.

import { spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { isSystemError, KilnError } from "../errors.ts";

export interface ServiceProcess {
  readonly pid: number;
  /** Clock ticks since boot at which the kernel started it. */
  readonly startTime: number;
  /** Of the machine's boot that it belongs to. */
  readonly boot: string;
}

export interface ServiceOptions {
  /** Absolute path. */
  readonly cwd: string;
  /** All that it sees. */
  readonly env: Readonly<Record<string, string>>;
  /** Its stdout and stderr are appended here: an absolute path. */
  readonly log: string;
  /** Writes down who it is; the program begins only after this. */
  readonly onStarted: (service: ServiceProcess) => Promise<void>;
}

/** Its process and all that it started carry this variable, by which they are told from a stranger that reuses a number. */
const marker = "KILN_SERVICE";
/** Milliseconds. */
const killWait = 5000;
/** Milliseconds: how long a process may be without an environment, while it becomes another program or ends. */
const betweenPrograms = 1000;

/**
 * The shell waits for a line before it becomes the program. When its starter dies first it reads the end instead, and
 * ends: so there is no moment in which a program runs that nobody wrote down.
 */
const waitThenRun = 'read -r go <&3 && exec 3<&- && exec "$@"';

/** Starts `argv`, found in the PATH of `env` or relative to `cwd`. That it began says nothing of its health: probe it. */
export async function startService(
  argv: readonly [string, ...string[]],
  { cwd, env, log, onStarted }: ServiceOptions,
): Promise<ServiceProcess> {
  const out = openSync(log, "a", 0o640);
  const child = spawn("/bin/sh", ["-c", waitThenRun, "sh", ...argv], {
    cwd,
    env: { ...env, [marker]: log },
    detached: true,
    stdio: ["ignore", out, out, "pipe"],
  });
  closeSync(out);
  await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  const gate = child.stdio[3] as NodeJS.WritableStream;
  const service = { pid: Number(child.pid), startTime: startTimeOf(Number(child.pid)) ?? 0, boot: bootId() };
  // It may have been ended from outside before it read the line: its probe says so, and better than EPIPE.
  gate.on("error", (error) => {
    if (!isSystemError(error, "EPIPE", "ECONNRESET")) throw error;
  });
  try {
    await onStarted(service);
    gate.write("go\n");
  } finally {
    gate.end();
    child.unref();
  }
  return service;
}

/** Whether the process itself lives; what it started may live on without it. */
export function isServiceRunning({ pid, startTime, boot }: ServiceProcess): boolean {
  return boot === bootId() && startTimeOf(pid) === startTime;
}

/**
 * Ends it and all in its group: SIGTERM, and SIGKILL `grace` milliseconds later. Returns at once when none is left.
 * `log` is the one it was started with. Throws STOP_FAILED when it is still there 5 s after SIGKILL.
 */
export async function stopService(
  service: ServiceProcess,
  { log, grace }: { log: string; grace: number },
): Promise<void> {
  for (const [signal, wait] of [
    ["SIGTERM", grace],
    ["SIGKILL", killWait],
  ] as const) {
    if (!(await hasMembers(service, log))) return;
    signalGroup(service.pid, signal);
    const deadline = performance.now() + wait;
    for (let pause = 2; performance.now() < deadline; pause = Math.min(pause * 2, 50)) {
      if (!(await hasMembers(service, log))) return;
      await sleep(pause);
    }
  }
  if (await hasMembers(service, log)) {
    throw new KilnError("STOP_FAILED", `process ${service.pid}: got it still there ${killWait} ms after SIGKILL`);
  }
}

/**
 * The kernel gives a group's number to no new process while the group has a member. So a live leader of another start
 * time means that ours is gone; with no leader, only members that carry our marker are ours.
 */
async function hasMembers(service: ServiceProcess, log: string): Promise<boolean> {
  if (service.boot !== bootId()) return false;
  if (isServiceRunning(service)) return true;
  if (startTimeOf(service.pid) !== undefined) return false;
  for (const entry of readdirSync("/proc")) {
    if (/^[0-9]+$/.test(entry) && (await isMarkedMember(entry, service.pid, log))) return true;
  }
  return false;
}

async function isMarkedMember(pid: string, group: number, log: string): Promise<boolean> {
  for (const deadline = performance.now() + betweenPrograms; performance.now() < deadline; await sleep(2)) {
    const stat = statOf(pid);
    if (stat === undefined || stat.state === "Z" || stat.group !== group) return false;
    const environ = readProc(`${pid}/environ`);
    if (environ) return environ.split("\0").includes(`${marker}=${log}`);
  }
  return false;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // It ended between the look and the signal.
    if (!isSystemError(error, "ESRCH")) throw error;
  }
}

/** Undefined when there is no such process, or only what remains of one until its parent looks. */
function startTimeOf(pid: number): number | undefined {
  const stat = statOf(String(pid));
  return stat === undefined || stat.state === "Z" || stat.state === "X" ? undefined : stat.startTime;
}

/** Fields 3, 5 and 22 of /proc/PID/stat; the second, the name, is in parentheses and may hold anything. */
function statOf(pid: string): { state: string; group: number; startTime: number } | undefined {
  const text = readProc(`${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", group: Number(fields[2]), startTime: Number(fields[19]) };
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, "utf8");
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ESRCH", "EACCES")) return undefined;
    throw error;
  }
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}
