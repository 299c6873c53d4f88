// `kiln lock`: pins what can move. Reads the recipe in the work tree, asks where the recipe's bases come from what there is
// now, and writes the lock file beside it, for a person to look at and commit. Nothing is baked, no base is made.

import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import type { z } from "zod";

import type { BaseSettings } from "../bases/base.ts";
import { lockPathOf, pinBases } from "../bases/index.ts";
import type { Context } from "../context.ts";
import { isSystemError, KilnError } from "../errors.ts";
import { parseCells, recipeLimit } from "../recipe/parse.ts";
import { inStep } from "../report.ts";
import { programsOf } from "./inputs.ts";
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
    const question = {
      folder,
      before: readIfThere(path),
      programs: programsOf(kinds),
      settings: options.bases,
      context,
    };
    const { text, titles, changes } = await inStep(context.report, "look at what the bases have now", () =>
      pinBases([...bases.values()], question),
    );
    if (titles.length === 0) {
      throw new KilnError("USAGE", `${options.recipe}: got no base of a suite, want one: nothing else moves`, {
        hint: "base: { suite: bookworm, packages: [build-essential] } names one; docs/recipe.md has all of it",
      });
    }
    writeFileSync(`${path}.new`, text);
    await rename(`${path}.new`, path);
    return { path, titles, changes };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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
