// The formats of lock files that Kiln reads, and which of a project's lock files tell what is in an artifact: those in the
// nearest folder that has any, upwards from what was packed and never above the source.

import { lstatSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import { cargoLock } from "./cargo-lock.ts";
import { goSum } from "./go-sum.ts";
import type { Lock, LockReader } from "./lock.ts";
import { packageLock } from "./package-lock.ts";
import { pdmLock } from "./pdm-lock.ts";
import { poetryLock } from "./poetry-lock.ts";
import { requirementsTxt } from "./requirements.ts";
import { uvLock } from "./uv-lock.ts";

/** Where a folder has several of one ecosystem, the first counts. */
const readers: readonly LockReader[] = [packageLock, uvLock, poetryLock, pdmLock, requirementsTxt, cargoLock, goSum];

/** Names of all files that are read. */
export const lockNames: readonly string[] = readers.flatMap(({ names }) => names);

export interface FoundLock {
  readonly lock: Lock;
  readonly ecosystem: LockReader["ecosystem"];
  /** Relative to the source. */
  readonly path: string;
}

/** The nearest lock files of each path (absolute, in `source`), each once. */
export function lockFilesOf(paths: readonly string[], source: string): string[] {
  const found = paths.flatMap((path) => {
    const start = lstatSync(path).isDirectory() ? path : dirname(path);
    for (let folder = start; ; folder = dirname(folder)) {
      const locks = locksIn(folder);
      if (locks.length > 0 || folder === source || folder === dirname(folder)) return locks;
    }
  });
  return [...new Set(found)];
}

function locksIn(folder: string): string[] {
  const taken = new Set<LockReader["ecosystem"]>();
  return readers.flatMap(({ names, ecosystem }) => {
    const file = names.map((name) => join(folder, name)).find(isFile);
    if (file === undefined || taken.has(ecosystem)) return [];
    taken.add(ecosystem);
    return [file];
  });
}

/** A link may lead out of the source, to a file of the host. */
function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/**
 * What a lock file (absolute path) says; undefined when it is of no format that Kiln reads. `name`: the usual one of its format.
 * Throws ARTIFACT_INVALID.
 */
export function readLock(path: string, where: string, name = basename(path)): FoundLock | undefined {
  const reader = readers.find(({ names }) => names.includes(name));
  if (reader === undefined) return undefined;
  const beside = (other: string): string | undefined => {
    const file = join(dirname(path), other);
    return isFile(file) ? readFileSync(file, "utf8") : undefined;
  };
  const lock = reader.read(readFileSync(path, "utf8"), { where, beside });
  return {
    lock: lock.uses.length > 0 ? lock : { ...lock, uses: unused(lock) },
    ecosystem: reader.ecosystem,
    path: where,
  };
}

/** Where a lock file doesn't say what the project itself wants, it is what no other package does. */
function unused({ packages }: Lock): string[] {
  const used = new Set(packages.flatMap(({ uses }) => uses));
  return packages.flatMap(({ purl }) => (used.has(purl) ? [] : [purl]));
}
