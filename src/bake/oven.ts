// One bake, in one workspace, under given conditions: checkout, steps in their order, then the artifacts, their SBOMs, the
// provenance, and last the manifest. What the order allows runs side by side. The first failure ends it and all that runs
// beside it, and what it made is of no use: only a folder with a manifest is a bake, and its caller makes it visible by a rename.

import { writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import { type Manifest, manifestBytes, manifestFile } from "../artifact/manifest.ts";
import { lockPathOf } from "../bases/lock.ts";
import { readyBase } from "../bases/ready.ts";
import type { Context } from "../context.ts";
import { inStep } from "../report.ts";
import { suiteName } from "../system/packages.ts";
import { openSandbox } from "../system/sandbox-open.ts";
import { toolsFor } from "../system/sandbox-tools.ts";
import { manifestOf, writeProvenance } from "./finish.ts";
import { requireAnswers } from "./gates.ts";
import type { Kitchen, OvenOptions } from "./kitchen.ts";
import { checkMounts } from "./mounts.ts";
import type { BakeOrder } from "./order.ts";
import { packArtifact } from "./pack-artifact.ts";
import { packingOrder } from "./packing-order.ts";
import { findLockFiles } from "./provenance.ts";
import { proxiesOf } from "./proxies.ts";
import { sideBySide } from "./side-by-side.ts";
import { takeStep } from "./take-step.ts";
import { makeWorkspace } from "./workspace.ts";

export interface Finished {
  readonly manifest: Manifest;
  /** Holds manifest, artifacts, SBOMs, provenance, other attestations and logs, and nothing else. */
  readonly folder: string;
}

/** Throws STEP_FAILED, ARTIFACT_INVALID, SECRET_MISSING and what a checkout and a sandbox throw. */
export async function bakeIn(order: BakeOrder, options: OvenOptions, context: Context): Promise<Finished> {
  const { folder, conditions } = options;
  // Before the work: it may be impossible.
  const packing = packingOrder(order.artifacts);
  const out = join(folder, "out");
  const logs = join(out, "logs");
  await mkdir(logs, { recursive: true });
  const workspace = await makeWorkspace(folder);
  await inStep(context.report, "check out the source", () => order.checkOut(workspace.source));
  const lockFiles = findLockFiles(workspace.source, [lockPathOf(order.plan.source.recipe)]);
  const base = order.base === undefined ? undefined : await readyBase(order.base, order.baseSettings, context);
  await checkMounts(order.mounts, context);
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const sandbox = await openSandbox({
    isolation: order.plan.isolation,
    workspace,
    conditions,
    base,
    mounts: order.mounts,
    limits: order.limits,
    tools: base === undefined ? order.machine.sandboxTools : toolsFor(order.machine.sandboxTools, base.root),
    env: environmentOf(order),
    networkEnv: proxiesOf(context.env),
    now: context.now(),
    signal,
  });
  const kitchen: Kitchen = {
    order,
    packed: new Map(),
    taken: new Map(),
    followed: new Set(),
    suite: base === undefined ? suiteName() : suiteName(join(base.root, "usr/lib/os-release")),
    results: new Map(),
    failed: failed.signal,
    signal,
    options,
    context,
    sandbox,
    logs,
    out,
    source: workspace.source,
    stage: workspace.stage,
  };
  const bounds = { most: availableParallelism(), onFailure: () => failed.abort() };
  await sideBySide(order.steps, bounds, (step, place) => takeStep(step, place, kitchen));
  await sideBySide(packing, bounds, async ({ artifact }) => {
    kitchen.packed.set(artifact.name, await packArtifact(artifact, kitchen));
  });
  const artifacts = order.artifacts.flatMap(({ name }) => kitchen.packed.get(name) ?? []);
  requireAnswers(order.gates, artifacts);
  const manifest = manifestOf(kitchen, artifacts, writeProvenance(artifacts, lockFiles, kitchen));
  // Last: a folder without it is no bake.
  writeFileSync(join(out, manifestFile), manifestBytes(manifest), { flag: "wx" });
  return { manifest, folder: out };
}

function environmentOf({ plan }: BakeOrder): Record<string, string> {
  return {
    ...plan.env,
    SOURCE_DATE_EPOCH: String(plan.source.time),
    KILN_NAME: plan.name,
    KILN_VERSION: plan.version,
    ...(plan.source.commit === null ? {} : { KILN_COMMIT: plan.source.commit }),
  };
}
