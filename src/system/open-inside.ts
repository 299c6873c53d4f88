// Opening what lies in a folder that somebody else may write: no link leads out of it, and nothing that was put there
// instead of a file (a pipe, a device) makes the reader wait.

import { constants } from "node:fs";
import { type FileHandle, lstat, open, readlink } from "node:fs/promises";
import { join } from "node:path";

import { isSystemError, KilnError } from "../errors.ts";

export interface Inside {
  /** Absolute, without links (`realpath`). */
  readonly root: string;
  /** Below the root; `""` is the root itself. The caller has checked that it has no `..`. */
  readonly path: string;
}

/** The regular file there, open for reading; `undefined` when there is none. Throws STORE_CORRUPT for links and the like. */
export async function openFileInside(inside: Inside): Promise<FileHandle | undefined> {
  // O_NONBLOCK: opening a pipe for reading would wait for a writer.
  const handle = await openInside(inside, constants.O_RDONLY | constants.O_NONBLOCK);
  if (handle === undefined) return undefined;
  const stats = await handle.stat();
  if (stats.isFile()) return handle;
  await handle.close();
  if (stats.isDirectory()) return undefined;
  throw foreign(inside, "a device or a pipe", "a file");
}

/** The folder there, open; `undefined` when there is none. Throws STORE_CORRUPT for links and the like. */
export async function openFolderInside(inside: Inside): Promise<FileHandle | undefined> {
  const handle = await openInside(inside, constants.O_RDONLY | constants.O_DIRECTORY);
  // The kernel says the same of a link, which isn't absent but strange, and of a file.
  if (handle === undefined && (await isLink(inside))) throw foreign(inside, "a symbolic link", "a folder");
  return handle;
}

/** Where `name` lies in an open folder, whatever happens to the folder's own path meanwhile (Linux). */
export function pathIn(folder: FileHandle, name: string): string {
  return `/proc/self/fd/${folder.fd}/${name}`;
}

async function openInside(inside: Inside, flags: number): Promise<FileHandle | undefined> {
  const path = join(inside.root, inside.path);
  let handle: FileHandle;
  try {
    handle = await open(path, flags | constants.O_NOFOLLOW);
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR")) return undefined;
    if (isSystemError(error, "ELOOP")) throw foreign(inside, "a symbolic link", "a file");
    // A socket, or a device without a driver.
    if (isSystemError(error, "ENXIO")) throw foreign(inside, "a socket or a device", "a file");
    throw error;
  }
  // O_NOFOLLOW is about the last name only. Where the kernel says that the open file lies tells of links on the way, and
  // can't change after the check. A document that was replaced since is "(deleted)".
  const real = await readlink(`/proc/self/fd/${handle.fd}`);
  if (real === path || real === `${path} (deleted)`) return handle;
  await handle.close();
  throw foreign(inside, "a symbolic link on the way", "folders");
}

async function isLink({ root, path }: Inside): Promise<boolean> {
  try {
    return (await lstat(join(root, path))).isSymbolicLink();
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}

function foreign(inside: Inside, got: string, want: string): KilnError {
  return new KilnError("STORE_CORRUPT", `${join(inside.root, inside.path)}: got ${got}, want ${want}`, {
    hint: "Kiln made no such thing: look at who did",
    details: { path: inside.path },
  });
}
