// A kind of artifact: how the recipe describes one, and how it is packed from what the build left. Packing is a function
// of the built files, the version and the time alone; whatever else would reach the bytes is fixed here.
// The built files were written by code that nobody vouches for: no kind follows a link out of the source.

import { lstatSync, realpathSync } from "node:fs";
import { join, relative, sep } from "node:path";

import { z } from "zod";

import type { Digest } from "../artifact/digest.ts";
import type { Artifact } from "../artifact/manifest.ts";
import { isSystemError, KilnError } from "../errors.ts";
import type { OnMember } from "../system/members.ts";
import type { Sandbox } from "../system/sandbox.ts";

export interface Kind<Schema extends z.ZodObject = z.ZodObject> {
  /** As in `kind: deb`. */
  readonly name: string;
  /** One line, for docs/recipe.md. */
  readonly summary: string;
  /** Part of the bake key: one more whenever the same files would be packed into other bytes. */
  readonly version: number;
  /** Programs that packing runs, by their names in PATH: their versions are part of the bake key. */
  readonly programs: readonly string[];
  /** Programs that it runs for some built files alone: a base has them, a machine needn't. */
  readonly mayRun?: readonly string[];
  /** True: packing only reads the source, so others may pack beside it. When left out it packs alone. */
  readonly onlyReads?: true;
  /** A strict object whose `kind` is the literal name. */
  readonly schema: Schema;
  /**
   * What one entry of a recipe stands for, where that may be several artifacts: told from what is baked, before it is.
   * Throws ARTIFACT_INVALID.
   */
  expand?(name: string, spec: z.output<Schema>, tree: SourceTree): Promise<Expanded<z.output<Schema>>>;
  /** Names of artifacts of the same bake that this one names by digest: they are packed before it. */
  refersTo?(spec: z.output<Schema>): readonly string[];
  /** How its format writes a version; when left out, it holds any. Throws VERSION_UNMAPPABLE, before anything is built. */
  writeVersion?(version: string, options: { readonly lossy: boolean }): string;
  /** Writes one file into `job.out`. Throws ARTIFACT_INVALID, STEP_FAILED, VERSION_UNMAPPABLE. */
  pack(spec: z.output<Schema>, job: PackJob): Promise<Packed>;
  /** Reads what lies inside the packed file `path`, member by member, for comparing two of them. */
  readMembers(path: string, options: ReadMembers): Promise<void>;
  /**
   * What a file that was made elsewhere says of itself; `undefined`: it isn't of this kind. Reads all of it, so that one that
   * is cut off is found here, and believes none of it: it may have been made to harm whoever reads it. When left out, files
   * of this kind can't be imported. Throws ARTIFACT_INVALID, PACKAGE_INVALID, ARCHIVE_UNSAFE, TOOL_MISSING.
   */
  inspect?(file: FileToInspect): Promise<Inspected | undefined>;
}

export interface FileToInspect {
  /** Absolute, of a plain file. */
  readonly path: string;
  /** As whoever made it called it. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** The first bytes, as many as a kind is recognised by. */
  readonly start: Buffer;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** As packing would have answered it, as far as the file says it. */
export interface Inspected extends Pick<Packed, "file" | "platform" | "record" | "purl" | "requires" | "recommends"> {
  /** The package's own name and version, in its format's writing. */
  readonly package: { readonly name: string; readonly version: string };
  /** What it says of its licence. */
  readonly license?: string;
  /** When it was made, in seconds since 1970, where it says so. */
  readonly time?: number;
  /** What stands instead of its first bytes in what is published: a signature in it is taken off. */
  readonly restart?: { readonly bytes: Buffer; readonly instead: number };
}

/** The files of what is baked, before it is checked out. */
export interface SourceTree {
  /** Every path, relative to the repository, `/` between segments. */
  list(): Promise<readonly string[]>;
  /** The text of a regular file, or undefined if there is nothing. Throws SOURCE_UNSUPPORTED. */
  read(path: string): Promise<string | undefined>;
}

export interface Expanded<Spec> {
  readonly artifacts: readonly { readonly name: string; readonly spec: Spec }[];
  /** What was left out and why, for whoever bakes. */
  readonly notes: readonly string[];
}

export interface ReadMembers {
  readonly onMember: OnMember;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

export interface PackJob {
  /** What the recipe calls the artifact. */
  readonly artifact: string;
  readonly release: { readonly name: string; readonly version: string };
  /** Artifacts that are packed already, by name: those that `refersTo` names are among them. */
  readonly packed: ReadonlyMap<string, Artifact>;
  /** Whether the format may lose something of the version: the recipe says so. */
  readonly lossy: boolean;
  /** The built source tree: absolute path on the host. */
  readonly source: string;
  /** All artifacts of this bake, this one too, as the recipe has them. */
  readonly artifacts: readonly {
    readonly name: string;
    readonly kind: string;
    readonly spec: Readonly<Record<string, unknown>>;
  }[];
  /** An empty folder for this artifact alone, seen by packers. */
  readonly stage: string;
  /** Where the file goes; packers don't see it. */
  readonly out: string;
  /** SOURCE_DATE_EPOCH. */
  readonly time: number;
  /** Codename of the system that packers see, as in `bookworm`; undefined where it has none. */
  readonly suite: string | undefined;
  readonly sandbox: Sandbox;
  /** Runs a program as a packer; throws STEP_FAILED unless it exits with 0. Returns its stdout. */
  runPacker(argv: readonly [string, ...string[]], options?: PackerOptions): Promise<string>;
  /** Moves the file that a packer wrote into the stage to `out`. */
  take(file: string): void;
  readonly onProgress: (bytes: number) => void;
  readonly signal: AbortSignal;
}

export interface PackerOptions {
  /** Absolute path inside → folder in the stage that the packer sees there too, and may fill. Not with isolation `none`. */
  readonly places?: Readonly<Record<string, string>>;
}

export interface Packed {
  readonly file: string;
  /** Of the file, where packing gave it anyway. */
  readonly sha256?: Digest;
  readonly platform: string;
  readonly record: Artifact["record"];
  /** The package URL of the artifact itself. */
  readonly purl: string;
  /** Folders of the source (absolute) whose lock file lists what is inside. */
  readonly from: readonly string[];
  /** A lock file (absolute) that lists exactly what is inside, and the usual name of its format; `from` isn't asked then. */
  readonly lock?: { readonly path: string; readonly format: string };
  /** Package URLs of what an installer brings along. */
  readonly requires: readonly string[];
  /** Package URLs of what it may bring along. */
  readonly recommends?: readonly string[];
}

/** A path inside the source, in a recipe. */
export const sourcePathSchema = z
  .string()
  .min(1)
  .max(1000)
  .refine((path) => !path.startsWith("/") && !path.split("/").includes(".."), "a path inside the source")
  .refine((path) => !path.includes("\0"), "a path without a NUL");

/** The absolute path of `path` in the built source, free of links. Throws ARTIFACT_INVALID: not there, or outside. */
export function builtPath(job: Pick<PackJob, "artifact" | "source">, path: string): string {
  const source = realpathSync(job.source);
  try {
    const real = realpathSync(join(source, path));
    const inner = relative(source, real);
    if (inner !== ".." && !inner.startsWith(`..${sep}`)) return real;
  } catch (error) {
    if (!isSystemError(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
    if (!isLink(join(source, path))) {
      throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got no ${path} after the build, want what to pack`, {
        hint: `let a build step make ${path}, or correct the path in the recipe`,
        cause: error,
      });
    }
  }
  throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got a link out of the source at ${path}`, {
    hint: "copy what it points to in a build step",
  });
}

/** The same of a plain file: what isn't one would block whoever reads it, or has no bytes. Throws ARTIFACT_INVALID. */
export function builtFile(job: Pick<PackJob, "artifact" | "source">, path: string): string {
  const real = builtPath(job, path);
  if (lstatSync(real).isFile()) return real;
  throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got something else at ${path}, want a file`, {
    hint: "name a file in the recipe, not a folder",
  });
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
