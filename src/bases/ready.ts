// The bases that this machine has made, each under its digest in a folder of the user's cache. One is made in a folder beside
// them, under a kernel lock, and becomes visible by one rename: what has its digest as a name is whole. What a killed process
// left is removed by whoever makes the base next. The folder may be removed whenever no bake runs.

import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

import { z } from "zod";

import type { Context } from "../context.ts";
import { inStep } from "../report.ts";
import { withLock } from "../system/lock.ts";
import { runProgram } from "../system/process.ts";
import { systemPath } from "../system/tools.ts";
import { type BaseSettings, environmentFile, type ResolvedBase } from "./base.ts";

/** A base that is there. */
export interface ReadyBase {
  /** Absolute path of the folder that a sandbox shows as its root. */
  readonly root: string;
  /** What the base itself says about the environment of its programs: an image's variables. */
  readonly env: Readonly<Record<string, string>>;
}

const environmentSchema = z.record(z.string(), z.string());

/** Absolute path of the folder of bases. */
export function basesFolder(env: Context["env"]): string {
  return join(env["XDG_CACHE_HOME"] || join(env["HOME"] || homedir(), ".cache"), "kiln/bases");
}

/** The base, made now if this machine hasn't made it yet. Throws what `make` throws. */
export async function readyBase(
  base: ResolvedBase,
  settings: BaseSettings,
  context: Pick<Context, "env" | "signal" | "report">,
): Promise<ReadyBase> {
  const bases = basesFolder(context.env);
  const folder = join(bases, base.digest);
  if (existsSync(folder)) return readReady(folder);
  await mkdir(bases, { recursive: true });
  const patience = Number.POSITIVE_INFINITY;
  await withLock(`${folder}.lock`, { signal: context.signal, patience }, async () => {
    // Another process may have made it while we waited.
    if (existsSync(folder)) return;
    const making = `${folder}.making`;
    await removeTree(making);
    await mkdir(making);
    try {
      await inStep(context.report, `make the base ${base.title}`, (step) =>
        base.make({ folder: making, settings, context, onLine: (line) => step.output(line) }),
      );
      await chmod(join(making, "root"), 0o755);
      await synchronize(making, context.signal);
      await rename(making, folder);
    } finally {
      await removeTree(making);
    }
  });
  return readReady(folder);
}

function readReady(folder: string): ReadyBase {
  const file = join(folder, environmentFile);
  const env = existsSync(file) ? environmentSchema.parse(JSON.parse(readFileSync(file, "utf8"))) : {};
  return { root: join(folder, "root"), env };
}

/** A name that survives a power failure must have its content: thousands of files are quicker together. */
async function synchronize(folder: string, signal: AbortSignal): Promise<void> {
  await runProgram(["sync", "--file-system", folder], { cwd: folder, env: { PATH: systemPath }, signal });
}

/** Packages bring folders that not even their owner may write. */
async function removeTree(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  if (process.getuid?.() !== 0) {
    const env = { PATH: systemPath };
    await runProgram(["chmod", "--recursive", "u+rwX", folder], { cwd: "/", env });
  }
  await rm(folder, { recursive: true, force: true });
}
