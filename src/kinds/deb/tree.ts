// The file tree of a .deb, before dpkg-deb packs it: copied with fixed modes and times, and what the lists among the control
// files say about it. What is hashed is the copy, so the lists are right even if a file changes behind our back.

import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import type { Placed } from "./files.ts";

/** A control file: its name in DEBIAN, its text, and whether dpkg runs it. */
export interface ControlFile {
  readonly name: string;
  readonly text: string;
  readonly executable?: boolean;
}

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
    else copyFileSync(entry.source, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
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

/** The permission bits that an entry has in the package. */
export function modeOf(entry: Placed): number {
  if (entry.type === "link") return 0o777;
  return entry.mode ?? (entry.type === "folder" || entry.executable ? 0o755 : 0o644);
}

/** The folder DEBIAN: the control files, and md5sums of all files but `conffiles`, which dpkg itself keeps sums of. */
export function writeControl(
  root: string,
  {
    placed,
    conffiles,
    files,
  }: { placed: readonly Placed[]; conffiles: ReadonlySet<string>; files: readonly ControlFile[] },
): void {
  const folder = join(root, "DEBIAN");
  mkdirSync(folder);
  const summed = placed.filter(({ type, at }) => type === "file" && !conffiles.has(at));
  const sums = summed.map(({ at }) => `${md5Of(join(root, at))}  ${at}\n`);
  const lists = [
    { name: "md5sums", text: sums.join("") },
    { name: "conffiles", text: [...conffiles].map((at) => `/${at}\n`).join("") },
  ].filter(({ text }) => text !== "");
  for (const { name, text, executable = false } of [...files, ...lists] as readonly ControlFile[]) {
    const path = join(folder, name);
    writeFileSync(path, text, { flag: "wx" });
    chmodSync(path, executable ? 0o755 : 0o644);
  }
  chmodSync(folder, 0o755);
}

function md5Of(path: string): string {
  const hash = createHash("md5");
  const piece = Buffer.allocUnsafe(1024 * 1024);
  const file = openSync(path, "r");
  try {
    for (let count = readSync(file, piece); count > 0; count = readSync(file, piece))
      hash.update(piece.subarray(0, count));
  } finally {
    closeSync(file);
  }
  return hash.digest("hex");
}

/** As dpkg-gencontrol counts it, in KiB: files and links rounded up, 1 for whatever else. */
export function installedSize(placed: readonly Placed[]): number {
  return placed.reduce((sum, entry) => sum + (entry.type === "file" ? Math.ceil(entry.size / 1024) : 1), 0);
}
