// A base: the root folder that a bake's steps and packers see instead of the machine's own programs and libraries. It is
// named by a digest of everything it is made of, known from the commit alone, so that a plan needs neither network nor
// machine; it is made once per machine, and shown read-only ever after.

import type { z } from "zod";

import type { Digest } from "../artifact/digest.ts";
import type { Context } from "../context.ts";

export interface Base<Schema extends z.ZodObject = z.ZodObject> {
  /** The key of its map in a recipe that no other base has: `suite`, `image`. */
  readonly name: string;
  /** One line, for docs/recipe.md. */
  readonly summary: string;
  readonly schema: Schema;
  /** Throws BASE_UNLOCKED, and TOOL_MISSING for a program that the base can't have. */
  resolve(spec: z.output<Schema>, question: BaseQuestion): Promise<ResolvedBase>;
}

export interface BaseQuestion {
  /** Reads a file of the commit, by its path relative to the repository. */
  readonly read: (path: string) => Promise<Uint8Array | undefined>;
  /** The recipe's path, relative to the repository. */
  readonly recipe: string;
  /** Programs that packers run in it. */
  readonly programs: readonly string[];
  /** The repository's top folder, absolute: what paths on this machine are relative to. */
  readonly folder: string;
}

export interface ResolvedBase {
  /** For people: `debian bookworm amd64`. */
  readonly title: string;
  /** Of all that the base is made of and how: two machines make the same from it. */
  readonly digest: Digest;
  readonly materials: readonly Material[];
  /** False: it may lack datefudge, and the machine's is an input then. */
  readonly hasOwnClock: boolean;
  /** What to do about a program that it lacks, when the Debian package `name` brings it. */
  howToAdd(name: string): string;
  /** Fills `job.folder`, which is empty: the root below `root`. Throws BASE_MOVED, BASE_FAILED, TOOL_MISSING, CANCELLED. */
  make(job: BaseJob): Promise<void>;
}

/** One thing that a base is made of, as provenance names it. */
export interface Material {
  readonly name: string;
  readonly version?: string;
  readonly uri?: string;
  readonly sha256: Digest;
}

export interface BaseJob {
  /** Absolute, empty, and gone when making fails. */
  readonly folder: string;
  readonly settings: BaseSettings;
  readonly context: Pick<Context, "env" | "signal">;
  /** Called with each line that the installer prints. */
  readonly onLine: (line: string) => void;
}

/** Beside `root`, where a base has variables: a JSON object. */
export const environmentFile = "environment.json";

export const distributions = ["debian", "ubuntu"] as const;
export type Distribution = (typeof distributions)[number];

/** What a machine knows about where bases come from. No part of any digest. */
export interface BaseSettings {
  /** Addresses of mirrors, where the machine's configuration names one. */
  readonly mirrors: Readonly<Partial<Record<Distribution, string>>>;
}
