// The recipe of a commit. A pipeline is code: it is read from what is baked, never from the work tree beside it.

import { type Digest, digestOf } from "../artifact/digest.ts";
import { KilnError } from "../errors.ts";
import { readFileAt, type Repository, type Snapshot } from "../system/git.ts";
import { type ParseOptions, parseRecipe, recipeLimit } from "./parse.ts";

export interface LoadOptions<Recipe> extends ParseOptions<Recipe> {
  /** Id of the commit or the tree. */
  readonly tree: string;
  readonly snapshot?: Snapshot | undefined;
}

export interface LoadedRecipe<Recipe> {
  readonly recipe: Recipe;
  /** Of its bytes. */
  readonly digest: Digest;
}

/** Reads and parses the recipe at `path`, which is relative to the repository. Throws RECIPE_NOT_FOUND, RECIPE_INVALID. */
export async function loadRecipe<Recipe>(
  repository: Repository,
  options: LoadOptions<Recipe>,
): Promise<LoadedRecipe<Recipe>> {
  const { path, tree, snapshot } = options;
  const bytes = await readFileAt(repository, { tree, snapshot, path, limit: recipeLimit });
  if (bytes === undefined) {
    throw new KilnError("RECIPE_NOT_FOUND", `${path}: got no such file in ${tree}, want a recipe`, {
      hint: "commit it, or name another path with --recipe",
    });
  }
  return { recipe: parseRecipe(bytes, options), digest: digestOf(bytes) };
}
