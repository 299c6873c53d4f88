// A bake from order to finished folder. Returns what is kept when the same inputs were baked before; otherwise bakes in a
// workspace of its own and makes the result visible by one rename. If we stop before it, there is only a workspace that the
// next bake removes; after it, a whole bake.

import { existsSync } from "node:fs";
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { Context } from "../context.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { inStep } from "../report.ts";
import { hintFor } from "./base-hint.ts";
import { compareBakes } from "./compare.ts";
import { otherConditions, usualConditions } from "./conditions.ts";
import { writeDiffoscope } from "./diffoscope.ts";
import { rememberPlan } from "./explain.ts";
import { type Bake, readBake } from "./kept.ts";
import type { BakeOrder } from "./order.ts";
import { bakeIn } from "./oven.ts";
import { pruneBakes, touchBake } from "./prune.ts";
import { bakeFolder, failedFolder, type KilnFolder, withWorkFolder, workName } from "./workspace.ts";

export interface BakeResult extends Bake {
  /** True when nothing ran, because the same inputs were baked before. */
  readonly cached: boolean;
}

export interface BakeOptions {
  readonly folder: KilnFolder;
  /** `twice`: bakes again under other conditions and compares every byte, even when a bake is kept. */
  readonly check: "once" | "twice";
}

/** Throws STEP_FAILED, ARTIFACT_INVALID, SECRET_MISSING, NOT_REPRODUCIBLE, TOOL_MISSING, SANDBOX_FAILED, CANCELLED. */
export async function bake(order: BakeOrder, options: BakeOptions, context: Context): Promise<BakeResult> {
  const { folder, check } = options;
  const finished = bakeFolder(folder, order.bakeKey);
  const kept = readBake(finished);
  if (kept !== undefined && check === "once") {
    touchBake(finished, context);
    return { ...kept, cached: true };
  }
  const result = await withWorkFolder(
    folder,
    { name: workName(order.bakeKey), signal: context.signal },
    async (work) => {
      // Another process may have baked it while we waited for the lock.
      const before = readBake(finished);
      if (before !== undefined && check === "once") return { ...before, cached: true };
      const keeper = { order, folder, context };
      const first = before ?? (await keepingLogs(keeper, join(work, "first"), usualConditions(order.plan.source.time)));
      if (check === "twice") await checkTwice(keeper, work, first);
      if (before !== undefined) return { ...before, cached: true };
      // What lies there isn't a whole bake, or readBake had found it.
      await rm(finished, { recursive: true, force: true });
      await rename(first.folder, finished);
      await rm(failedFolder(folder, order.bakeKey), { recursive: true, force: true });
      await rememberPlan(order, folder);
      const bake = readBake(finished);
      if (bake === undefined) throw new TypeError(`${finished} changed while it was made`);
      return { ...bake, cached: false };
    },
  );
  await pruneBakes(folder, context);
  return result;
}

interface Keeper {
  readonly order: BakeOrder;
  readonly folder: KilnFolder;
  readonly context: Context;
}

type Conditions = ReturnType<typeof usualConditions>;

/** Bakes in `work`; when that fails, its logs are moved to where the error says they are. */
async function keepingLogs({ order, folder, context }: Keeper, work: string, conditions: Conditions) {
  const kept = failedFolder(folder, order.bakeKey);
  await mkdir(work);
  try {
    return await bakeIn(order, { folder: work, conditions, keptLogs: kept }, context);
  } catch (error) {
    const logs = join(work, "out/logs");
    if (existsSync(logs)) await moveOver(logs, kept);
    throw hintFor(error, order.base);
  }
}

async function checkTwice(keeper: Keeper, work: string, first: { folder: string; manifest: Bake["manifest"] }) {
  const { order, folder, context } = keeper;
  context.report.note("second bake: another path, umask, time zone and clock");
  const second = await keepingLogs(keeper, join(work, "second"), otherConditions(order.plan.source.time));
  const kept = failedFolder(folder, order.bakeKey);
  try {
    await inStep(
      context.report,
      "compare the two bakes",
      () => compareBakes([first, second], kept, context),
      ({ files, bytes }) => `${files} files, ${bytes} bytes, all the same`,
    );
  } catch (error) {
    // Both are kept, for a person with diffoscope.
    await rm(dirname(kept), { recursive: true, force: true });
    await mkdir(kept, { recursive: true });
    await cp(first.folder, join(kept, "first"), { recursive: true });
    await rename(second.folder, join(kept, "second"));
    throw await withDiffoscope(error, kept, context);
  }
}

/** Where diffoscope is installed, what it says lies beside the two bakes. */
async function withDiffoscope(error: unknown, kept: string, context: Context): Promise<unknown> {
  const file = isKilnError(error, "NOT_REPRODUCIBLE") ? error.details["file"] : undefined;
  if (!isKilnError(error) || typeof file !== "string") return error;
  const pair = [join(kept, "first", file), join(kept, "second", file)] as const;
  if (!(await writeDiffoscope(pair, join(kept, "diffoscope.txt"), context))) return error;
  const { code, message, hint, details } = error;
  return new KilnError(code, message, {
    hint: `${hint}, and diffoscope.txt shows all differences`,
    details,
    cause: error,
  });
}

/** Only the last failure is kept. */
async function moveOver(from: string, to: string): Promise<void> {
  await rm(dirname(to), { recursive: true, force: true });
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
}
