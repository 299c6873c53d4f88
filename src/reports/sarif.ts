// SARIF 2.1.0 (OASIS): what linters and scanners write for code hosts. Counted is each result that fails and isn't suppressed; its
// severity is the rule's `security-severity` (a CVSS score) where there is one, else its level: error, warning, note.
// A run that failed has found nothing, which must not pass for nothing to find. When a tool ran is written over.

import { z } from "zod";

import { expectShape, hasMembers, replaceMembers } from "./json.ts";
import { type JsonFormat, reportInvalid } from "./report.ts";
import { countsOf, type Counts, severityOfScore } from "./severity.ts";

const level = z.enum(["none", "note", "warning", "error"]);
const properties = z.object({ "security-severity": z.union([z.string(), z.number()]).optional() }).optional();
const rule = z.object({
  id: z.string().optional(),
  defaultConfiguration: z.object({ level: level.optional() }).optional(),
  properties,
});
const component = z.object({ rules: z.array(rule).optional() });
const result = z.object({
  ruleId: z.string().optional(),
  ruleIndex: z.int().optional(),
  rule: z
    .looseObject({
      id: z.string().optional(),
      index: z.int().optional(),
      toolComponent: z.object({ index: z.int().optional() }).optional(),
    })
    .optional(),
  level: level.optional(),
  kind: z.string().optional(),
  baselineState: z.string().optional(),
  suppressions: z.array(z.object({ status: z.string().optional() })).optional(),
  properties,
});
const run = z.object({
  tool: z.object({ driver: component, extensions: z.array(component).optional() }),
  invocations: z.array(z.object({ executionSuccessful: z.boolean().optional() })).nullish(),
  // Absent or null: the tool didn't get as far as results.
  results: z.array(result),
});
const log = z.object({ version: z.literal("2.1.0"), runs: z.array(run) });

type Run = z.infer<typeof run>;
type Result = z.infer<typeof result>;
type Rule = z.infer<typeof rule>;

export const sarif: JsonFormat = {
  sort: "json",
  name: "sarif",
  isOne: (value) =>
    hasMembers(value, "version", "runs") &&
    (Array.isArray(value["runs"]) || String(value["$schema"] ?? "").includes("sarif")),
  read(value, { where, time }) {
    const { runs } = expectShape(log, value, where);
    const found: (keyof Counts & ("critical" | "high" | "medium" | "low" | "unknown"))[] = [];
    for (const [at, one] of runs.entries()) {
      if (one.invocations?.some(({ executionSuccessful }) => executionSuccessful === false) === true) {
        throw reportInvalid(
          where,
          `runs.${at}: got a run that failed (executionSuccessful: false), want one that ended well`,
        );
      }
      const rules = rulesOf(one);
      for (const each of one.results) {
        const severity = isFinding(each) ? severityIn(each, rules) : undefined;
        if (severity !== undefined) found.push(severity);
      }
    }
    return { numbers: countsOf(found), value: still(value, new Date(time * 1000).toISOString()) };
  },
};

function isFinding({ kind = "fail", baselineState, suppressions = [] }: Result): boolean {
  const isSuppressed = suppressions.some(({ status = "accepted" }) => status === "accepted");
  return kind === "fail" && baselineState !== "absent" && !isSuppressed;
}

interface Rules {
  find(result: Result): Rule | undefined;
}

function rulesOf({ tool: { driver, extensions = [] } }: Run): Rules {
  const components = [driver, ...extensions];
  const byId = new Map(components.flatMap(({ rules = [] }) => rules.map((one) => [one.id, one] as const)));
  return {
    find({ ruleId, ruleIndex, rule: reference }) {
      const place = reference?.index ?? ruleIndex;
      const extension = reference?.toolComponent?.index;
      const owner = extension === undefined ? driver : extensions[extension];
      const placed = place === undefined ? undefined : owner?.rules?.[place];
      return placed ?? byId.get(reference?.id ?? ruleId);
    },
  };
}

/** Undefined: `none`, which is no finding. */
function severityIn(one: Result, rules: Rules) {
  const found = rules.find(one);
  const score = one.properties?.["security-severity"] ?? found?.properties?.["security-severity"];
  if (score !== undefined && score !== "") return severityOfScore(Number(score));
  return ofLevel[one.level ?? found?.defaultConfiguration?.level ?? "warning"];
}

const ofLevel = { none: undefined, note: "low", warning: "medium", error: "high" } as const;

function still(value: unknown, now: string): unknown {
  if (!hasMembers(value) || !Array.isArray(value["runs"])) return value;
  const runs = value["runs"].map((one: unknown) => {
    if (!hasMembers(one, "invocations") || !Array.isArray(one["invocations"])) return one;
    const invocations = one["invocations"].map((each: unknown) =>
      replaceMembers(each, { startTimeUtc: now, endTimeUtc: now, machine: "localhost", processId: 1 }),
    );
    return replaceMembers(one, { invocations });
  });
  return replaceMembers(value, { runs });
}
