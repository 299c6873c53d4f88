// Folders below a root, made when they are needed, entered without following links, and durable with all that lies above
// them. A folder's own name counts as durable only once this process has synced the one above it: that it is there says
// nothing, another process may have made it a moment ago. They are never removed.

import { constants } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { join } from "node:path";

import { isSystemError, KilnError } from "../errors.ts";
import { openFolderInside, pathIn } from "./open-inside.ts";

export interface EnteredFolder {
  /** Path of `name` in this very folder. Valid while `work` runs. */
  at(name: string): string;
  /** Makes the folder's names durable, and the folder's own, up to the root. */
  sync(): Promise<void>;
}

/** Runs `work` in the folder at `path` below the root (`""` is the root), made if it isn't there. */
export type InFolder = <T>(path: string, work: (folder: EnteredFolder) => Promise<T>) => Promise<T>;

/** How many names are remembered as durable; forgetting one costs a sync. */
const remembered = 20_000;

/** `root`: absolute, without links. */
export function foldersBelow(root: string): InFolder {
  const durable = new Set<string>();
  return async (path, work) => {
    const entered: { readonly path: string; readonly handle: FileHandle }[] = [];
    try {
      const start = durable.has(path) ? await openFolderInside({ root, path }) : undefined;
      if (start !== undefined) entered.push({ path, handle: start });
      else await walk(root, path, entered);
      const last = entered.at(-1)!.handle;
      return await work({
        at: (name) => pathIn(last, name),
        async sync() {
          // At once: a journal that is committed for one is committed for all.
          const unsynced = entered.filter((_, index) => !durable.has(entered[index + 1]?.path ?? ""));
          await Promise.all(unsynced.map(({ handle }) => handle.sync()));
          if (durable.size > remembered) durable.clear();
          for (const folder of entered) if (folder.path !== "") durable.add(folder.path);
        },
      });
    } finally {
      await Promise.all(entered.map(({ handle }) => handle.close()));
    }
  };
}

/** Opens every folder from the root down to `path` into `entered`. */
async function walk(root: string, path: string, entered: { path: string; handle: FileHandle }[]): Promise<void> {
  let folder = await openFolderInside({ root, path: "" });
  if (folder === undefined) throw new KilnError("STORE_NOT_FOUND", `${root}: got no such folder any more`);
  entered.push({ path: "", handle: folder });
  let at = "";
  for (const name of path === "" ? [] : path.split("/")) {
    at = join(at, name);
    folder = await enter(folder, { root, path: at, name });
    entered.push({ path: at, handle: folder });
  }
}

async function enter(
  parent: FileHandle,
  { root, path, name }: { readonly root: string; readonly path: string; readonly name: string },
): Promise<FileHandle> {
  for (;;) {
    try {
      return await open(pathIn(parent, name), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    } catch (error) {
      if (isSystemError(error, "ENOTDIR", "ELOOP")) {
        throw new KilnError("NAME_INVALID", `${join(root, path)}: got a file or a link, want a folder`, {
          hint: "a key can't lie below another key, and links aren't followed",
          details: { path },
          cause: error,
        });
      }
      if (!isSystemError(error, "ENOENT")) throw error;
    }
    try {
      await mkdir(pathIn(parent, name));
    } catch (error) {
      // Another publisher was faster.
      if (!isSystemError(error, "EEXIST")) throw error;
    }
  }
}
