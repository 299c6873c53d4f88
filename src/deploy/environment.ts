// The parameters of a place: its `environment` file, edited by whoever runs the host. The bytes that a release was started
// with are kept under their digest, so that going back after a failure restores the parameters too, not only the program.
// Values may be secrets: they are never shown, and the copies are as private as the file should be.

import { readFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

import type { Parameters, Place } from "../activators/activator.ts";
import { type Digest, digestOf } from "../artifact/digest.ts";
import { isSystemError, KilnError } from "../errors.ts";
import { explainFailure, makeFolder, replaceFile } from "../system/durable.ts";

export interface Environment {
  /** Null when there is no file. */
  readonly digest: Digest | null;
  readonly parameters: Parameters;
  readonly bytes: Buffer;
}

/** The file as it is now. Throws ENVIRONMENT_INVALID. */
export function readEnvironment(place: Place): Environment {
  const path = join(place.folder, "environment");
  const bytes = readIfThere(path);
  return bytes === undefined ? nothing : { digest: digestOf(bytes), parameters: parse(bytes, path), bytes };
}

/** Keeps a copy, durable when it returns. */
export async function keepEnvironment(place: Place, { digest, bytes }: Environment): Promise<void> {
  if (digest === null) return;
  await makeFolder(folderOf(place));
  await replaceFile(join(folderOf(place), digest), bytes, { mode: 0o600 });
}

/** A kept copy. When it is gone, or somebody changed it, the file as it is now is the nearest there is. */
export function keptEnvironment(place: Place, digest: Digest | null): Environment {
  if (digest === null) return nothing;
  const path = join(folderOf(place), digest);
  const bytes = readIfThere(path);
  if (bytes === undefined || digestOf(bytes) !== digest) return readEnvironment(place);
  return { digest, parameters: parse(bytes, path), bytes };
}

/** Removes the other copies, and what an interrupted write left. */
export async function pruneEnvironments(place: Place, keep: readonly (Digest | null)[]): Promise<void> {
  for (const entry of await readIfFolder(folderOf(place))) {
    if (!keep.includes(entry)) await rm(join(folderOf(place), entry), { force: true });
  }
}

const nothing: Environment = { digest: null, parameters: {}, bytes: Buffer.alloc(0) };

const folderOf = (place: Place): string => join(place.folder, "environments");

function parse(bytes: Buffer, path: string): Parameters {
  const parameters: Record<string, string> = {};
  for (const [index, line] of bytes.toString("utf8").split("\n").entries()) {
    const text = line.endsWith("\r") ? line.slice(0, -1) : line;
    if (/^\s*(?:#|$)/.test(text)) continue;
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=([^\0]*)$/.exec(text);
    if (match?.[1] === undefined || match[2] === undefined) {
      throw new KilnError("ENVIRONMENT_INVALID", `${path}:${index + 1}: got a line that isn't KEY=VALUE`);
    }
    parameters[match[1]] = match[2];
  }
  return parameters;
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    if (isSystemError(error, "EISDIR"))
      throw new KilnError("ENVIRONMENT_INVALID", `${path}: got a folder, want a file`);
    throw explainFailure(error, path);
  }
}

async function readIfFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return [];
    throw error;
  }
}
