// What checks leave for the manifest: how those ended that may fail or that a gate asks about, and of each with a JUnit report an
// in-toto statement of its results. Names are sorted and no time is kept, so the same results are the same bytes.
// Spec: in-toto attestation, test-result v0.1.

import { existsSync, lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { Digest } from "../artifact/digest.ts";
import type { Manifest } from "../artifact/manifest.ts";
import { predicateTypes, statementBytes } from "../artifact/statement.ts";
import { KilnError } from "../errors.ts";
import { builtPath } from "../kinds/kind.ts";
import { readTestReport, type TestResults } from "../reports/junit.ts";
import { reportInvalid, reportLimit } from "../reports/report.ts";
import type { BakeOrder } from "./order.ts";
import { sourceDescriptor } from "./provenance.ts";

export interface CheckResult {
  readonly name: string;
  readonly outcome: "passed" | "failed";
  /** Of its report; absent when it has none. */
  readonly tests?: TestResults;
}

export interface TestStatement {
  readonly predicateType: string;
  readonly check: string;
  /** The name of its file. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

const nothing: TestResults = {
  passed: [],
  warned: [],
  failed: [],
  counts: { tests: 0, passed: 0, failed: 0, skipped: 0 },
};

/** The results in a check's report. A check that failed may not have got as far as writing one. Throws REPORT_INVALID, ARTIFACT_INVALID. */
export function testsOf(options: {
  readonly check: string;
  readonly outcome: CheckResult["outcome"];
  /** As the recipe names it. */
  readonly report: string;
  /** The built source, on this machine and as the check saw it. */
  readonly source: string;
  readonly folder: string;
}): TestResults {
  const { check, outcome, report, source, folder } = options;
  if (!existsSync(join(source, report))) {
    if (outcome === "failed") return nothing;
    throw new KilnError("ARTIFACT_INVALID", `check ${check}: got no ${report} after it, want its test report`, {
      hint: "let the check write it, or leave `report` out",
    });
  }
  const path = builtPath({ artifact: `check ${check}`, source }, report);
  const { size } = lstatSync(path);
  if (!lstatSync(path).isFile()) throw reportInvalid(report, "got something else than a regular file, want JUnit XML");
  if (size > reportLimit) throw reportInvalid(report, `got ${size} bytes, want a report of at most ${reportLimit}`);
  try {
    return readTestReport(readFileSync(path), { where: `check ${check}: ${report}`, folder });
  } catch (error) {
    // A runner that crashed leaves half a report: that it failed is known anyway.
    if (outcome === "failed" && error instanceof KilnError && error.code === "REPORT_INVALID") return nothing;
    throw error;
  }
}

/** The outcomes that the manifest keeps; undefined when there are none. */
export function outcomesOf(order: BakeOrder, results: readonly CheckResult[]): Manifest["checks"] {
  const asked = new Set(order.gates.flatMap(({ demand }) => (demand.sort === "check" ? [demand.check] : [])));
  const mayFail = new Set(order.steps.flatMap(({ check }) => (check?.isRequired === false ? [check.name] : [])));
  const kept = results.filter(({ name }) => asked.has(name) || mayFail.has(name));
  return kept.length === 0 ? undefined : Object.fromEntries(kept.map(({ name, outcome }) => [name, outcome]));
}

/** A statement about all artifacts for each check with a report, by name. */
export function testStatements(
  { plan }: BakeOrder,
  results: readonly CheckResult[],
  artifacts: readonly { readonly file: string; readonly sha256: Digest }[],
): TestStatement[] {
  const configuration = [
    { name: plan.source.recipe, digest: { sha256: plan.recipe } },
    // The same descriptor that the provenance has.
    sourceDescriptor(plan),
  ];
  return results
    .flatMap(({ name, outcome, tests }) => (tests === undefined ? [] : [{ name, outcome, tests }]))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, outcome, tests }) => ({
      predicateType: predicateTypes.testResult,
      check: name,
      file: `${name}.test-result.json`,
      bytes: statementBytes(predicateTypes.testResult, artifacts, {
        result: resultOf(outcome, tests),
        configuration,
        ...(isLong(tests) ? {} : { passedTests: tests.passed }),
        warnedTests: tests.warned,
        failedTests: tests.failed,
      }),
    }));
}

function resultOf(outcome: CheckResult["outcome"], { failed, warned }: TestResults): "PASSED" | "WARNED" | "FAILED" {
  if (outcome === "failed" || failed.length > 0) return "FAILED";
  return warned.length > 0 ? "WARNED" : "PASSED";
}

/** Whoever verifies reads a bundle whole: past this, those that passed aren't named. */
const mostNamed = 4 * 1024 * 1024;

function isLong({ passed }: TestResults): boolean {
  return passed.reduce((sum, name) => sum + Buffer.byteLength(name) + 3, 0) > mostNamed;
}
