// JUnit XML: what nearly every test runner can write. There is no specification; counted are the `testcase` elements, because
// totals in attributes differ from runner to runner. Wall-clock attributes are written over: `time` and `timestamp` say how
// long and when, `hostname` where, and none of them what the result was; comments (Node writes durations there) go.

import { isUtf8 } from "node:buffer";

import { type ReadReport, type ReportContext, reportInvalid, withoutFolder, type XmlFormat } from "./report.ts";
import { readXml, rewriteXml, rootOf } from "./xml.ts";

export interface TestResults {
  /** Each a list of names, sorted, each once. */
  readonly passed: readonly string[];
  /** Passed in the end, after a failure. */
  readonly warned: readonly string[];
  readonly failed: readonly string[];
  readonly counts: {
    readonly tests: number;
    readonly passed: number;
    readonly failed: number;
    readonly skipped: number;
  };
}

export const junit: XmlFormat = {
  sort: "xml",
  name: "junit",
  isRoot: (name) => name === "testsuites" || name === "testsuite",
  read(text, context): ReadReport {
    const { counts } = readTestResults(text, context.where);
    return { numbers: { ...counts }, text: withoutFolder(rewriteXml(text, stillness(context)), context.folder) };
  },
};

/** The results in a file that must be JUnit XML; `folder`: as of `ReportContext`. Throws REPORT_INVALID. */
export function readTestReport(
  bytes: Uint8Array,
  { where, folder }: Pick<ReportContext, "where" | "folder">,
): TestResults {
  if (!isUtf8(bytes)) throw reportInvalid(where, "got bytes that aren't UTF-8, want JUnit XML");
  const text = withoutFolder(
    Buffer.from(bytes)
      .toString()
      .replace(/^\uFEFF/, ""),
    folder,
  );
  const root = rootOf(text);
  if (root !== undefined && !junit.isRoot(root.name, root.attributes)) {
    throw reportInvalid(where, `got XML of <${root.name.slice(0, 60)}>, want JUnit XML`);
  }
  return readTestResults(text, where);
}

/** Throws REPORT_INVALID. */
export function readTestResults(text: string, where: string): TestResults {
  const outcomes = new Map<string, Outcome>();
  const counts = { tests: 0, passed: 0, failed: 0, skipped: 0 };
  const suites: string[] = [];
  let open: { readonly name: string; outcome: Outcome } | undefined;
  readXml(text, where, {
    open(element, attributes) {
      if (element === "testsuite") suites.push(attributes["name"] ?? "");
      else if (element === "testcase") open = { name: nameOf(attributes, suites), outcome: "passed" };
      else if (open !== undefined) open.outcome = worse(open.outcome, outcomeOf[element] ?? "passed");
    },
    close(element) {
      if (element === "testsuite") suites.pop();
      if (element !== "testcase" || open === undefined) return;
      const { name, outcome } = open;
      outcomes.set(name, worse(outcomes.get(name) ?? outcome, outcome));
      counts.tests += 1;
      counts[outcome === "warned" ? "passed" : outcome] += 1;
      open = undefined;
    },
  });
  const having = (wanted: Outcome) =>
    [...outcomes]
      .filter(([, outcome]) => outcome === wanted)
      .map(([name]) => name)
      .toSorted();
  return { passed: having("passed"), warned: having("warned"), failed: having("failed"), counts };
}

type Outcome = "passed" | "warned" | "skipped" | "failed";

const order: readonly Outcome[] = ["passed", "warned", "skipped", "failed"];

/** What an element inside a test case says of it. */
const outcomeOf: Readonly<Record<string, Outcome>> = {
  failure: "failed",
  error: "failed",
  skipped: "skipped",
  flakyFailure: "warned",
  flakyError: "warned",
};

function worse(one: Outcome, other: Outcome): Outcome {
  return order.indexOf(one) > order.indexOf(other) ? one : other;
}

/** Node writes the class name `test` for all. */
function nameOf(attributes: Readonly<Record<string, string>>, suites: readonly string[]): string {
  const { name = "", classname = "" } = attributes;
  return classname === "" || classname === "test"
    ? [...suites, name].filter((part) => part !== "").join(" > ")
    : `${classname}.${name}`;
}

const elements = new Set(["testsuites", "testsuite", "testcase"]);

function stillness({ time }: ReportContext) {
  const values: Readonly<Record<string, string>> = {
    time: "0",
    timestamp: new Date(time * 1000).toISOString().slice(0, 19),
    hostname: "localhost",
  };
  return (element: string, attribute: string) =>
    elements.has(element) && Object.hasOwn(values, attribute) ? values[attribute] : undefined;
}
