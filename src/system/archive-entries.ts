// What lies in a folder that becomes an artifact: files, folders and links, in one order that depends on names alone.
// The folder was filled by code that nobody vouches for, and is read outside its sandbox: so no link is ever followed,
// and nothing that would lead out of the folder, now or where it is unpacked, gets in.

import { lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { basename, join } from "node:path";

import { isSystemError, KilnError } from "../errors.ts";

interface Common {
  /** Relative to the folder, `/` between segments. */
  readonly path: string;
}

export interface FileEntry extends Common {
  readonly type: "file";
  /** Absolute path of the bytes. */
  readonly source: string;
  /** Bytes. */
  readonly size: number;
  readonly executable: boolean;
}

export interface FolderEntry extends Common {
  readonly type: "folder";
}

export interface LinkEntry extends Common {
  readonly type: "link";
  readonly target: string;
}

export type Entry = FileEntry | FolderEntry | LinkEntry;

/**
 * Everything in the folder `root` (absolute), each folder before what is in it; the folder itself is left out.
 * A `root` that is a file gives that one entry. Throws ARTIFACT_INVALID for what an artifact can't hold.
 */
export function entriesOf(root: string): Entry[] {
  const stats = lstatSync(root);
  if (!stats.isDirectory()) return [entryOf(root, basename(root), stats)];
  const entries: Entry[] = [];
  collect(root, "", entries);
  checkLinks(entries, root);
  return entries;
}

function collect(folder: string, prefix: string, entries: Entry[]): void {
  for (const name of readdirSync(folder).toSorted(byCodeUnits)) {
    const source = `${folder}/${name}`;
    const entry = entryOf(source, prefix + name, statsOf(source));
    entries.push(entry);
    if (entry.type === "folder") collect(source, `${entry.path}/`, entries);
  }
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function statsOf(path: string): Stats {
  try {
    return lstatSync(path);
  } catch (error) {
    // Bytes that aren't UTF-8 come back from readdir as U+FFFD, a name that doesn't exist.
    if (!isSystemError(error, "ENOENT") || !path.includes("\uFFFD")) throw error;
    throw new KilnError("ARTIFACT_INVALID", `${JSON.stringify(path)}: got a file name that isn't UTF-8`, {
      hint: "rename the file in a build step",
      cause: error,
    });
  }
}

function entryOf(source: string, path: string, stats: Stats): Entry {
  if (stats.isFile()) {
    return { type: "file", path, source, size: stats.size, executable: (stats.mode & 0o100) !== 0 };
  }
  if (stats.isDirectory()) return { type: "folder", path };
  if (stats.isSymbolicLink()) return { type: "link", path, target: readlinkSync(source) };
  throw new KilnError(
    "ARTIFACT_INVALID",
    `${JSON.stringify(path)}: got ${sortOf(stats)}, want a file, folder or link`,
    {
      hint: "remove it in a build step, or choose a folder without it",
    },
  );
}

function sortOf(stats: Stats): string {
  if (stats.isFIFO()) return "a named pipe";
  if (stats.isSocket()) return "a socket";
  return "a device";
}

function checkLinks(entries: readonly Entry[], root: string): void {
  const links = new Map(entries.flatMap((entry) => (entry.type === "link" ? [[entry.path, entry.target]] : [])));
  for (const path of links.keys()) {
    if (staysInside(path, links)) continue;
    throw new KilnError(
      "ARTIFACT_INVALID",
      `${JSON.stringify(join(basename(root), path))}: got a link to ${JSON.stringify(links.get(path))}, want one that stays inside the artifact`,
      { hint: "make the link relative and let it point to something in the same folder, or copy the file" },
    );
  }
}

/** Follows the link as a kernel would, in the tree alone: names between `..` may be links themselves. */
export function staysInside(path: string, links: ReadonlyMap<string, string>): boolean {
  const walked: string[] = [];
  const ahead = path.split("/");
  for (let followed = 0; ahead.length > 0;) {
    const segment = ahead.shift() ?? "";
    if (segment === "" || segment === ".") continue;
    if (segment === "..") {
      if (walked.pop() === undefined) return false;
      continue;
    }
    const target = links.get([...walked, segment].join("/"));
    if (target === undefined) {
      walked.push(segment);
      continue;
    }
    followed += 1;
    if (target.startsWith("/") || followed > 40) return false;
    ahead.unshift(...target.split("/"));
  }
  return true;
}
