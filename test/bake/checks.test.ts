// Checks that may fail, their results as attestations, and gates that a bake can answer.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { KilnError } from "../../src/errors.ts";
import { makeProject } from "./made-project.ts";

const junit = (cases: string) => `<testsuites><testsuite name="s">${cases}</testsuite></testsuites>`;
const files = {
  "good.xml": junit('<testcase name="a" time="1"/><testcase name="b"/>'),
  "bad.xml": junit(
    '<testcase name="a"/><testcase name="b"><failure/></testcase><testcase name="c"><skipped/></testcase>',
  ),
  "lcov.info": "SF:a.js\nLF:4\nLH:3\nend_of_record\n",
};

interface Statement {
  readonly predicateType: string;
  readonly subject: readonly unknown[];
  readonly predicate: Readonly<Record<string, unknown>>;
}

async function bakeWith(lines: string, check: "once" | "twice" = "once") {
  const recipe = `${lines}\nartifacts: { app: { kind: archive, from: kiln.yaml }, coverage: { kind: report, from: lcov.info } }\n`;
  const project = makeProject({ recipe, files });
  const { manifest, folder } = await project.bake({ check });
  const statements = (manifest.attestations ?? []).map(({ statement: { file, sha256, size } }) => {
    const bytes = readFileSync(join(folder, file));
    expect([digestOf(bytes), bytes.length]).toEqual([sha256, size]);
    return JSON.parse(bytes.toString()) as Statement;
  });
  return { manifest, folder, statements, reported: project.reported };
}

async function failure(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof KilnError) return `${error.code}: ${error.message}`;
  throw new Error(`got ${String(error)}, want a KilnError`);
}

test("a check's JUnit report becomes a test-result statement about all artifacts", async () => {
  const { manifest, statements, folder } = await bakeWith(
    "checks: [{ name: unit, run: cp good.xml out.xml, report: out.xml }, { name: lint, run: 'true' }]",
    "twice",
  );
  expect(manifest.attestations).toMatchObject([
    { predicateType: "https://in-toto.io/attestation/test-result/v0.1", check: "unit" },
  ]);
  expect(statements).toEqual([
    {
      _type: "https://in-toto.io/Statement/v1",
      predicateType: "https://in-toto.io/attestation/test-result/v0.1",
      subject: manifest.artifacts.map(({ file, sha256 }) => ({ name: file, digest: { sha256 } })),
      predicate: {
        result: "PASSED",
        configuration: [
          { name: "kiln.yaml", digest: { sha256: expect.any(String) as string } },
          { name: "source", digest: { gitCommit: manifest.source.commit } },
        ],
        passedTests: ["s > a", "s > b"],
        warnedTests: [],
        failedTests: [],
      },
    },
  ]);
  expect(manifest).not.toHaveProperty("checks");
  expect(manifest).not.toHaveProperty("gates");
  // The report as it was written.
  const kept = readdirSync(join(folder, "logs")).find((name) => name.endsWith("out.xml"));
  expect(readFileSync(join(folder, "logs", kept!), "utf8")).toBe(files["good.xml"]);
});

test("a check that isn't required may fail: the bake says so, and keeps how it ended", async () => {
  const { manifest, statements, reported } = await bakeWith(
    `checks:
  - { name: style, run: "false", required: false }
  - { name: slow, run: cp bad.xml out.xml; exit 3, report: out.xml, required: false }
  - { name: crash, run: echo '<testsuite' > crash.xml; exit 1, report: crash.xml, required: false }
  - { name: gone, run: exit 1, report: nothing.xml, required: false }
  - { name: fine, run: cp good.xml fine.xml, report: fine.xml, required: false }
gates: [{ name: style, check: style, for: [production] }]`,
  );
  expect(manifest.checks).toEqual({ style: "failed", slow: "failed", crash: "failed", gone: "failed", fine: "passed" });
  expect(manifest.gates).toEqual([{ name: "style", for: ["production"], demand: { sort: "check", check: "style" } }]);
  expect(reported).toContain("check style: it failed, and may: the bake goes on");
  expect(manifest.attestations?.map(({ check }) => check)).toEqual(["crash", "fine", "gone", "slow"]);
  expect(statements.map(({ predicate }) => predicate["result"])).toEqual(["FAILED", "PASSED", "FAILED", "FAILED"]);
  expect(statements[3]?.predicate).toMatchObject({ passedTests: ["s > a"], failedTests: ["s > b"] });
});

test("a required check that fails ends the bake; a report that says failed attests so", async () => {
  expect(await failure(bakeWith("checks: [{ name: unit, run: 'false' }]"))).toMatch(/^STEP_FAILED: check: unit/);
  const { statements } = await bakeWith("checks: [{ name: unit, run: cp bad.xml out.xml, report: out.xml }]");
  expect(statements[0]?.predicate["result"]).toBe("FAILED");
});

test.each([
  ["isn't written", "true", /^ARTIFACT_INVALID: check unit: got no out\.xml after it/],
  ["is cut off", "echo '<testsuites' > out.xml", /^REPORT_INVALID: check unit: out\.xml: line \d/],
  ["is another report", "echo '<coverage/>' > out.xml", /^REPORT_INVALID: .*got XML of <coverage>, want JUnit/],
  ["is a folder", "mkdir out.xml", /^REPORT_INVALID: out\.xml: got something else than a regular file/],
  ["is a link out of the source", "ln -s /etc/passwd out.xml", /^ARTIFACT_INVALID: check unit: got a link out of/],
])("a check that passed and whose report %s is refused", async (_, run, message) => {
  expect(await failure(bakeWith(`checks: [{ name: unit, run: ${JSON.stringify(run)}, report: out.xml }]`))).toMatch(
    message,
  );
});

test("a gate that the report can't answer is refused by the bake, which names what it has", async () => {
  const gate = (rest: string) => bakeWith(`gates: [{ name: ratchet, report: coverage, ${rest} }]`);
  expect(await failure(gate("number: branches, at-least: 1"))).toBe(
    "ARTIFACT_INVALID: gate ratchet: got no branches in the report coverage, which is lcov and has lines",
  );
  expect(await failure(gate("severity: high"))).toContain("got no findings in the report coverage");
  const { manifest } = await gate("number: lines, not-below: { channel: staging }");
  expect(manifest.gates).toEqual([
    {
      name: "ratchet",
      demand: {
        sort: "number",
        report: "coverage",
        number: "lines",
        bound: "least",
        than: { channel: "staging", tolerance: 0 },
      },
    },
  ]);
});

test("a check that ends in two ways in two bakes isn't reproducible", async () => {
  const flaky = `test "$(date +%Y)" = "$(date -d @$SOURCE_DATE_EPOCH +%Y)"`;
  expect(
    await failure(bakeWith(`checks: [{ name: flaky, run: ${JSON.stringify(flaky)}, required: false }]`, "twice")),
  ).toMatch(/^NOT_REPRODUCIBLE: check flaky: it passed and then failed/);
});

test("in a matrix, checks, reports, gates and attestations are each cell's own", async () => {
  const { manifest } = await bakeWith(
    `matrix: { node: ["22", "24"] }
checks: [{ name: unit, run: cp good.xml out.xml, report: out.xml, required: false }]
gates: [{ name: floor, report: coverage, number: lines, at-least: 70 }, { name: tests, check: unit }]`,
  );
  expect(manifest.checks).toEqual({ "unit-22": "passed", "unit-24": "passed" });
  expect(manifest.gates?.map(({ name, demand }) => [name, Object.values(demand).slice(1, 2)])).toEqual([
    ["floor-22", ["coverage-22"]],
    ["floor-24", ["coverage-24"]],
    ["tests-22", ["unit-22"]],
    ["tests-24", ["unit-24"]],
  ]);
  expect(manifest.attestations).toMatchObject([
    { check: "unit-22", artifacts: ["app-22", "coverage-22"] },
    { check: "unit-24", artifacts: ["app-24", "coverage-24"] },
  ]);
});
