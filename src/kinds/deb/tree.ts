// The file tree of a .deb, before dpkg-deb packs it: what the recipe maps, copied with fixed modes and times, and what the
// control files say about it. Two mappings never write the same path.

import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  copyFileSync,
  chmodSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";

import { KilnError } from "../../errors.ts";
import { entriesOf, type Entry } from "../../system/archive-entries.ts";
import { builtPath, type PackJob } from "../kind.ts";

/** An entry at its path in the package: no leading slash. */
export type Placed = Entry & { readonly at: string };

/** What `files` (path on the system → path in the source) puts where, folders above included, in path order. */
export function placeFiles(files: Readonly<Record<string, string>>, job: PackJob): Placed[] {
  const placed = new Map<string, Placed>();
  for (const [target, from] of Object.entries(files)) {
    const path = builtPath(job, from);
    for (const entry of entriesUnder(target, path)) {
      const before = placed.get(entry.at);
      if (before === undefined) placed.set(entry.at, entry);
      else if (before.type !== "folder" || entry.type !== "folder") throw twice(entry.at, job);
    }
  }
  const all = [...placed.values()].toSorted((a, b) => (a.at < b.at ? -1 : 1));
  if (!all.some(({ type }) => type !== "folder")) {
    throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got no file in \`files\`, want at least one`);
  }
  checkPaths(all, job);
  return all;
}

function entriesUnder(target: string, path: string): Placed[] {
  const entries = entriesOf(path).filter((entry) => entry.path !== ".git" && !entry.path.startsWith(".git/"));
  const root = target.replace(/^\/+|\/+$/g, "");
  const isOne = entries.length === 1 && entries[0]?.type === "file" && entries[0].source === path;
  // A file goes to the path itself, or under its own name into a folder that is written with a slash at its end.
  const place = (entry: Entry): string =>
    isOne && !target.endsWith("/") ? root : [root, isOne ? basename(path) : entry.path].filter(Boolean).join("/");
  const placed = entries.map((entry): Placed => ({ ...entry, at: place(entry) }));
  return [...foldersAbove(isOne ? place(entries[0] as Entry) : `${root}/.`), ...placed];
}

function foldersAbove(path: string): Placed[] {
  const segments = path.split("/").slice(0, -1).filter(Boolean);
  return segments.map((_, index): Placed => {
    const at = segments.slice(0, index + 1).join("/");
    return { type: "folder", path: at, at };
  });
}

function twice(at: string, job: PackJob): KilnError {
  return new KilnError("ARTIFACT_INVALID", `${job.artifact}: got two files for /${at}, want one`, {
    hint: "let the entries of `files` not overlap",
  });
}

/** md5sums and conffiles are lists of lines, which have no way to write such a name; DEBIAN is dpkg-deb's own folder. */
function checkPaths(placed: readonly Placed[], job: PackJob): void {
  for (const { at } of placed) {
    const what = at.includes("\n")
      ? "a line break in"
      : at.split("/")[0] === "DEBIAN"
        ? "DEBIAN as the top of"
        : undefined;
    if (what === undefined) continue;
    throw new KilnError(
      "ARTIFACT_INVALID",
      `${job.artifact}: got ${what} ${JSON.stringify(`/${at}`)}, which no .deb can hold`,
      {
        hint: "rename it in a build step",
      },
    );
  }
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
    if (entry.type !== "link") chmodSync(path, entry.type === "folder" || entry.executable ? 0o755 : 0o644);
  }
  for (const entry of placed.toReversed()) lutimesSync(join(root, entry.at), time, time);
}

/** DEBIAN/control, md5sums and conffiles. */
export function writeControl(root: string, placed: readonly Placed[], control: string): void {
  const folder = join(root, "DEBIAN");
  mkdirSync(folder);
  const files = placed.filter((entry) => entry.type === "file");
  const sums = files.map(({ source, at }) => `${md5Of(source)}  ${at}\n`);
  const configuration = files.filter(({ at }) => at.startsWith("etc/")).map(({ at }) => `/${at}\n`);
  writeFileSync(join(folder, "control"), control);
  writeFileSync(join(folder, "md5sums"), sums.join(""));
  if (configuration.length > 0) writeFileSync(join(folder, "conffiles"), configuration.join(""));
  for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o644);
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
