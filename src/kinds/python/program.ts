// Runs one of the programs beside this file, in Python, as a packer: what it works on goes in as a file, its answer comes back as
// JSON, and what a person has to mend is told by it in one sentence and a hint.

import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { z } from "zod";

import { KilnError } from "../../errors.ts";
import type { PackerOptions, PackJob } from "../kind.ts";

/** Programs that packing anything of Python needs. */
export const pythonPrograms = ["python3", "pip3"] as const;

export const refusalSchema = z.strictObject({
  refused: z.strictObject({ code: z.enum(["ARTIFACT_INVALID", "TOOL_MISSING"]), what: z.string(), hint: z.string() }),
});

/** Returns the program's answer. Throws what it refuses, and STEP_FAILED. */
export async function runPython(
  program: "build.py" | "environment_at.py",
  work: Readonly<Record<string, unknown>>,
  job: PackJob,
  options?: PackerOptions,
): Promise<unknown> {
  for (const file of [program, "environment.py", "metadata.py"]) {
    copyFileSync(fileURLToPath(new URL(`programs/${file}`, import.meta.url)), join(job.stage, file));
  }
  const file = join(job.stage, "job.json");
  writeFileSync(file, JSON.stringify(work));
  const { inside } = job.sandbox;
  // Neither variables nor a folder of the user's may bring other modules in.
  const text = await job.runPacker(["python3", "-EsB", inside(join(job.stage, program)), inside(file)], options);
  const answer: unknown = JSON.parse(text);
  const refused = refusalSchema.safeParse(answer);
  if (!refused.success) return answer;
  const { code, what, hint } = refused.data.refused;
  throw new KilnError(code, `${job.artifact}: ${what}`, { hint });
}
