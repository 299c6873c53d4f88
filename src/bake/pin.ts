// `kiln lock`: pins what can move. Reads the recipe in the work tree, asks where the recipe's bases come from what there is
// now, and writes the lock file beside it, for a person to look at and commit. Nothing is baked, no base is made.

import { existsSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import type { z } from "zod";

import type { Digest } from "../artifact/digest.ts";
import type { BaseSettings } from "../bases/base.ts";
import { pinBases } from "../bases/index.ts";
import { lockPathOf, lockText, parseLock } from "../bases/lock.ts";
import type { Context } from "../context.ts";
import { isSystemError, KilnError } from "../errors.ts";
import { parseCells, recipeLimit } from "../recipe/parse.ts";
import { inStep } from "../report.ts";
import { openRepository } from "../system/git.ts";
import { treeDigest } from "../system/tree-digest.ts";
import { programsInBase } from "./inputs.ts";
import type { KnownRecipe } from "./prepare.ts";

export interface PinOptions {
  /** Path of the recipe, relative to the working folder. */
  readonly recipe: string;
  readonly schema: z.ZodType<KnownRecipe>;
  readonly bases: BaseSettings;
}

export interface Pinned {
  /** Absolute path of the lock file. */
  readonly path: string;
  /** What is pinned, for people. */
  readonly titles: readonly string[];
  /** What differs from what was pinned before. */
  readonly changes: readonly string[];
}

/** Throws RECIPE_NOT_FOUND, RECIPE_INVALID, BASE_FAILED, TOOL_MISSING; USAGE when there is nothing to pin. */
export async function pin(options: PinOptions, context: Context): Promise<Pinned> {
  const file = resolve(realpathSync(context.cwd), options.recipe);
  const cells = parseCells(readRecipe(file, options.recipe), { path: options.recipe, schema: options.schema });
  const path = lockPathOf(file);
  const kinds = cells.flatMap(({ recipe }) => Object.values(recipe.artifacts).map(({ kind }) => kind));
  const bases = new Map(cells.map(({ recipe: { base } }) => [JSON.stringify(base), base]));
  const folder = await mkdtemp(join(tmpdir(), "kiln-lock-"));
  try {
    const old = readIfThere(path);
    const before = old === undefined ? undefined : parseLock(old, options.recipe);
    const repository = await openRepository(context.cwd, context);
    const read = (name: string) => Promise.resolve(readIfThere(join(repository.folder, name)));
    const question = { folder, before, programs: programsInBase(kinds), read, settings: options.bases, context };
    const { suites, titles, changes } = await inStep(context.report, "look at what the bases have now", () =>
      pinBases([...bases.values()], question),
    );
    const mounts = await digestsOf(
      cells.map(({ recipe }) => recipe.mounts),
      context,
    );
    if (titles.length === 0 && mounts === undefined) {
      throw new KilnError(
        "USAGE",
        `${options.recipe}: got no base of a suite and no mounts, want one: nothing else moves`,
        {
          hint: "base: { suite: bookworm, packages: [build-essential] } names one; docs/recipe.md has all of it",
        },
      );
    }
    const text = lockText({ kilnLock: 1, suites, ...(mounts === undefined ? {} : { mounts }) });
    const moved = Object.entries(mounts ?? {}).flatMap(([at, digest]) =>
      before?.mounts?.[at] === digest ? [] : [`${at}: ${before?.mounts?.[at] === undefined ? "new" : "other content"}`],
    );
    writeFileSync(`${path}.new`, text);
    await rename(`${path}.new`, path);
    const mounted = Object.keys(mounts ?? {}).map((at) => `mount ${at}`);
    return { path, titles: [...titles, ...mounted], changes: [...changes, ...moved] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What all cells mount. Throws MOUNT_CHANGED for what isn't there. */
async function digestsOf(
  all: readonly Readonly<Record<string, string>>[],
  { signal }: Pick<Context, "signal">,
): Promise<Record<string, Digest> | undefined> {
  const mounts = Object.entries(Object.assign({}, ...all) as Record<string, string>);
  const digests = new Map<string, Digest>();
  for (const [at, from] of mounts) {
    if (!existsSync(from)) {
      throw new KilnError("MOUNT_CHANGED", `${from}: got nothing there, want what is mounted at ${at}`);
    }
    digests.set(at, await treeDigest(from, signal));
  }
  return mounts.length === 0 ? undefined : Object.fromEntries(digests);
}

function readRecipe(file: string, name: string): Uint8Array {
  const bytes = readIfThere(file);
  if (bytes !== undefined) return bytes.subarray(0, recipeLimit + 1);
  throw new KilnError("RECIPE_NOT_FOUND", `${name}: got no such file, want a recipe`, {
    hint: "run it in the recipe's folder, or name the recipe with --recipe",
  });
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
