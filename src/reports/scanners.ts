// What common scanners of dependencies write as JSON by themselves: Trivy, Grype, npm audit (pnpm's too), pip-audit, OSV-Scanner.
// Each finding counts once, as that scanner tells findings apart. When they ran is written over.

import { z } from "zod";

import { expectShape, hasMembers, replaceMembers } from "./json.ts";
import type { JsonFormat } from "./report.ts";
import { countsOf, severityOf, severityOfScore } from "./severity.ts";

const list = <T extends z.ZodType>(item: T) => z.array(item).nullish();
const rated = z.object({ Severity: z.string().optional() });

const trivyShape = z.object({
  Results: list(
    z.object({
      Vulnerabilities: list(rated),
      // Checks that passed are listed, too, if one asks for them.
      Misconfigurations: list(rated.extend({ Status: z.string().optional() })),
      Secrets: list(rated),
      Licenses: list(rated),
    }),
  ),
});

export const trivy: JsonFormat = {
  sort: "json",
  name: "trivy",
  isOne: (value) => hasMembers(value, "SchemaVersion") && ("Results" in value || "ArtifactName" in value),
  read(value, { where, time }) {
    const { Results } = expectShape(trivyShape, value, where);
    const found = (Results ?? []).flatMap(({ Vulnerabilities, Misconfigurations, Secrets, Licenses }) => [
      ...(Vulnerabilities ?? []),
      ...(Misconfigurations ?? []).filter(({ Status = "FAIL" }) => Status === "FAIL"),
      ...(Secrets ?? []),
      ...(Licenses ?? []),
    ]);
    const numbers = countsOf(found.map(({ Severity }) => severityOf(Severity)));
    return { numbers, value: replaceMembers(value, { CreatedAt: new Date(time * 1000).toISOString() }) };
  },
};

const grypeShape = z.object({
  matches: z.array(z.object({ vulnerability: z.object({ severity: z.string().optional() }) })),
});

export const grype: JsonFormat = {
  sort: "json",
  name: "grype",
  isOne: (value) =>
    hasMembers(value, "matches", "descriptor") &&
    hasMembers(value["descriptor"], "name") &&
    value["descriptor"]["name"] === "grype",
  read(value, { where, time }) {
    const { matches } = expectShape(grypeShape, value, where);
    const descriptor = hasMembers(value, "descriptor") ? value["descriptor"] : undefined;
    const numbers = countsOf(matches.map(({ vulnerability }) => severityOf(vulnerability.severity)));
    const timestamp = new Date(time * 1000).toISOString();
    return { numbers, value: replaceMembers(value, { descriptor: replaceMembers(descriptor, { timestamp }) }) };
  },
};

const named = z.record(z.string(), z.object({ severity: z.string() }));
const npmAuditShape = z.union([
  z.object({ auditReportVersion: z.literal(2), vulnerabilities: named }),
  z.object({ advisories: named }),
]);

export const npmAudit: JsonFormat = {
  sort: "json",
  name: "npm-audit",
  isOne: (value) => hasMembers(value, "auditReportVersion") || hasMembers(value, "advisories", "metadata"),
  read(value, { where }) {
    const report = expectShape(npmAuditShape, value, where);
    const found = "advisories" in report ? report.advisories : report.vulnerabilities;
    const words = Object.values(found).map(({ severity }) => severityOf(severity));
    return { numbers: countsOf(words), value };
  },
};

const pipDependencies = z.array(z.object({ vulns: z.array(z.object({ id: z.string() })).optional() }));
const pipAuditShape = z.union([pipDependencies, z.object({ dependencies: pipDependencies })]);

export const pipAudit: JsonFormat = {
  sort: "json",
  name: "pip-audit",
  isOne: (value) => {
    const listed: unknown = hasMembers(value, "dependencies", "fixes") ? value["dependencies"] : value;
    return Array.isArray(listed) && listed.some((one) => hasMembers(one, "name", "version", "vulns"));
  },
  read(value, { where }) {
    const report = expectShape(pipAuditShape, value, where);
    const dependencies = Array.isArray(report) ? report : report.dependencies;
    // It knows no severities.
    const found = dependencies.flatMap(({ vulns = [] }) => vulns.map(() => "unknown" as const));
    return { numbers: countsOf(found), value };
  },
};

const osvShape = z.object({
  results: list(
    z.object({
      packages: list(
        z.object({
          vulnerabilities: list(
            z.object({
              id: z.string(),
              database_specific: z.object({ severity: z.string().optional() }).optional(),
            }),
          ),
          groups: list(z.object({ ids: z.array(z.string()), max_severity: z.string().optional() })),
        }),
      ),
    }),
  ),
});

type OsvPackage = NonNullable<
  NonNullable<NonNullable<z.infer<typeof osvShape>["results"]>[number]["packages"]>[number]
>;

export const osvScanner: JsonFormat = {
  sort: "json",
  name: "osv-scanner",
  isOne: (value) =>
    hasMembers(value, "results") &&
    (value["results"] === null || Array.isArray(value["results"])) &&
    ("experimental_config" in value || (value["results"] ?? []).some((one) => hasMembers(one, "source", "packages"))),
  read(value, { where }) {
    const { results } = expectShape(osvShape, value, where);
    const packages = (results ?? []).flatMap((one) => one.packages ?? []);
    return { numbers: countsOf(packages.flatMap(severitiesOf)), value };
  },
};

/** A group is one vulnerability under all its names. */
function severitiesOf({ vulnerabilities, groups }: OsvPackage) {
  const words = new Map((vulnerabilities ?? []).map((one) => [one.id, one.database_specific?.severity]));
  const all = groups ?? [...words.keys()].map((id) => ({ ids: [id], max_severity: undefined }));
  return all.map(({ ids, max_severity: score }) => {
    if (score !== undefined && score !== "") return severityOfScore(Number(score));
    return severityOf(ids.map((id) => words.get(id)).find((word) => word !== undefined));
  });
}
