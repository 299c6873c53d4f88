// A project in a repository of its own, as Kiln bakes it: files, a recipe, one commit.

import { execFile } from "node:child_process";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import type { Program } from "./program.ts";

const execute = promisify(execFile);

/** Commits what lies in `folder` with these files (path → text); the recipe is one of them. */
export async function commitProject(
  folder: string,
  { env }: Pick<Program, "env">,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const git = async (...args: readonly string[]) => {
    const identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"];
    await execute("git", ["-C", folder, ...identity, ...args], { env: { ...env } });
  };
  await git("init", "-q");
  await git("add", ".");
  await git("commit", "-qm", "project");
}

/** Lets the next bake be a new one: only what was baked goes, as after a new commit. */
export async function forgetBakes(folder: string): Promise<void> {
  const kept = join(folder, ".kiln");
  for (const name of await readdir(kept)) {
    if (/^[0-9a-f]{64}$/.test(name)) await rm(join(kept, name), { recursive: true });
  }
}
