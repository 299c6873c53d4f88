// Where a recipe's steps and the packers run: one fixed environment, nothing of the host's but its read-only system
// folders. What may vary between two runs (path, umask, time zone, clock) is `Conditions`, so that `--twice` can vary it.
// Nothing that signs is ever visible inside, and everything started inside ends with its step.

import { join, relative, sep } from "node:path";

import type { LimitedResult, Limits } from "./limits.ts";
import type { SandboxTools } from "./sandbox-tools.ts";

export const isolations = ["bubblewrap", "none"] as const;
export type Isolation = (typeof isolations)[number];

export interface Conditions {
  /** Where the workspace lies as seen inside; with isolation `none` it lies where it lies. */
  readonly folder: string;
  readonly umask: number;
  /** A POSIX TZ value. */
  readonly timeZone: string;
  /** What a fixed clock shows when it is started, in seconds since 1970. */
  readonly clock: number;
}

/** Folders of the host, absolute; steps can write the first three, packers the stage alone. */
export interface Workspace {
  readonly source: string;
  readonly home: string;
  readonly temporary: string;
  /** What Kiln prepares for packers: no step ever sees it. */
  readonly stage: string;
}

export interface SandboxOptions {
  readonly isolation: Isolation;
  readonly workspace: Workspace;
  readonly conditions: Conditions;
  readonly tools: SandboxTools;
  /** What is shown instead of the machine's own programs and libraries; not with isolation `none`. */
  readonly base?: SandboxBase | undefined;
  /** Folders and files of the machine that are shown read-only; not with isolation `none`. */
  readonly mounts?: readonly Mount[] | undefined;
  /** Variables beside the fixed ones. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables for runs that have the network: proxies. */
  readonly networkEnv: Readonly<Record<string, string>>;
  /** The host's clock, ms since 1970: a fixed clock is an offset from it, so that it goes on from step to step. */
  readonly now: number;
  /** What each run may take; none when undefined. */
  readonly limits?: Limits | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SandboxBase {
  /** Absolute path of the folder that is shown as the root. */
  readonly root: string;
  /** What it says about the environment of its programs, PATH too. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Mount {
  /** As programs see it: absolute, and nothing of the sandbox's own. */
  readonly at: string;
  /** On the machine: absolute. */
  readonly from: string;
}

export interface Secret {
  /** Its file name in the folder `$KILN_SECRETS`. */
  readonly name: string;
  readonly value: string;
}

export interface SandboxRun {
  readonly argv: readonly [string, ...string[]];
  /** `step`: works in the source. `packer`: reads the source, writes the stage, works in the stage. */
  readonly as: "step" | "packer";
  /** `open`: the host's network and its real clock. `closed`: loopback alone, and the fixed clock. */
  readonly network: "open" | "closed";
  readonly secrets?: readonly Secret[];
  /**
   * Absolute path inside → folder of the stage (absolute, on the host) that is seen there too, writable: for what must be made
   * where it will be used.
   */
  readonly places?: Readonly<Record<string, string>>;
  readonly onOutput?: (piece: Buffer, from: "stdout" | "stderr") => void;
}

export interface Sandbox {
  /** Runs a program to its end; a status other than 0 is the caller's to judge. */
  run(run: SandboxRun): Promise<LimitedResult>;
  /** How programs inside see a path of the workspace. */
  inside(path: string): string;
  /** The same sandbox, whose packers have another folder (absolute) as their stage. */
  withStage(stage: string): Sandbox;
}

/** The seen path of `path`, which lies in a folder of the workspace, when the workspace is seen at `folder`. */
export function seenAt(folder: string, workspace: Workspace, path: string): string {
  for (const name of ["source", "home", "stage"] as const) {
    const rest = relative(workspace[name], path);
    if (rest !== ".." && !rest.startsWith(`..${sep}`)) return join(folder, name, rest);
  }
  throw new TypeError(`${path} isn't in the workspace`);
}
