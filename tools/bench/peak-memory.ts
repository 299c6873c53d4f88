// Loaded into a measured process before its program: leaves the process's peak resident set (MB) in the file that
// KILN_BENCH_PEAK names. VmHWM counts this program's memory only; getrusage's maximum may be that of whoever started it.

import { readFileSync, writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

const file = process.env["KILN_BENCH_PEAK"];
if (isMainThread && file !== undefined) {
  process.on("exit", () => {
    const [, kibibytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    writeFileSync(file, String((Number(kibibytes) * 1024) / 1e6));
  });
}
