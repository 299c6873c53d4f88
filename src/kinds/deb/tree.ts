// What lies beside the files of a .deb before dpkg-deb packs it: the folder DEBIAN, with the control files and the lists that
// follow from the tree. What is hashed is the copy, so the lists are right even if a file changes behind our back.

import { createHash } from "node:crypto";
import { chmodSync, closeSync, mkdirSync, openSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Placed } from "../system-package/files.ts";

/** A control file: its name in DEBIAN, its text, and whether dpkg runs it. */
export interface ControlFile {
  readonly name: string;
  readonly text: string;
  readonly executable?: boolean;
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
  mkdirSync(folder, { recursive: true });
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
