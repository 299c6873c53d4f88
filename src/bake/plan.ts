// The plan of a bake: everything that decides its bytes, resolved. Its canonical JSON's digest is the bake key: same
// inputs, same key, same bytes. Making it from what was resolved is pure; resolving is in inputs.ts.

import { z } from "zod";

import { type Digest, digestOf, digestSchema } from "../artifact/digest.ts";
import { canonicalBytes } from "../artifact/json.ts";
import { isolations } from "../system/sandbox.ts";

const toolSchema = z.strictObject({
  version: z.string(),
  /** Of the program itself, where it isn't one of the machine's packages. */
  sha256: digestSchema.optional(),
});

export const planSchema = z.strictObject({
  /** Kiln's own version: how steps are run and what provenance says may change with it. */
  kiln: z.string(),
  name: z.string(),
  version: z.string(),
  source: z.strictObject({
    repository: z.string().nullable(),
    commit: z.string().nullable(),
    /** Id of the git tree that is baked: of the commit, or of a dirty tree. */
    tree: z.string(),
    recipe: z.string(),
    /** SOURCE_DATE_EPOCH, in seconds since 1970. */
    time: z.int(),
  }),
  /** Digest of the recipe's bytes. */
  recipe: digestSchema,
  /** Which cell of the recipe's matrix this is; absent without one. */
  cell: z.record(z.string(), z.string()).optional(),
  /** Lock files of the source: path → id of the git blob. Absent when there are none. */
  lockFiles: z.record(z.string(), z.string()).optional(),
  steps: z.array(z.strictObject({ phase: z.enum(["fetch", "build", "check"]), run: z.string() })),
  /** Kind → its version. */
  kinds: z.record(z.string(), z.int()),
  tools: z.record(z.string(), toolSchema),
  /**
   * Versions of all packages of the machine: compilers and libraries that steps use are among them. Absent with a base,
   * which has its own.
   */
  system: z
    .strictObject({
      os: z.string(),
      packages: digestSchema,
      /** Programs in /usr/local that no package owns: size and time of each. Absent when there are none. */
      local: z.record(z.string(), z.string()).optional(),
    })
    .optional(),
  /** What steps run in instead of the machine's own system. */
  base: z.strictObject({ title: z.string(), digest: digestSchema }).optional(),
  /** What steps see of the machine beside it: path → digest. Absent when there is nothing. */
  mounts: z.record(z.string(), digestSchema).optional(),
  isolation: z.enum(isolations),
  /** Variables that the recipe gives to its steps. */
  env: z.record(z.string(), z.string()),
});

export type Plan = z.infer<typeof planSchema>;
export type Tool = z.infer<typeof toolSchema>;

export function planBytes(plan: Plan): Uint8Array {
  return canonicalBytes(plan);
}

export function bakeKeyOf(plan: Plan): Digest {
  return digestOf(planBytes(plan));
}
