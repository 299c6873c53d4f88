// What a bake works with from its first step to its last artifact: the order, the sandbox, the folders, and what is done so far.
// Steps and packers that run side by side add to it; nothing in it is read before whoever writes it is done.

import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { digestOf } from "../artifact/digest.ts";
import type { Artifact, Blob } from "../artifact/manifest.ts";
import type { Context } from "../context.ts";
import type { Step } from "../report.ts";
import type { Conditions, Sandbox } from "../system/sandbox.ts";
import type { CheckResult } from "./checks.ts";
import type { BakeOrder } from "./order.ts";

export interface OvenOptions {
  /** An empty folder for everything; it may be removed afterwards. */
  readonly folder: string;
  readonly conditions: Conditions;
  /** Where logs will be when this bake has failed. */
  readonly keptLogs: string;
}

export interface Kitchen {
  readonly order: BakeOrder;
  readonly options: OvenOptions;
  readonly context: Context;
  readonly sandbox: Sandbox;
  readonly logs: string;
  readonly out: string;
  readonly source: string;
  readonly stage: string;
  /** Artifacts that are done, by name. */
  readonly packed: Map<string, Artifact>;
  /** File → the artifact that has it. */
  readonly taken: Map<string, string>;
  /** Lock files that tell what is in an artifact: paths relative to the source. */
  readonly followed: Set<string>;
  /** Codename of the system that steps and packers see. */
  readonly suite: string | undefined;
  /** Check → how it ended. */
  readonly results: Map<string, CheckResult>;
  /** Aborted when something failed that ran beside. */
  readonly failed: AbortSignal;
  /** That, and the user's wish to stop. */
  readonly signal: AbortSignal;
}

/** As `inStep`; what is ended because of another's failure hasn't failed itself. */
export async function inKitchen<T>(
  title: string,
  { context, failed }: Pick<Kitchen, "context" | "failed">,
  work: (step: Step) => Promise<T>,
  outcome?: (result: T) => string,
): Promise<T> {
  const step = context.report.step(title);
  try {
    const result = await work(step);
    step.end(outcome?.(result));
    return result;
  } catch (error) {
    if (failed.aborted && !context.signal.aborted) step.skip("ended: what ran beside it failed");
    else step.fail();
    throw error;
  }
}

/** Writes a new file of the bake. */
export function writeBlob(folder: string, file: string, bytes: Uint8Array): Blob {
  writeFileSync(join(folder, file), bytes, { flag: "wx" });
  return { file, size: bytes.length, sha256: digestOf(bytes) };
}
