// Runs one step of a recipe, or one packer, in the sandbox: its output goes to a log of its own, its failure says which step
// it was, how it ended, what it printed last and where all of it is.

import { basename } from "node:path";

import type { Context } from "../context.ts";
import { isKilnError, KilnError } from "../errors.ts";
import type { Step } from "../report.ts";
import type { OverLimit } from "../system/limits.ts";
import { endOf } from "../system/process.ts";
import type { Sandbox, SandboxRun, Secret } from "../system/sandbox.ts";
import { missingProgram } from "./missing-program.ts";
import { openStepLog } from "./step-log.ts";

export interface StepRun extends Pick<SandboxRun, "argv" | "as" | "network" | "places"> {
  /** As a person reads it: `build: npm run build`. */
  readonly title: string;
  readonly secrets: readonly Secret[];
  /** More that must not be shown: passwords of proxies. */
  readonly hidden: readonly string[];
  /** Absolute path of the new log. */
  readonly log: string;
  /** Where the log can be read if the step fails, absolute. */
  readonly keptLog: string;
}

export interface Surroundings extends Pick<Context, "report" | "env" | "signal"> {
  /** Where its lines are shown. */
  readonly shown: Pick<Step, "output">;
}

/** Returns what the program printed on stdout. Throws STEP_FAILED, LIMIT_EXCEEDED, CANCELLED. */
export async function runStep(step: StepRun, sandbox: Sandbox, around: Surroundings): Promise<string> {
  const { report, shown } = around;
  const values = [...step.secrets.map(({ value }) => value), ...step.hidden];
  for (const value of values) report.redact(value);
  const log = openStepLog({ path: step.log, secrets: values, onLine: (line) => shown.output(line) });
  const stdout: Buffer[] = [];
  let result;
  try {
    result = await sandbox.run({
      argv: step.argv,
      as: step.as,
      network: step.network,
      secrets: step.secrets,
      ...(step.places === undefined ? {} : { places: step.places }),
      onOutput: (piece, from) => {
        // A packer's stdout is an answer for Kiln; a step's is for people.
        if (step.as === "packer" && from === "stdout") stdout.push(piece);
        else log.write(piece);
      },
    });
  } catch (error) {
    // A person knows the step, not the program that holds it.
    if (!isKilnError(error, "CANCELLED")) throw error;
    throw new KilnError("CANCELLED", `${step.title} was interrupted`, { cause: error });
  } finally {
    await log.close();
  }
  if (result.over !== undefined) throw limitExceeded(result.over, step, log.tail());
  if (result.status === 0) return Buffer.concat(stdout).toString("utf8");
  const missing = await missingProgram({ status: result.status, lines: log.tail() }, around);
  const why = missing === undefined ? "" : `: ${missing.what}`;
  throw new KilnError("STEP_FAILED", `${step.title}: got ${endOf(result)}${why}, want 0`, {
    hint: `${missing === undefined ? "" : `${missing.hint}; `}all of its output: ${step.keptLog}`,
    details: { step: step.title, status: result.status, log: basename(step.log), lastLines: log.tail() },
  });
}

function limitExceeded({ limit, got, most }: OverLimit, step: StepRun, lastLines: readonly string[]): KilnError {
  const of = { time: "", output: " of output", disk: " on disk", processes: " processes", memory: " of memory" }[limit];
  const message = `${step.title}: ended by its limit on ${limit}, with all that it started: got ${got}${of}, want at most ${most}`;
  return new KilnError(
    "LIMIT_EXCEEDED",
    limit === "time" ? message.replace("want at most", "want one within") : message,
    {
      hint: `\`limits: { ${limit}: … }\` in the recipe raises it; all of its output: ${step.keptLog}`,
      details: { step: step.title, limit, log: basename(step.log), lastLines },
    },
  );
}
