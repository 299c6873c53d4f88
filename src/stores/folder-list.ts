// The keys of a store in a folder, in the order of their bytes; one folder at a time is held in memory.
// Names that no key can have (they begin with a dot, have a space …) are no objects. Whatever has a key's name but is
// neither file nor folder (a link, a pipe) is listed: whoever then reads it is told what it is.

import type { Dirent } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join, posix } from "node:path";

import { isSystemError } from "../errors.ts";
import { explainFailure } from "../system/durable.ts";
import { openFolderInside, pathIn } from "../system/open-inside.ts";
import { checkPrefix, isSegment, type ListedObject } from "./store.ts";

/** How many objects are looked at at once. */
const width = 64;

/** The objects whose key starts with `prefix` . Throws NAME_INVALID, PERMISSION_DENIED, STORE_CORRUPT. */
export async function* listFolder(root: string, prefix: string): AsyncGenerator<ListedObject, void, void> {
  checkPrefix(prefix);
  const folder = posix.dirname(`/${prefix}x`).slice(1);
  try {
    let keys: string[] = [];
    for await (const key of walk({ root, folder, prefix })) {
      keys.push(key);
      if (keys.length < width) continue;
      yield* await look(root, keys);
      keys = [];
    }
    yield* await look(root, keys);
  } catch (error) {
    throw explainFailure(error, join(root, folder));
  }
}

interface Place {
  readonly root: string;
  readonly folder: string;
  readonly prefix: string;
}

async function* walk({ root, folder, prefix }: Place): AsyncGenerator<string, void, void> {
  const entries = (await entriesOf(root, folder))
    .filter((entry) => isSegment(entry.name))
    // `a/b` comes after `a.b` and before `a0`: a folder stands where its slash puts it.
    .map((entry) => posix.join(folder, entry.name) + (entry.isDirectory() ? "/" : ""))
    .filter((entry) => entry.startsWith(prefix))
    .toSorted((one, other) => (one < other ? -1 : 1));
  for (const entry of entries) {
    if (entry.endsWith("/")) yield* walk({ root, folder: entry.slice(0, -1), prefix });
    else yield entry;
  }
}

async function entriesOf(root: string, folder: string): Promise<Dirent[]> {
  const handle = await openFolderInside({ root, path: folder });
  if (handle === undefined) return [];
  try {
    return await readdir(pathIn(handle, "."), { withFileTypes: true });
  } finally {
    await handle.close();
  }
}

async function look(root: string, keys: readonly string[]): Promise<ListedObject[]> {
  const found = await Promise.all(
    keys.map(async (key) => {
      try {
        const { size, mtimeMs } = await lstat(join(root, key), { bigint: true });
        return [{ key, size: Number(size), modified: Number(mtimeMs) }];
      } catch (error) {
        // Removed since its folder was read.
        if (isSystemError(error, "ENOENT", "ENOTDIR")) return [];
        throw error;
      }
    }),
  );
  return found.flat();
}
