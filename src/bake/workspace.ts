// The folder .kiln beside a project: finished bakes under their keys, and workspaces of bakes that run. A finished bake is
// made visible by one rename. A bake holds the kernel lock of its key while it runs, so a workspace whose lock is free
// belongs to nobody: its bake was killed, and the next bake removes it.

import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Digest } from "../artifact/digest.ts";
import { manifestFile } from "../artifact/manifest.ts";
import { isKilnError, isSystemError } from "../errors.ts";
import { withLock } from "../system/lock.ts";
import type { Workspace } from "../system/sandbox.ts";

export interface KilnFolder {
  /** Absolute path of .kiln. */
  readonly path: string;
}

/** Where the finished bake of a key is, or will be. */
export function bakeFolder(folder: KilnFolder, bakeKey: Digest): string {
  return join(folder.path, bakeKey);
}

/** Where the logs of a failed bake stay. */
export function failedFolder(folder: KilnFolder, bakeKey: Digest): string {
  return join(folder.path, "failed", bakeKey.slice(0, 16));
}

/** What the workspace of a bake is called. */
export function workName(bakeKey: Digest): string {
  return bakeKey.slice(0, 16);
}

/** Names of the folders that this process owns: asking for their locks would be waiting for ourselves. */
const owned = new Set<string>();

/** Runs `work` with a new empty folder that only one process can own under this name; it is removed afterwards. */
export async function withWorkFolder<T>(
  folder: KilnFolder,
  { name, signal }: { readonly name: string; readonly signal: AbortSignal },
  work: (path: string) => Promise<T>,
): Promise<T> {
  const works = join(folder.path, "work");
  await makeKilnFolder(folder);
  await mkdir(works, { recursive: true });
  await sweep(works, signal);
  const path = join(works, name);
  return await withLock(`${path}.lock`, { signal, patience: Number.POSITIVE_INFINITY }, async () => {
    owned.add(path);
    try {
      await remove(path);
      await mkdir(path);
      return await work(path);
    } finally {
      await remove(path);
      owned.delete(path);
    }
  });
}

/** Removes the finished bake of a key, unless it is being baked again right now. */
export async function removeBake(folder: KilnFolder, bakeKey: Digest, signal: AbortSignal): Promise<void> {
  const path = join(folder.path, "work", workName(bakeKey));
  if (owned.has(path)) return;
  try {
    await withLock(`${path}.lock`, { signal, patience: 0 }, async () => {
      const bake = bakeFolder(folder, bakeKey);
      // First: what is left of a removal that was cut off is no bake.
      await rm(join(bake, manifestFile), { force: true });
      await rm(bake, { recursive: true, force: true });
    });
  } catch (error) {
    if (!isKilnError(error, "BUSY")) throw error;
  }
}

/** Git doesn't see the folder, whatever the project's own .gitignore says. */
export async function makeKilnFolder({ path }: KilnFolder): Promise<void> {
  await mkdir(path, { recursive: true });
  const ignore = join(path, ".gitignore");
  if (!existsSync(ignore)) await writeFile(ignore, "*\n");
}

/** Makes the folders of a sandbox below `path`, but the source, which a checkout makes. */
export async function makeWorkspace(path: string): Promise<Workspace> {
  const workspace = {
    source: join(path, "source"),
    home: join(path, "home"),
    temporary: join(path, "tmp"),
    stage: join(path, "stage"),
  };
  for (const made of [path, workspace.home, workspace.temporary, workspace.stage])
    await mkdir(made, { recursive: true });
  return workspace;
}

/** Removes workspaces of bakes that were killed. */
async function sweep(works: string, signal: AbortSignal): Promise<void> {
  for (const name of await readdir(works)) {
    const lock = join(works, name);
    const path = lock.slice(0, -".lock".length);
    if (!name.endsWith(".lock") || owned.has(path)) continue;
    try {
      // The lock file goes while its lock is held, so nobody can hold a lock on what is gone without noticing.
      await withLock(lock, { signal, patience: 0 }, async () => {
        await remove(path);
        await rm(lock, { force: true });
      });
    } catch (error) {
      if (!isKilnError(error, "BUSY")) throw error;
    }
  }
}

/** Removes a folder and all in it: steps may have left folders that even their owner can't write (Go's module cache). */
async function remove(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!isSystemError(error, "EACCES", "EPERM")) throw error;
    await makeWritable(path);
    await rm(path, { recursive: true, force: true });
  }
}

async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await makeWritable(join(folder, entry.name));
  }
}
