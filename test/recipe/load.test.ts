import { symlinkSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { loadRecipe } from "../../src/recipe/load.ts";
import { recipeSchema } from "../../src/recipe/schema.ts";
import { takeSnapshot } from "../../src/system/git-checkout.ts";
import { openRepository } from "../../src/system/git.ts";
import { makeRepository, temporaryFolder, testEnv } from "../system/made-repository.ts";
import { parts } from "./parts.ts";

const schema = recipeSchema(parts);
const signal = new AbortController().signal;
const recipe = (name: string) =>
  `kiln: 1\nname: ${name}\nversion: { from: tag }\nartifacts: { app: { kind: archive, from: dist } }\n`;

test("the recipe is the commit's, not the work tree's; a snapshot has the work tree's", async () => {
  const made = makeRepository();
  const tree = made.commit({ "kiln.yaml": recipe("committed"), "sub/kiln.yaml": recipe("other") });
  made.write({ "kiln.yaml": recipe("changed") });
  const repository = await openRepository(made.folder, { env: testEnv, signal });
  const load = (path: string) => loadRecipe(repository, { tree, path, schema });
  expect(await load("kiln.yaml")).toMatchObject({
    recipe: { name: "committed" },
    digest: digestOf(recipe("committed")),
  });
  expect(await load("sub/kiln.yaml")).toMatchObject({ recipe: { name: "other" } });
  const snapshot = await takeSnapshot(repository, temporaryFolder());
  expect(await loadRecipe(repository, { tree: snapshot.tree, snapshot, path: "kiln.yaml", schema })).toMatchObject({
    recipe: { name: "changed" },
  });
});

test("a recipe that isn't there, isn't a file, is too large or is wrong has an error of its own", async () => {
  const made = makeRepository();
  made.write({ "bad.yaml": "kiln: 1\nnme: x\n", "large.yaml": "#".repeat(70_000), "sub/a": "" });
  symlinkSync("/etc/passwd", join(made.folder, "link.yaml"));
  const tree = made.commit();
  made.write({ "untracked.yaml": recipe("a") });
  const repository = await openRepository(made.folder, { env: testEnv, signal });
  const load = (path: string) => loadRecipe(repository, { tree, path, schema });
  const refusal = (code: string, message: string) =>
    expect.objectContaining({ code, message: expect.stringContaining(message) });
  await expect(load("untracked.yaml")).rejects.toThrow(
    refusal("RECIPE_NOT_FOUND", "untracked.yaml: got no such file in the commit"),
  );
  await expect(load("bad.yaml")).rejects.toThrow(
    refusal("RECIPE_INVALID", "bad.yaml:1:1: version: missing, want a map or a list (and 2 more)"),
  );
  await expect(load("large.yaml")).rejects.toThrow(refusal("RECIPE_INVALID", "got 70000 bytes"));
  await expect(load("link.yaml")).rejects.toThrow(refusal("RECIPE_INVALID", "got a symbolic link"));
  await expect(load("sub")).rejects.toThrow(refusal("RECIPE_INVALID", "got a folder"));
  await expect(load("../x.yaml")).rejects.toThrow(refusal("RECIPE_INVALID", "leaves the repository"));
});
