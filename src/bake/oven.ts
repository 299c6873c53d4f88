// One bake, in one workspace, under given conditions: checkout, steps in their order, then the artifacts, their SBOMs, the
// provenance, and last the manifest. What the order allows runs side by side. The first failure ends it and all that runs
// beside it, and what it made is of no use: only a folder with a manifest is a bake, and its caller makes it visible by a rename.

import { copyFileSync, existsSync, lstatSync, mkdirSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, join, relative } from "node:path";

import { type Digest, digestOf } from "../artifact/digest.ts";
import { type Artifact, type Blob, type Manifest, manifestBytes, manifestFile } from "../artifact/manifest.ts";
import { checkArtifactFile } from "../artifact/name.ts";
import { lockPathOf } from "../bases/lock.ts";
import { readyBase } from "../bases/ready.ts";
import type { Context } from "../context.ts";
import { isKilnError, isSystemError, KilnError } from "../errors.ts";
import { kindOf } from "../kinds/index.ts";
import { builtPath, type Packed } from "../kinds/kind.ts";
import { cellText } from "../recipe/matrix.ts";
import { inStep, type Step } from "../report.ts";
import { changedFile } from "../system/changed-file.ts";
import { hashFile } from "../system/hash-file.ts";
import { suiteName } from "../system/packages.ts";
import { openSandbox } from "../system/sandbox-open.ts";
import { toolsFor } from "../system/sandbox-tools.ts";
import type { Conditions, Sandbox, Secret } from "../system/sandbox.ts";
import { type CheckResult, outcomesOf, testsOf, testStatements } from "./checks.ts";
import { requireAnswers } from "./gates.ts";
import { checkMounts } from "./mounts.ts";
import type { BakeOrder, OrderedStep } from "./order.ts";
import { packingOrder } from "./packing-order.ts";
import { findLockFiles, lockedPackages, type LockFile, provenanceBytes, provenanceFile } from "./provenance.ts";
import { runStep } from "./run-step.ts";
import { refuseSecrets } from "./secret-leak.ts";
import { sideBySide } from "./side-by-side.ts";
import { makeWorkspace } from "./workspace.ts";

export interface OvenOptions {
  /** An empty folder for everything; it may be removed afterwards. */
  readonly folder: string;
  readonly conditions: Conditions;
  /** Where logs will be when this bake has failed. */
  readonly keptLogs: string;
}

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

interface Kitchen {
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

function environmentOf({ plan }: BakeOrder): Record<string, string> {
  return {
    ...plan.env,
    SOURCE_DATE_EPOCH: String(plan.source.time),
    KILN_NAME: plan.name,
    KILN_VERSION: plan.version,
    ...(plan.source.commit === null ? {} : { KILN_COMMIT: plan.source.commit }),
  };
}

/** What `fetch` steps may need to reach the network at all. No part of the bake key: lock files pin what is fetched. */
function proxiesOf(env: Context["env"]): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "no_proxy", "all_proxy"].flatMap((name) => [name, name.toUpperCase()]);
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

function passwordsIn(urls: readonly string[]): string[] {
  return urls.flatMap((url) => {
    const password = URL.parse(url)?.password ?? "";
    return password === "" ? [] : [password];
  });
}

async function takeStep(step: OrderedStep, place: number, kitchen: Kitchen): Promise<void> {
  const { context, sandbox, logs, options } = kitchen;
  const log = `${String(place + 1).padStart(2, "0")}-${step.phase}.log`;
  const secrets = step.secrets.map((name) => secretOf(name, step, context));
  const title = `${step.phase}: ${step.title}`;
  const run = () =>
    inKitchen(title, kitchen, (shown) =>
      runStep(
        {
          title,
          argv: ["/bin/sh", "-ec", step.run],
          as: "step",
          network: step.phase === "fetch" ? "open" : "closed",
          secrets,
          hidden: passwordsIn(Object.values(proxiesOf(context.env))),
          log: join(logs, log),
          keptLog: join(options.keptLogs, log),
        },
        sandbox,
        { ...context, shown },
      ),
    );
  try {
    if (step.check === undefined) await run();
    else await takeCheck({ ...step.check, report: step.report }, run, kitchen);
  } finally {
    if (step.report !== undefined) keepReport({ ...step, report: step.report }, kitchen, log);
  }
}

async function takeCheck(
  check: NonNullable<OrderedStep["check"]> & Pick<OrderedStep, "report">,
  run: () => Promise<unknown>,
  { context, sandbox, signal, source, results }: Kitchen,
): Promise<void> {
  const { name, isRequired, report } = check;
  let outcome: CheckResult["outcome"] = "passed";
  try {
    await run();
  } catch (error) {
    // What was ended because of another's failure has no result.
    if (isRequired || signal.aborted || !isKilnError(error, "STEP_FAILED")) throw error;
    outcome = "failed";
    context.report.note(`check ${name}: it failed, and may: the bake goes on`);
  }
  const folder = sandbox.inside(source);
  const tests = report === undefined ? {} : { tests: testsOf({ check: name, outcome, report, source, folder }) };
  results.set(name, { name, outcome, ...tests });
}

/** As `inStep`; what is ended because of another's failure hasn't failed itself. */
async function inKitchen<T>(
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

function secretOf(name: string, step: OrderedStep, { env }: Context): Secret {
  const value = env[name];
  if (value !== undefined && value !== "") return { name, value };
  throw new KilnError("SECRET_MISSING", `${step.phase}: ${step.title}: got no value for the secret ${name}`, {
    hint: `set the environment variable ${name} for kiln; only this step will see it, in the file $KILN_SECRETS/${name}`,
  });
}

/** A check's report is kept beside its log, whether it failed or not, if it was written at all. */
function keepReport(
  { report, phase, title }: { readonly report: string } & Pick<OrderedStep, "phase" | "title">,
  { source, logs }: Kitchen,
  log: string,
): void {
  if (!existsSync(join(source, report))) return;
  const path = builtPath({ artifact: `${phase} ${title}`, source }, report);
  if (lstatSync(path).isFile()) copyFileSync(path, join(logs, `${log.replace(/\.log$/, "")}-${basename(path)}`));
}

async function packArtifact(artifact: BakeOrder["artifacts"][number], kitchen: Kitchen): Promise<Artifact> {
  const { order } = kitchen;
  return await inKitchen(
    `${artifact.kind}: ${artifact.name}`,
    kitchen,
    async (step) => {
      const packed = await whileItStays(kitchen.source, () => runPacker(artifact, kitchen, step));
      checkArtifactFile(packed.file, artifact.name);
      await refuseSecrets({
        artifact: artifact.name,
        kind: artifact.kind,
        path: join(kitchen.out, packed.file),
        secrets: new Set(order.steps.flatMap(({ secrets }) => secrets)),
        context: kitchen.context,
      });
      const blob = await blobOf(kitchen.out, packed);
      const { sbomOf } = await import("./sbom/sbom.ts");
      const sbom = sbomOf({
        packed,
        kind: artifact.kind,
        sha256: blob.sha256,
        release: order.plan,
        time: order.plan.source.time,
        source: realpathSync(kitchen.source),
        base: order.base,
        kiln: order.plan.kiln,
      });
      for (const path of sbom.lockFiles) kitchen.followed.add(path);
      return {
        name: artifact.name,
        kind: artifact.kind,
        platform: packed.platform,
        ...blob,
        record: packed.record,
        sbom: writeBlob(kitchen.out, `${packed.file}.cdx.json`, sbom.bytes),
      };
    },
    ({ file, size }) => `${file}, ${size} bytes`,
  );
}

async function runPacker(artifact: BakeOrder["artifacts"][number], kitchen: Kitchen, shown: Step): Promise<Packed> {
  const { order, context, source, out, logs, options } = kitchen;
  // Each artifact has a stage of its own, at the one path that packers see.
  const stage = join(kitchen.stage, artifact.name);
  mkdirSync(stage);
  const sandbox = kitchen.sandbox.withStage(stage);
  let runs = 0;
  return await kindOf(artifact.kind).pack(artifact.spec, {
    artifact: artifact.name,
    release: order.plan,
    lossy: order.lossy.includes(artifact.kind),
    source,
    artifacts: order.artifacts,
    packed: kitchen.packed,
    stage,
    out,
    time: order.plan.source.time,
    suite: kitchen.suite,
    sandbox,
    runPacker: (argv, { places } = {}) => {
      runs += 1;
      const log = `${artifact.kind}-${artifact.name}${runs === 1 ? "" : `-${runs}`}.log`;
      return runStep(
        {
          title: `${artifact.kind}: ${artifact.name}`,
          argv,
          ...(places === undefined ? {} : { places }),
          as: "packer",
          network: "closed",
          secrets: [],
          hidden: [],
          log: join(logs, log),
          keptLog: join(options.keptLogs, log),
        },
        sandbox,
        { ...context, shown },
      );
    },
    take: (file) => takeFile({ file, stage }, artifact.name, kitchen),
    onProgress: (bytes) => shown.progress(bytes, undefined, "bytes"),
    signal: kitchen.signal,
  });
}

/** What is gone from the source while it is packed was taken by something that a step left running. */
async function whileItStays<T>(source: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const path = isSystemError(error, "ENOENT", "ENOTDIR", "EISDIR") ? (error.path ?? "") : "";
    const inner = relative(realpathSync(source), path);
    if (path === "" || inner.startsWith("..")) throw error;
    throw changedFile(inner, "another sort of file, or none,", error);
  }
}

/** Two artifacts under one name would be one file in every repository. */
function takeFile(
  { file, stage }: { readonly file: string; readonly stage: string },
  artifact: string,
  { out, taken }: Kitchen,
): void {
  const before = taken.get(file);
  if (before !== undefined) {
    // Sorted: which of them was quicker says nothing.
    const both = [before, artifact].toSorted().join(" and ");
    throw new KilnError("ARTIFACT_INVALID", `${both}: got the file name ${file} for both, want one each`, {
      hint: "give one of them another name, or another package name",
    });
  }
  taken.set(file, artifact);
  renameSync(join(stage, file), join(out, file));
}

async function blobOf(folder: string, { file, sha256 }: Packed): Promise<Blob> {
  const path = join(folder, file);
  return { file, size: lstatSync(path).size, sha256: sha256 ?? (await hashFile(path)) };
}

function writeBlob(folder: string, file: string, bytes: Uint8Array): Blob {
  writeFileSync(join(folder, file), bytes, { flag: "wx" });
  return { file, size: bytes.length, sha256: digestOf(bytes) };
}

function writeProvenance(artifacts: readonly Artifact[], lockFiles: readonly LockFile[], kitchen: Kitchen): Blob {
  const { plan, bakeKey, base } = kitchen.order;
  const packages = lockedPackages(kitchen.source, lockFiles, kitchen.followed);
  const materials = base?.materials ?? [];
  return writeBlob(
    kitchen.out,
    provenanceFile,
    provenanceBytes({ plan, materials, bakeKey, artifacts, lockFiles, packages }),
  );
}

function manifestOf(kitchen: Kitchen, artifacts: readonly Artifact[], provenance: Blob): Manifest {
  const { order } = kitchen;
  const { plan, bakeKey, activate } = order;
  const { repository, commit, recipe, time } = plan.source;
  const sorted = artifacts.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    kiln: 1,
    name: plan.name,
    version: plan.version,
    source: { repository, commit, recipe, time },
    bakeKey: bakeKey satisfies Digest,
    ...cellsOf(order, sorted),
    artifacts: sorted,
    provenance,
    ...checkedIn(sorted, kitchen),
    activate,
  };
}

/** What checks and gates have to say; of what there is none, the manifest says nothing. */
function checkedIn(
  artifacts: readonly Artifact[],
  { order, results, out }: Kitchen,
): Pick<Manifest, "attestations" | "checks" | "gates"> {
  const all = [...results.values()];
  const attestations = testStatements(order, all, artifacts).map(({ predicateType, check, file, bytes }) => {
    return { predicateType, check, statement: writeBlob(out, file, bytes) };
  });
  const checks = outcomesOf(order, all);
  return {
    ...(attestations.length === 0 ? {} : { attestations }),
    ...(checks === undefined ? {} : { checks }),
    ...(order.gates.length === 0 ? {} : { gates: [...order.gates] }),
  };
}

/** Of a matrix, a bake is one cell; the others are said to be missing until they are joined. */
function cellsOf(
  { plan, bakeKey, matrix }: BakeOrder,
  artifacts: readonly Artifact[],
): Pick<Manifest, "cells" | "missing"> {
  const { cell } = plan;
  if (cell === undefined) return {};
  const missing = matrix.filter((other) => cellText(other) !== cellText(cell));
  return {
    cells: [{ values: cell, bakeKey, artifacts: artifacts.map(({ name }) => name) }],
    ...(missing.length === 0 ? {} : { missing: [...missing] }),
  };
}
