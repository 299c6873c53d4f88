// `kiln init`: looks at the project and writes a recipe that bakes at once. It overwrites nothing, runs nothing of the
// project's, and what it can't know stands in the recipe as a comment.

import { writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

import { activators } from "../activators/index.ts";
import type { Context } from "../context.ts";
import { isKilnError, isSystemError, KilnError } from "../errors.ts";
import { openFolder } from "../init/folder.ts";
import { type Proposed, proposeRecipe } from "../init/init.ts";
import { lockBuildRequirements } from "../init/python-lock.ts";
import { buildRequirements } from "../init/python.ts";
import { kinds } from "../kinds/index.ts";
import { parseRecipe } from "../recipe/parse.ts";
import { recipeSchema } from "../recipe/schema.ts";
import { inStep } from "../report.ts";
import {
  currentBranch,
  findCommit,
  listBranches,
  listFiles,
  listTags,
  openRepository,
  type Repository,
} from "../system/git.ts";
import { columns } from "./columns.ts";
import type { Command } from "./command.ts";

export const init: Command = {
  summary: "look at the project, and write a recipe that bakes at once",
  options: [{ flags: "--recipe FILE", description: "where to write it; kiln.yaml here if left out" }],
  examples: ["kiln init", "kiln init --recipe deploy/kiln.yaml"],
  async run({ options }, context) {
    const repository = await openRepository(context.cwd, context);
    const path = resolve(context.cwd, typeof options["recipe"] === "string" ? options["recipe"] : "kiln.yaml");
    const top = repository.folder;
    const [files, branches, tags, current] = await Promise.all([
      listFiles(repository),
      listBranches(repository),
      listTags(repository),
      currentBranch(repository),
    ]);
    const folder = openFolder({ top, prefix: repository.prefix, files });
    const refs = { branches, tags, current: current?.replace(/^refs\/heads\//, "") };
    const proposed = proposeRecipe(folder, refs);
    const shown = relative(context.cwd, path);
    parseRecipe(Buffer.from(proposed.text), { path: shown, schema: recipeSchema({ kinds, activators }) });
    writeNew(path, proposed.text, shown);
    const lock = await writeLock(proposed.toLock, join(top, repository.prefix, buildRequirements), context);
    const written = [shown, ...(lock ? [buildRequirements] : [])];
    const next = await nextCommands(repository, { written, recipe: shown });
    return {
      json: { file: path, name: proposed.name, saw: proposed.saw, artifacts: proposed.artifacts, written, next },
      text: textOf(proposed, written, next),
    };
  },
};

function writeNew(path: string, text: string, shown: string): void {
  try {
    writeFileSync(path, text, { flag: "wx" });
  } catch (error) {
    if (isSystemError(error, "EEXIST")) {
      throw new KilnError("USAGE", `${shown}: got a file that is there already, want to write a new one`, {
        hint: "remove it first, or write another one with --recipe",
        cause: error,
      });
    }
    if (!isSystemError(error, "ENOENT", "ENOTDIR", "EACCES", "EROFS")) throw error;
    throw new KilnError("USAGE", `${shown}: got no folder ${dirname(path)} to write to`, {
      hint: "make it, or name another file with --recipe",
      cause: error,
    });
  }
}

/** Pins what builds a Python project; true if it did. */
async function writeLock(toLock: readonly string[], path: string, context: Context): Promise<boolean> {
  if (toLock.length === 0) return false;
  const text = await inStep(context.report, `pin what builds it: ${toLock.join(", ")}`, () =>
    lockBuildRequirements(toLock, context),
  );
  if (text === undefined) {
    context.report.note(
      `${buildRequirements} is still to be written: what builds the project (${toLock.join(", ")}), with hashes`,
    );
    return false;
  }
  writeFileSync(path, text, { flag: "wx" });
  return true;
}

async function nextCommands(
  repository: Repository,
  { written, recipe }: { readonly written: readonly string[]; readonly recipe: string },
): Promise<string[]> {
  const which = recipe === "kiln.yaml" ? "" : ` --recipe ${recipe}`;
  const add = (await hasCommit(repository)) ? written.join(" ") : "--all";
  return [`git add ${add} && git commit -m "a recipe for Kiln"`, `kiln bake${which}`];
}

async function hasCommit(repository: Repository): Promise<boolean> {
  try {
    await findCommit(repository, "HEAD");
    return true;
  } catch (error) {
    if (isKilnError(error, "COMMIT_NOT_FOUND")) return false;
    throw error;
  }
}

function textOf({ name, saw, artifacts }: Proposed, written: readonly string[], next: readonly string[]): string {
  return [
    `wrote ${written.join(" and ")}: ${name}, with ${artifacts.map((artifact) => `${artifact.name} (${artifact.kind})`).join(", ")}`,
    columns(saw.map(({ file, what }) => [`  ${file}`, what])),
    "next:",
    ...next.map((line) => `  ${line}`),
  ].join("\n");
}
