// `gates:` of a recipe, and what it becomes in the manifest (artifact/gate.ts). One map with a few keys, since that is what a person
// writes: which of them belong together is checked here, with words for each mistake.

import { z } from "zod";

import { type gateSchema, severities } from "../artifact/gate.ts";
import { channelSchema, nameSchema } from "../artifact/name.ts";
import { nearest } from "../nearest.ts";
import { asItIs } from "./violation.ts";

type Gate = z.infer<typeof gateSchema>;

const shownBy = z.strictObject({
  channel: channelSchema.describe("The channel that shows the release to compare with."),
});

const written = z.strictObject({
  name: nameSchema.describe("What to call it."),
  check: nameSchema.optional().describe("The name of a check that must have passed."),
  report: nameSchema.optional().describe("The name of an artifact of the kind `report` that is asked."),
  number: z
    .string()
    .regex(/^[A-Za-z][A-Za-z-]{0,59}$/, "the name of a number")
    .optional()
    .describe("Which of its numbers, as in `lines`, `branches`, `failed`: docs/kinds.md lists those of each format."),
  "at-least": z.number().optional().describe("It must be this or more."),
  "at-most": z.number().optional().describe("It must be this or less."),
  "not-below": shownBy
    .optional()
    .describe("It must not fall below that of the release which a channel shows: a ratchet."),
  "not-above": shownBy.optional().describe("It must not rise above that of the release which a channel shows."),
  tolerance: z
    .number()
    .nonnegative()
    .optional()
    .describe("By how much it may be worse than that release's number; 0 when left out."),
  severity: z.enum(severities).optional().describe("No finding of the report may have this severity, or a worse one."),
  unknown: z
    .enum(["count", "ignore"])
    .optional()
    .describe("Whether findings without a known severity fail it too (`count`, when left out) or not."),
  for: z
    .array(channelSchema)
    .min(1)
    .optional()
    .describe(
      "Ask it when one of these channels moves, by publish or promote. When left out it is asked when the release is published.",
    ),
});

type Written = z.output<typeof written>;

const bounds = ["at-least", "at-most", "not-below", "not-above"] as const;

const gate = written
  .superRefine((it, context) => {
    for (const message of problemsOf(it)) context.addIssue({ code: "custom", message, params: asItIs, input: it });
  })
  .transform((it): Gate => ({ name: it.name, ...(it.for === undefined ? {} : { for: it.for }), demand: demandOf(it) }));

export const gatesSchema = z.array(gate).superRefine((gates, context) => {
  gates.forEach(({ name }, at) => {
    if (gates.findIndex((other) => other.name === name) === at) return;
    const message = `the gate \`${name}\` stands here twice, want each name once`;
    context.addIssue({ code: "custom", path: [at, "name"], message, params: asItIs, input: gates });
  });
});

/** Refuses gates about checks and reports that the recipe doesn't have. */
export function checkGates(
  recipe: {
    /** One that has a fault of its own is still as it was written. */
    readonly gates: readonly { readonly demand?: Gate["demand"] | undefined }[];
    readonly checks: readonly { readonly name: string }[];
    /** Each with its `kind`. */
    readonly artifacts: Readonly<Record<string, unknown>>;
  },
  context: z.core.$RefinementCtx,
): void {
  const checks = recipe.checks.map(({ name }) => name);
  const artifacts = Object.entries(recipe.artifacts as Readonly<Record<string, { readonly kind: string }>>);
  const reports = artifacts.filter(([, { kind }]) => kind === "report").map(([name]) => name);
  recipe.gates.forEach(({ demand }, at) => {
    if (demand === undefined) return;
    const [what, name, known] =
      demand.sort === "check"
        ? (["check", demand.check, checks] as const)
        : (["report", demand.report, reports] as const);
    if (known.includes(name)) return;
    const meant = nearest(name, known);
    const one = what === "check" ? "check" : "artifact of the kind `report`";
    const help =
      meant !== undefined
        ? `; did you mean \`${meant}\`?`
        : known.length > 0
          ? `, want one of ${known.join(", ")}`
          : "";
    const message = `no ${one} \`${name}\`${help}`;
    context.addIssue({ code: "custom", path: ["gates", at, what], message, params: asItIs, input: recipe });
  });
}

function problemsOf(it: Written): string[] {
  const given = (...keys: readonly (keyof Written)[]) => keys.filter((key) => it[key] !== undefined);
  const alone = (keys: readonly (keyof Written)[], before: string) =>
    given(...keys).map((key) => `\`${key}\` without \`${before}\``);
  if (it.check !== undefined) {
    return given("report", "number", ...bounds, "tolerance", "severity", "unknown").map(
      (key) => `\`${key}\` beside \`check\`: want one demand in a gate`,
    );
  }
  if (it.report === undefined)
    return ["a gate without a demand, want `check`, or `report` with `number` or `severity`"];
  if (it.severity !== undefined) {
    return given("number", ...bounds, "tolerance").map(
      (key) => `\`${key}\` beside \`severity\`: want one demand in a gate`,
    );
  }
  if (it.number === undefined) return ["`report` alone, want `number` or `severity` with it"];
  const bound = given(...bounds);
  if (bound.length !== 1) {
    const got = bound.length === 0 ? "`number` alone" : bound.map((key) => `\`${key}\``).join(" and ");
    return [`${got}, want one of ${bounds.map((key) => `\`${key}\``).join(", ")} with it`];
  }
  const isCompared = it["not-below"] !== undefined || it["not-above"] !== undefined;
  return [...(isCompared ? [] : alone(["tolerance"], "not-below")), ...alone(["unknown"], "severity")];
}

/** Of a gate without problems. */
function demandOf(it: Written): Gate["demand"] {
  const { check, report = "", number = "", severity, unknown = "count", tolerance = 0 } = it;
  if (check !== undefined) return { sort: "check", check };
  if (severity !== undefined) return { sort: "severity", report, severity, unknown };
  const shown = it["not-below"] ?? it["not-above"];
  const than = it["at-least"] ?? it["at-most"] ?? { channel: shown?.channel ?? "", tolerance };
  const bound = it["at-least"] !== undefined || it["not-below"] !== undefined ? "least" : "most";
  return { sort: "number", report, number, bound, than };
}
