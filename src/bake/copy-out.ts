// A finished bake in a folder of the user's choice: copied beside it, then renamed into place. A folder that holds
// something else than a bake is never touched.

import { constants, existsSync, readdirSync } from "node:fs";
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { manifestFile } from "../artifact/manifest.ts";
import { KilnError } from "../errors.ts";

/** Copies the bake in `folder` to `out` (absolute), over an earlier bake there. Throws USAGE for any other folder. */
export async function copyOut(folder: string, out: string): Promise<void> {
  checkOut(out);
  await mkdir(dirname(out), { recursive: true });
  const next = join(dirname(out), `.${basename(out)}.kiln-new`);
  await rm(next, { recursive: true, force: true });
  try {
    await cp(folder, next, { recursive: true, mode: constants.COPYFILE_FICLONE });
    // If we stop between these two, there is no folder, and the next bake makes it.
    await rm(out, { recursive: true, force: true });
    await rename(next, out);
  } finally {
    await rm(next, { recursive: true, force: true });
  }
}

/** Before the bake, so that nobody waits for it in vain. Throws USAGE. */
export function checkOut(out: string): void {
  if (!existsSync(out) || existsSync(join(out, manifestFile)) || isEmptyFolder(out)) return;
  throw new KilnError("USAGE", `--out ${out}: got a folder with other things in it, want a new or empty one`, {
    hint: "name a folder that doesn't exist, or an earlier bake's",
  });
}

function isEmptyFolder(path: string): boolean {
  return readdirSync(path).length === 0;
}
