// Files that survive a power cut. The order is always: bytes, fsync of the file, its name, fsync of the folder that holds
// the name. When one of these functions has returned, what it did is on the disk; a crash before leaves the old state.

import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";

import { isSystemError, KilnError } from "../errors.ts";
import { withTemporary } from "./durable-temporary.ts";
import { writeBody } from "./durable-write.ts";

/** Makes the names in a folder durable: new ones, changed ones, and that others are gone. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  await closing(handle, () => handle.sync());
}

/** Makes a folder (absolute path), and those above it, if they aren't there. Throws NOT_A_FOLDER, DISK_FULL, PERMISSION_DENIED. */
export async function makeFolder(path: string): Promise<void> {
  try {
    const topmost = (await makeMissing(path)) ?? path;
    // A folder's name is in the one above it. The last is synced even if it was there: another process may have made it
    // just now, and not be as far as its own sync.
    for (let made = path; made.length >= topmost.length; made = dirname(made)) await syncFolder(dirname(made));
  } catch (error) {
    if (isSystemError(error, "EEXIST", "ENOTDIR")) {
      throw new KilnError("NOT_A_FOLDER", `${path}: got a file here or above it, want a folder`, {
        details: { path },
        cause: error,
      });
    }
    throw explainFailure(error, path);
  }
}

/** The topmost folder that was made. Not `recursive`: on a read-only file system that says ENOENT, not EROFS. */
async function makeMissing(path: string): Promise<string | undefined> {
  try {
    await mkdir(path);
    return path;
  } catch (error) {
    if (isSystemError(error, "EEXIST") && (await stat(path)).isDirectory()) return undefined;
    if (!isSystemError(error, "ENOENT") || dirname(path) === path) throw error;
  }
  const above = await makeMissing(dirname(path));
  const made = await makeMissing(path);
  return above ?? made;
}

/**
 * Writes a file whole: readers see the old bytes or the new ones. `mode` is for a new file (octal, before the umask;
 * 0o666 when left out); the old one's isn't kept. Its folder must be there. Throws DISK_FULL, PERMISSION_DENIED.
 */
export async function replaceFile(
  path: string,
  bytes: Uint8Array,
  options: { readonly mode?: number } = {},
): Promise<void> {
  try {
    await withTemporary({ folder: dirname(path), mode: options.mode }, async (temporary) => {
      await writeBody(temporary.handle, bytes);
      await temporary.handle.sync();
      await rename(temporary.path, path);
    });
    await syncFolder(dirname(path));
  } catch (error) {
    throw explainFailure(error, path);
  }
}

/** What a person can mend gets a code and a hint; everything else is returned as it is. */
export function explainFailure(error: unknown, path: string): unknown {
  if (isSystemError(error, "ENOSPC", "EDQUOT")) {
    return new KilnError("DISK_FULL", `${path}: got ${error.code}, want room to write`, {
      hint:
        error.code === "EDQUOT" ? "raise the quota of this user, or free some of it" : `free some room: df -h ${path}`,
      details: { path },
      cause: error,
    });
  }
  if (isSystemError(error, "EACCES", "EPERM", "EROFS")) {
    return new KilnError("PERMISSION_DENIED", `${path}: got ${error.code} from ${error.syscall ?? "the system"}`, {
      hint: "check its owner and mode, and that it isn't mounted read-only",
      details: { path },
      cause: error,
    });
  }
  return error;
}

async function closing<T>(handle: FileHandle, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await handle.close();
  }
}
