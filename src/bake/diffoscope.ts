// What diffoscope says of two packed files that should be the same, kept beside them as text where it is installed. Kiln's own
// words name the first difference; diffoscope shows all of them, inside what is packed in what is packed.

import { rmSync, statSync } from "node:fs";

import type { Context } from "../context.ts";
import { endOf, runProgram } from "../system/process.ts";
import { findProgram } from "../system/tools.ts";

/** Writes `report` (absolute) and returns true; false when there is no diffoscope, or it found nothing to say. */
export async function writeDiffoscope(
  pair: readonly [string, string],
  report: string,
  { env, signal, report: reporter }: Pick<Context, "env" | "signal" | "report">,
): Promise<boolean> {
  const program = findProgram("diffoscope", env["PATH"] ?? "");
  if (program === undefined) return false;
  // Minutes for a large artifact are worth it; hours aren't.
  const limits = ["--timeout=600", "--max-text-report-size=10485760"];
  const result = await runProgram([program, ...limits, "--text", report, "--", ...pair], {
    cwd: "/",
    env: { ...env, LC_ALL: "C.UTF-8" },
    signal,
  });
  // 1: they differ.
  if (result.status === 1 && (statSync(report, { throwIfNoEntry: false })?.size ?? 0) > 0) return true;
  rmSync(report, { force: true });
  reporter.note(`diffoscope: got ${endOf(result)}, want 1: it has no say`);
  return false;
}
