// The journal of a place: what was about to be done, a line each, written and synced before it is done. Append-only. A line
// is JSON whose last member is a checksum, so a line that a power cut tore is known from one that somebody wrote: the last
// line may be torn, and then it never happened. Anything else that can't be read is an error, never skipped.

import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";

import type { Instance } from "../activators/activator.ts";
import { type Digest, digestOf } from "../artifact/digest.ts";
import { isSystemError, KilnError } from "../errors.ts";
import { explainFailure, syncFolder } from "../system/durable.ts";

/** A release as a place knows it: enough to put it back without any store. */
export interface PlacedRelease {
  readonly version: string;
  /** Its identity. */
  readonly manifest: Digest;
  /** The artifact that is in service. */
  readonly artifact: string;
  readonly activator: string;
  readonly specification: unknown;
}

/** A release with the parameters it runs under. */
export interface Served {
  readonly release: PlacedRelease;
  /** Of the environment file's bytes, a copy of which is kept; null: there was no file. */
  readonly environment: Digest | null;
}

export type Verb = "deploy" | "rollback";

export type Transition =
  /** What follows, up to `commit` or `reverted`, is one run. */
  | { readonly step: "begin"; readonly verb: Verb; readonly to: Served }
  | { readonly step: "stage" | "stop" | "switch" | "start" | "probe" | "commit" | "reverted" }
  | { readonly step: "started"; readonly of: Served; readonly instance: Instance }
  /** From here on the same steps go the way back. `probe`: the release is to blame. */
  | { readonly step: "revert"; readonly why: "probe" | "interrupted" | "failed"; readonly message: string };

/** `at`: wall clock, milliseconds since 1970. */
export type Line = Transition & { readonly at: number };

export interface Journal {
  readonly lines: readonly Line[];
  /** Durable when it returns. Only for who holds the place's lock. */
  append(transition: Transition, at: number): void;
  close(): void;
}

/** The lines of a journal; none if there is no file. Safe beside a writer: a line half-written is one that isn't there. */
export function readJournal(path: string): Line[] {
  return parse(readOrEmpty(path), path).lines;
}

/** Opens a journal for appending; a torn last line goes. */
export async function openJournal(path: string): Promise<Journal> {
  const { lines, length } = parse(readOrEmpty(path), path);
  const file = openSync(path, "a+", 0o600);
  if (fstatSync(file).size > length) ftruncateSync(file, length);
  if (length === 0) await syncFolder(dirname(path));
  let size = length;
  return {
    lines,
    append(transition, at) {
      const line: Line = { ...transition, at };
      const bytes = Buffer.from(`${format(line)}\n`);
      try {
        for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
        fsyncSync(file);
      } catch (error) {
        // A full disk may have taken half of it; the next line must not come after that half.
        ftruncateSync(file, size);
        throw explainFailure(error, path);
      }
      size += bytes.length;
      lines.push(line);
    },
    close: () => closeSync(file),
  };
}

function format(line: Line): string {
  const text = JSON.stringify(line);
  return `${text.slice(0, -1)},"sum":"${sumOf(text)}"}`;
}

function parse(bytes: Buffer, path: string): { lines: Line[]; length: number } {
  const lines: Line[] = [];
  let length = 0;
  for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, length)) {
    const line = parseLine(bytes.toString("utf8", length, end));
    if (line === undefined) {
      if (end === bytes.length - 1) break;
      throw new KilnError("JOURNAL_INVALID", `${path}: got a damaged line ${lines.length + 1}, with others after it`);
    }
    lines.push(line);
    length = end + 1;
  }
  return { lines, length };
}

function parseLine(text: string): Line | undefined {
  const match = /^(\{.*),"sum":"([0-9a-f]{16})"\}$/.exec(text);
  if (match === null || sumOf(`${match[1]}}`) !== match[2]) return undefined;
  return JSON.parse(`${match[1]}}`) as Line;
}

function sumOf(text: string): string {
  return digestOf(text).slice(0, 16);
}

function readOrEmpty(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return Buffer.alloc(0);
    throw explainFailure(error, path);
  }
}
