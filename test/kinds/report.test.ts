import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { KilnError } from "../../src/errors.ts";
import { makeProject } from "../bake/made-project.ts";
import { samples } from "../reports/samples.ts";

async function make(artifact: string, build: string, files: Readonly<Record<string, string>> = {}) {
  const recipe = `build: [${JSON.stringify(build)}]\nartifacts: { scan: ${artifact} }\n`;
  const { folder, manifest } = await makeProject({ recipe, files }).bake();
  const [made] = manifest.artifacts;
  if (made === undefined) throw new Error("no artifact");
  return { artifact: made, bytes: readFileSync(join(folder, made.file)) };
}

async function failure(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof KilnError) return `${error.code}: ${error.message}`;
  throw new Error(`got ${String(error)}, want a KilnError`);
}

const node = samples["JUnit of Node"]!;

test("report: in a format that is known, its numbers stand in the record, and no clock or folder in the file", async () => {
  const { artifact, bytes } = await make(
    "{ kind: report, from: out/junit.xml }",
    "mkdir out && cp given.xml out/junit.xml",
    {
      "given.xml": node.text,
    },
  );
  expect(artifact).toMatchObject({
    file: "sample-scan-1.2.3.xml",
    kind: "report",
    platform: "any",
    record: { format: "junit", numbers: { tests: 3, passed: 1, failed: 1, skipped: 1 } },
  });
  expect(bytes.toString()).toContain('time="0" classname="test" file="test/a.test.js"');
  expect(bytes.toString()).not.toContain("duration_ms");
});

test("report: any other file is kept byte by byte; so is a known one, if the recipe says so", async () => {
  const page = await make("{ kind: report, from: page }", "head -c 100000 /dev/zero > page");
  expect(page.artifact).toMatchObject({ file: "sample-scan-1.2.3", size: 100_000, record: { format: "other" } });
  const kept = await make("{ kind: report, from: given.xml, format: other }", "true", { "given.xml": node.text });
  expect(kept.artifact.record).toEqual({ format: "other" });
  expect(kept.bytes.toString()).toBe(node.text);
  expect(createHash("sha256").update(kept.bytes).digest("hex")).toBe(kept.artifact.sha256);
});

test("report: a named format must be that", async () => {
  const files = { "given.xml": node.text };
  expect(
    (await make("{ kind: report, from: given.xml, format: junit }", "true", files)).artifact.record["format"],
  ).toBe("junit");
  expect(await failure(make("{ kind: report, from: given.xml, format: cobertura }", "true", files))).toMatch(
    /^REPORT_INVALID: given\.xml: got XML of <testsuites>, want cobertura/,
  );
});

test.each([
  ["no file", "true", /^ARTIFACT_INVALID: scan: got no r\.xml after the build/],
  ["an empty file", "touch r.xml", /^ARTIFACT_INVALID: scan: got an empty file at r\.xml/],
  ["a folder", "mkdir r.xml", /^ARTIFACT_INVALID: scan: got no regular file at r\.xml/],
  ["a named pipe", "mkfifo r.xml", /^ARTIFACT_INVALID: scan: got no regular file at r\.xml/],
  ["a link out of the source", "ln -s /etc/passwd r.xml", /^ARTIFACT_INVALID: scan: got a link out of the source/],
  ["XML that was cut off", "echo '<testsuites><testsuite' > r.xml", /^REPORT_INVALID: r\.xml: line \d: .*well-formed/],
  [
    "more than can be read",
    "(echo '<a>'; head -c 40000000 /dev/zero) > r.xml",
    /^REPORT_INVALID: r\.xml: got 40000004 /,
  ],
])("report: %s is refused", async (_, build, message) => {
  expect(await failure(make("{ kind: report, from: r.xml }", build))).toMatch(message);
});

test("report: a large file that is no report is kept", async () => {
  const { artifact } = await make("{ kind: report, from: film }", "head -c 40000000 /dev/zero > film");
  expect(artifact).toMatchObject({ size: 40_000_000, record: { format: "other" } });
});

test("report: a tool's times and the build's folder don't make two bakes differ; what it found does", async () => {
  const build = (text: string) => `printf '${text}' "$(date +%s)" "$PWD" > r.json`;
  const twice = (text: string) =>
    makeProject({
      recipe: `build: [${JSON.stringify(build(text))}]\nartifacts: { scan: { kind: report, from: r.json } }\n`,
    }).bake({ check: "twice" });
  const { manifest } = await twice('{"SchemaVersion":2,"CreatedAt":"%s","ArtifactName":"%s","Results":null}');
  expect(manifest.artifacts[0]?.record).toMatchObject({ format: "trivy", numbers: { findings: 0 } });
  expect(await failure(twice('{"SchemaVersion":2,"ArtifactName":"%s","Other":"%s"}'))).toMatch(
    /^NOT_REPRODUCIBLE: scan \(sample-scan-1\.2\.3\.json\): .*differs from byte \d+ \(line 3\)/,
  );
});
