// What is to be baked, all resolved: the plan with its key, the steps in their order, the artifacts, and where the source
// comes from. Made once; both bakes of `--twice` follow the same order.

import type { Digest } from "../artifact/digest.ts";
import type { Manifest } from "../artifact/manifest.ts";
import type { BaseSettings, ResolvedBase } from "../bases/base.ts";
import type { CellValues } from "../recipe/matrix.ts";
import type { Limits } from "../system/limits.ts";
import type { Machine } from "./inputs.ts";
import type { PinnedMount } from "./mounts.ts";
import type { Plan } from "./plan.ts";

export interface OrderedStep {
  readonly phase: Plan["steps"][number]["phase"];
  /** As a person reads it. */
  readonly title: string;
  /** A shell command line. */
  readonly run: string;
  /** Names of environment variables whose values this step alone gets, as files. */
  readonly secrets: readonly string[];
  /** Places in the order's steps of those that must be done before. */
  readonly after: readonly number[];
  /** A file in the source that is kept beside the log. */
  readonly report?: string | undefined;
  /** Of a check: when it isn't required and fails, the bake goes on. */
  readonly check?: { readonly name: string; readonly isRequired: boolean } | undefined;
}

export interface OrderedArtifact {
  readonly name: string;
  readonly kind: string;
  /** What the kind's schema made of the recipe's entry. */
  readonly spec: Record<string, unknown>;
}

export interface BakeOrder {
  readonly plan: Plan;
  /** All cells of the recipe's matrix, this one too; empty without one. */
  readonly matrix: readonly CellValues[];
  readonly bakeKey: Digest;
  readonly machine: Machine;
  /** Undefined: the machine's own system. */
  readonly base: ResolvedBase | undefined;
  readonly baseSettings: BaseSettings;
  readonly mounts: readonly PinnedMount[];
  readonly limits: Limits;
  /** Fetches first, then builds, then checks; each says which it waits for. */
  readonly steps: readonly OrderedStep[];
  readonly artifacts: readonly OrderedArtifact[];
  /** Kinds whose format may lose something of the version. */
  readonly lossy: readonly string[];
  readonly activate: Manifest["activate"];
  readonly gates: NonNullable<Manifest["gates"]>;
  /** Writes the source into a folder that doesn't exist yet. */
  readonly checkOut: (folder: string) => Promise<void>;
}
