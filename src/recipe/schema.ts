// The recipe. What each kind of artifact and each activator wants is said by them: the lists come as arguments, and types,
// errors, docs/recipe.md and the JSON schema follow. Defaults stand here and nowhere else; every field says what it is for.

import { z } from "zod";

import { nameSchema } from "../artifact/name.ts";
import { baseSchema } from "../bases/index.ts";
import { nearest } from "../nearest.ts";
import { channelRulesSchema } from "./channel.ts";
import { checkGates, gatesSchema } from "./gates.ts";
import { limitsSchema } from "./limits.ts";
import { matrixSchema } from "./matrix.ts";
import { mountsSchema } from "./mounts.ts";
import { checkOrder } from "./order.ts";
import { relativePathSchema } from "./path.ts";
import { versionSourceSchema } from "./version.ts";
import { asItIs } from "./violation.ts";

/** A kind of artifact, as far as a recipe is concerned. */
export interface KindOptions {
  readonly name: string;
  readonly summary: string;
  /** Strict, with the literal `kind`. */
  readonly schema: z.ZodObject;
}

/** An activator, as far as a recipe is concerned. */
export interface ActivatorOptions {
  readonly name: string;
  /** The kinds that it can put into service. */
  readonly kinds: readonly string[];
  /** A strict object with the literal `with`. */
  readonly specification: z.ZodType;
}

const command = z
  .string()
  .regex(/\S/, "a command")
  .describe("A command line for `sh`, in the top folder of the repository.");

const secrets = z
  .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, "the name of an environment variable"))
  .refine((names) => new Set(names).size === names.length, "each name once")
  .default([])
  .describe(
    "Names of environment variables of whoever bakes. This step alone can read their values, in files of these names in the folder `$KILN_SECRETS`.",
  );

const after = (what: string) =>
  z
    .array(z.string())
    .optional()
    .describe(
      `Names of the ${what}s here that must be done before it: it runs beside all others. When left out, it waits for all that stand before it.`,
    );

interface Step {
  readonly run: string;
  readonly name?: string | undefined;
  readonly after?: readonly string[] | undefined;
  readonly secrets: readonly string[];
}

const step = z
  .union([
    command,
    z.strictObject({
      run: command,
      name: z
        .string()
        .regex(/^\S.{0,99}$/, "at most 100 characters on one line")
        .optional()
        .describe("What to call it while it runs; the command itself when left out."),
      secrets,
      after: after("step"),
    }),
  ])
  .transform((it): Step => (typeof it === "string" ? { run: it, secrets: [] } : it));

const check = z.strictObject({
  name: nameSchema.describe("What to call it."),
  run: command,
  report: relativePathSchema
    .optional()
    .describe("A JUnit XML file that it writes: its results become an attestation of the release."),
  required: z
    .boolean()
    .default(true)
    .describe("`false`: when it fails the bake goes on, says so, and a gate may ask about it."),
  after: after("check"),
});

/** Set by every bake itself, so a recipe's value would be lost, or would make the bake depend on its machine. */
const fixedVariables = new Set(
  "PATH HOME TMPDIR USER LOGNAME SHELL LANG TZ CI SOURCE_DATE_EPOCH LD_PRELOAD NO_UPDATE_NOTIFIER".split(" "),
);

const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, "the name of an environment variable")
  .refine(
    (name) => !fixedVariables.has(name) && !/^(?:LC_|KILN_|FAKETIME|DATEFUDGE)/.test(name),
    "a variable that a bake doesn't set itself",
  );

const first = {
  kiln: z.literal(1).describe("The version of this format."),
  name: nameSchema.describe("The name of what is released: lower-case letters, digits and . _ + - between them."),
  version: versionSourceSchema,
  matrix: matrixSchema
    .optional()
    .describe(
      "Axes and their values, as in `{ suite: [bookworm, trixie] }`: all that follows is baked for each combination, with `${matrix.suite}` replaced in every text, into one release.",
    ),
  base: baseSchema.describe("What steps and packers run in: the machine's own system, or another one, pinned."),
  mounts: mountsSchema.describe(
    "Path that steps see → absolute path of a folder or file of the machine, shown read-only. `kiln lock` pins what is in it.",
  ),
  limits: limitsSchema
    .prefault({})
    .describe("What each step and packer may take before it is ended, with all that it started."),
  env: z
    .record(variable, z.string())
    .default({})
    .describe("Variables for all steps and checks, the same on every machine. No secrets: they are recorded."),
  fetch: z
    .array(step)
    .superRefine(checkOrder("step"))
    .default([])
    .describe(
      "Steps that have the network, and run first. What they get must be pinned in the commit, by a lock file.",
    ),
  build: z
    .array(step)
    .superRefine(checkOrder("step"))
    .prefault([])
    .describe("Steps without network, in order unless they say `after`."),
  checks: z
    .array(check)
    .default([])
    .superRefine(checkOrder("check"))
    .describe(
      "Tests of what was built, without network, in order unless they say `after`. When one fails that is required, nothing is published.",
    ),
} as const;

const channels = channelRulesSchema
  .default([])
  .describe("Which channel a branch or a tag publishes to: the first rule that matches. Without one, to no channel.");

/** The recipe's schema for these kinds and activators. */
export function recipeSchema<Kind extends KindOptions>(parts: {
  readonly kinds: readonly Kind[];
  readonly activators: readonly ActivatorOptions[];
}) {
  const artifact = union(
    "kind",
    parts.kinds.map(({ schema, summary }) => schema.describe(summary)),
  );
  const activation = union(
    "with",
    parts.activators.map(({ specification }) => specification),
  );
  return z
    .strictObject({
      ...first,
      artifacts: z
        .record(nameSchema, artifact as unknown as z.ZodType<z.output<Kind["schema"]>>)
        .refine((artifacts) => Object.keys(artifacts).length > 0, "at least one artifact")
        .describe("What the bake makes, by name: one file each."),
      activate: z
        .record(nameSchema, activation as unknown as z.ZodType<Activation>)
        .default({})
        .describe("How `kiln deploy` puts an artifact into service, by the artifact's name."),
      gates: gatesSchema
        .default([])
        .describe("What a release must show before it is published, or before a channel leads to it."),
      channels,
    })
    .superRefine(checkGates)
    .superRefine(({ version }, context) => {
      [version].flat().forEach(({ lossy = [] }, rule) => {
        lossy.forEach((kind, at) => {
          const names = parts.kinds.map(({ name }) => name);
          if (names.includes(kind)) return;
          const meant = nearest(kind, names);
          const message = `no kind \`${kind}\`${meant === undefined ? `, want one of ${names.join(", ")}` : `; did you mean \`${meant}\`?`}`;
          const path = ["version", ...(Array.isArray(version) ? [rule] : []), "lossy", at];
          context.addIssue({ code: "custom", path, message, params: asItIs });
        });
      });
    })
    .superRefine(({ artifacts, activate }, context) => {
      const kindOf = artifacts as Readonly<Record<string, { readonly kind: string }>>;
      for (const [name, { with: activator }] of Object.entries(activate)) {
        const problem = activationProblem(name, { activator, kindOf, activators: parts.activators });
        if (problem !== undefined)
          context.addIssue({ code: "custom", path: ["activate", name], message: problem, params: asItIs });
      }
    });
}

/** An activator's specification: each activator parses its own again where it is used. */
export type Activation = Readonly<Record<string, unknown>> & { readonly with: string };

export type Recipe<Kind extends KindOptions = KindOptions> = z.output<ReturnType<typeof recipeSchema<Kind>>>;

/** A union told apart by `key`. Each member is an object with that literal: the lists' own contract, which this checks. */
function union(key: string, members: readonly z.ZodType[]) {
  const objects = members.map((member) => {
    if (member instanceof z.ZodObject && member.shape[key] instanceof z.ZodLiteral) return member;
    throw new TypeError(`a schema that is no object with a literal \`${key}\``);
  });
  return z.discriminatedUnion(key, objects as unknown as readonly [z.ZodObject<Record<string, z.ZodLiteral>>]);
}

function activationProblem(
  name: string,
  recipe: {
    readonly activator: string;
    readonly kindOf: Readonly<Record<string, { readonly kind: string }>>;
    readonly activators: readonly ActivatorOptions[];
  },
): string | undefined {
  const { activator, kindOf, activators } = recipe;
  const kind = Object.hasOwn(kindOf, name) ? kindOf[name]?.kind : undefined;
  if (kind === undefined) {
    const meant = nearest(name, Object.keys(kindOf));
    return `no artifact \`${name}\`${meant === undefined ? `, want one of ${Object.keys(kindOf).join(", ")}` : `; did you mean \`${meant}\`?`}`;
  }
  const able = activators.find((one) => one.name === activator)?.kinds ?? [];
  return able.includes(kind)
    ? undefined
    : `\`${activator}\` can't put a ${kind} into service, only: ${able.join(", ")}`;
}
