// Old finished bakes: the newest are kept, and whatever was made or used within the hour, since somebody may be publishing it.
// One that is being baked again right now is left alone.

import { lstatSync, utimesSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import type { Context } from "../context.ts";
import { isSystemError } from "../errors.ts";
import { type KilnFolder, removeBake } from "./workspace.ts";

/** How many finished bakes a project keeps, beside those that are in use. */
const kept = 20;
/** Milliseconds. */
const inUse = 60 * 60 * 1000;

/** Removes finished bakes that nobody is likely to ask for again. */
export async function pruneBakes(folder: KilnFolder, { now, signal }: Pick<Context, "now" | "signal">): Promise<void> {
  const names = (await readdir(folder.path)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  if (names.length <= kept) return;
  const dated = names.flatMap((name) => {
    const stats = lstatSync(join(folder.path, name), { throwIfNoEntry: false });
    return stats === undefined ? [] : [{ name, time: stats.mtimeMs }];
  });
  const oldest = dated.toSorted((a, b) => b.time - a.time).slice(kept);
  for (const { name, time } of oldest) {
    if (now() - time >= inUse) await removeBake(folder, name, signal);
  }
}

/** Says that a finished bake is still of use. */
export function touchBake(path: string, { now }: Pick<Context, "now">): void {
  const time = now() / 1000;
  try {
    utimesSync(path, time, time);
  } catch (error) {
    // Somebody else's folder, which only they prune, or gone since.
    if (!isSystemError(error, "EACCES", "EPERM", "EROFS", "ENOENT")) throw error;
  }
}
