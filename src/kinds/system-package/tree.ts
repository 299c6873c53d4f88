// The files of a package, copied with fixed modes and times for the program that packs them.

import { chmodSync, constants, copyFileSync, lstatSync, lutimesSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

import { changedFile } from "../../system/changed-file.ts";
import type { Placed } from "./files.ts";

/**
 * Copies everything below `root` (an existing empty folder); times last, innermost first. Modes are set, never asked for:
 * what one asks for passes through Kiln's own umask.
 */
export function writeTree(root: string, placed: readonly Placed[], time: number): void {
  chmodSync(root, 0o755);
  for (const entry of placed) {
    const path = join(root, entry.at);
    if (entry.type === "folder") mkdirSync(path);
    else if (entry.type === "link") symlinkSync(entry.target, path);
    else copyWhole(entry, path);
    // Folders are closed when they are full.
    if (entry.type === "file") chmodSync(path, modeOf(entry));
    if (entry.type === "folder") chmodSync(path, 0o755);
  }
  for (const entry of placed.toReversed()) {
    const path = join(root, entry.at);
    if (entry.type === "folder" && entry.mode !== undefined) chmodSync(path, entry.mode);
    lutimesSync(path, time, time);
  }
}

/** What was listed is what the control files speak of. */
function copyWhole(entry: Extract<Placed, { type: "file" }>, path: string): void {
  copyFileSync(entry.source, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  const { size } = lstatSync(path);
  if (size !== entry.size) throw changedFile(`/${entry.at}`, `${size} bytes after ${entry.size}`);
}

/** The permission bits that an entry has in the package. */
export function modeOf(entry: Placed): number {
  if (entry.type === "link") return 0o777;
  return entry.mode ?? (entry.type === "folder" || entry.executable ? 0o755 : 0o644);
}
