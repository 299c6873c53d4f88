// The bases that a recipe can name; the machine's own system, `host`, is the absence of one. The recipe's schema, its
// reference and the dispatch follow from this list.

import { z } from "zod";

import { KilnError } from "../errors.ts";
import type { Base, BaseQuestion, ResolvedBase } from "./base.ts";
import { image } from "./image/image.ts";
import type { Lock } from "./lock.ts";
import { type LockSuiteOptions, pinSuites, suite } from "./suite/suite.ts";

export const bases = [suite, image] as const satisfies readonly Base[];

export const baseSchema = z
  .union([
    z.literal("host").describe("The machine's own programs and libraries."),
    ...bases.map(({ schema, summary }) => schema.describe(summary)),
  ])
  .default("host");

export type BaseSpec = z.output<typeof baseSchema>;

/** The base that a recipe names, without network; undefined for the host. Throws what the base throws. */
export async function resolveBase(spec: BaseSpec, question: BaseQuestion): Promise<ResolvedBase | undefined> {
  if (spec === "host") return undefined;
  const base = (bases as readonly Base[]).find(({ name }) => name in spec);
  if (base === undefined) throw new TypeError("a base that is none of the list");
  return await base.resolve(spec, question);
}

export interface PinQuestion extends LockSuiteOptions {
  /** The lock file that there is. */
  readonly before: Lock | undefined;
}

export interface PinnedBases {
  readonly suites: Lock["suites"];
  readonly titles: readonly string[];
  /** In words; empty when nothing moved. */
  readonly changes: readonly string[];
}

/** Asks where these bases come from what there is now. Throws BASE_FAILED, TOOL_MISSING. */
export async function pinBases(specs: readonly BaseSpec[], question: PinQuestion): Promise<PinnedBases> {
  const suites = specs.flatMap((spec) => (typeof spec === "object" && "suite" in spec ? [spec] : []));
  return await pinSuites(suites, question);
}

/** Steps see other folders than the machine's only where there is a sandbox. */
export function needsSandbox(what: string): KilnError {
  return new KilnError("SANDBOX_FAILED", `${what}: got --isolation none, want the sandbox`, {
    hint: "only the sandbox can show steps other folders: allow it, or take `base` and `mounts` out of the recipe",
  });
}
