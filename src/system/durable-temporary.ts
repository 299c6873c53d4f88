// Temporary files beside what they will become, so that one `link` or `rename` in the same file system gives them a name.
// One that a killed process left behind is harmless; `sweepTemporaries` takes it away when it is old.

import { randomUUID } from "node:crypto";
import { type FileHandle, lstat, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { isSystemError } from "../errors.ts";

export interface Temporary {
  readonly path: string;
  readonly handle: FileHandle;
}

const namePattern = /^\.kiln-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Runs `work` with a new empty file in `folder`, which is gone afterwards unless `work` renamed it. */
export async function withTemporary<T>(
  place: { readonly folder: string; readonly mode?: number | undefined },
  work: (temporary: Temporary) => Promise<T>,
): Promise<T> {
  const path = join(place.folder, `.kiln-${randomUUID()}`);
  const handle = await open(path, "wx+", place.mode ?? 0o666);
  try {
    return await work({ path, handle });
  } finally {
    await handle.close();
    await rm(path, { force: true });
  }
}

/** What time it is by the clock of the file system that holds `folder`, in milliseconds since 1970. */
export async function folderClock(folder: string): Promise<number> {
  return withTemporary({ folder }, async ({ handle }) => Number((await handle.stat({ bigint: true })).mtimeMs));
}

/**
 * Removes temporary files that nobody has written to for `age` ms. Writing renews a file's time; whoever let one lie for
 * longer than that finds it gone when naming it, and fails: nothing half-written can get a name by this.
 */
export async function sweepTemporaries(folder: string, age: number): Promise<void> {
  const left = (await readdir(folder)).filter((name) => namePattern.test(name));
  if (left.length === 0) return;
  const oldest = (await folderClock(folder)) - age;
  for (const name of left) {
    const path = join(folder, name);
    if ((await modifiedAt(path)) < oldest) await rm(path, { force: true });
  }
}

async function modifiedAt(path: string): Promise<number> {
  try {
    return (await lstat(path)).mtimeMs;
  } catch (error) {
    // Its owner has finished with it, or another sweeper was here.
    if (isSystemError(error, "ENOENT")) return Number.POSITIVE_INFINITY;
    throw error;
  }
}
