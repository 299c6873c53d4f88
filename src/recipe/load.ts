// The recipe of a commit. A pipeline is code: it is read from what is baked, never from the work tree beside it.

import { type Digest, digestOf } from "../artifact/digest.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { readFileAt, type Repository, type Snapshot } from "../system/git.ts";
import { type Cell, type ParseOptions, parseCells, recipeLimit } from "./parse.ts";

export interface LoadOptions<Recipe> extends ParseOptions<Recipe> {
  /** Id of the commit or the tree. */
  readonly tree: string;
  readonly snapshot?: Snapshot | undefined;
}

export interface LoadedRecipe<Recipe> {
  /** For the first cell. */
  readonly recipe: Recipe;
  readonly cells: readonly [Cell<Recipe>, ...Cell<Recipe>[]];
  /** Of its bytes. */
  readonly digest: Digest;
}

/** Reads and parses the recipe at `path`, which is relative to the repository. Throws RECIPE_NOT_FOUND, RECIPE_INVALID. */
export async function loadRecipe<Recipe>(
  repository: Repository,
  options: LoadOptions<Recipe>,
): Promise<LoadedRecipe<Recipe>> {
  const { path, snapshot } = options;
  const bytes = await readRecipe(repository, options);
  if (bytes === undefined) {
    const where = snapshot === undefined ? "the commit" : "the work tree";
    throw new KilnError("RECIPE_NOT_FOUND", `${path}: got no such file in ${where}, want a recipe`, {
      hint: "commit it, or name another path with --recipe",
    });
  }
  const cells = parseCells(bytes, options);
  return { recipe: cells[0].recipe, cells, digest: digestOf(bytes) };
}

/** A folder, a link or something huge under the recipe's path is a fault of the recipe, not of the source. */
async function readRecipe<Recipe>(
  repository: Repository,
  { path, tree, snapshot }: LoadOptions<Recipe>,
): Promise<Uint8Array | undefined> {
  try {
    return await readFileAt(repository, { tree, snapshot, path, limit: recipeLimit });
  } catch (cause) {
    if (!isKilnError(cause, "SOURCE_UNSUPPORTED")) throw cause;
    throw new KilnError("RECIPE_INVALID", cause.message, {
      hint: "a recipe is one plain file of YAML; --recipe names another",
      cause,
    });
  }
}
