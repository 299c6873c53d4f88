// Ends what a program left running where no namespace does it: every process that still has a variable in its environment
// that nothing else has. One that was started with an empty environment, by a program that took care to, isn't found.

import { readdirSync, readFileSync } from "node:fs";

import { isSystemError } from "../errors.ts";

const mostRounds = 50;

/** Sends SIGKILL to all that were started with `NAME=value`, and to what these start meanwhile. */
export function endAllWith(variable: string): void {
  for (let round = 0; round < mostRounds; round++) {
    const found = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && hasVariable(name, variable));
    if (found.length === 0) return;
    for (const pid of found) kill(Number(pid));
  }
}

function hasVariable(pid: string, variable: string): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, "latin1")}`.includes(`\0${variable}\0`);
  } catch (error) {
    // Ended meanwhile, or another user's.
    if (isSystemError(error, "ENOENT", "ESRCH", "EACCES", "EPERM")) return false;
    throw error;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!isSystemError(error, "ESRCH", "EPERM")) throw error;
  }
}
