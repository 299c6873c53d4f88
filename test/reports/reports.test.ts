// Reports as tools write them: which format they are in, which numbers they say, and what of a clock or a folder is left.

import { expect, test } from "vitest";

import { readReport } from "../../src/reports/formats.ts";
import { readTestResults } from "../../src/reports/junit.ts";
import { context, read, samples } from "./samples.ts";

test.each(Object.entries(samples))("%s: it is told from its content, and its numbers are these", (_, sample) => {
  const { format, numbers, unit } = read(sample.text, sample.file);
  expect({ format, numbers }).toEqual({ format: sample.format, numbers: sample.numbers });
  expect(unit).toBe("lines" in sample.numbers || "statements" in sample.numbers ? "%" : undefined);
});

test.each(Object.entries(samples))(
  "%s: another clock, another folder and the same results are the same bytes",
  (_, sample) => {
    const once = read(sample.text, sample.file);
    const again = readReport(Buffer.from(sample.again), {
      ...context,
      where: sample.file,
      folder: "/elsewhere/and/deeper",
    });
    expect(sample.again).not.toBe(sample.text);
    expect(again?.text).toBe(once.text);
    expect(once.text).not.toMatch(/\/build\/source|2026-01-1[0-9]|17680/);
    // What is kept is read as what it was.
    expect(read(once.text, sample.file)).toEqual(once);
  },
);

test("test results: names by class, by suite, each once and sorted; a failure of any run counts", () => {
  const { passed, warned, failed, counts } = readTestResults(
    `<testsuites><testsuite name="outer"><testsuite name="inner"><testcase name="b"/></testsuite>
       <testcase name="a" classname="test"/><testcase name="twice"><flakyFailure/></testcase></testsuite>
     <testsuite><testcase name="x" classname="C"/><testcase name="x" classname="C"><error/></testcase>
       <testcase name="s"><skipped/></testcase></testsuite></testsuites>`,
    "junit.xml",
  );
  expect({ passed, warned, failed }).toEqual({
    passed: ["outer > a", "outer > inner > b"],
    warned: ["outer > twice"],
    failed: ["C.x"],
  });
  expect(counts).toEqual({ tests: 6, passed: 4, failed: 1, skipped: 1 });
});

test.each([
  ["a page", "<!DOCTYPE html><html><p>coverage 90 %<br></html>", "index.html"],
  ["XML of something else", "<project/>", "pom.xml"],
  ["JSON of something else", '{"name":"x"}', "package.json"],
  ["a list", "[1,2]", "list.json"],
  ["text", "all is well\n", "report.txt"],
  ["text in brackets", "[ok] all is well\n", "report.txt"],
  ["bytes", "\u0000\u0001", "report.bin"],
])("%s is no report", (_, text, where) => {
  expect(readReport(Buffer.from(text), { ...context, where })).toBeUndefined();
});

test("bytes that aren't UTF-8 are no report", () => {
  expect(readReport(Buffer.from([0x7b, 0xff, 0xfe]), { ...context, where: "x.json" })).toBeUndefined();
});

const bomb = `<!DOCTYPE t [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>`;
const outside = `<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite name="&x;"/>`;

test.each([
  ["XML that was cut off", "<testsuites><testsuite><testcase", "junit.xml", /well-formed/],
  ["XML with the wrong end", "<testsuite><testcase></testsuite>", "junit.xml", /line 1: .*well-formed/],
  ["XML after the end", "<testsuite/><testsuite/>", "junit.xml", /well-formed/],
  ["an entity of its own", bomb, "junit.xml", /declarations in the document type/],
  ["an entity from outside", outside, "junit.xml", /declarations in the document type/],
  ["an entity that nobody declared", '<testsuite name="&nbsp;"/>', "junit.xml", /well-formed/],
  ["XML nested without end", "<testsuite>".repeat(300), "junit.xml", /nested more than 200 deep/],
  ["an attribute without end", `<testsuite name="${"x".repeat(3_000_000)}"/>`, "junit.xml", /well-formed: Max buffer/],
  [
    "attributes without end",
    `<testsuite ${Array.from({ length: 2000 }, (_, at) => `a${at}="1"`).join(" ")}/>`,
    "junit.xml",
    /more than 1000 attributes/,
  ],
  ["a rate above 1", '<coverage line-rate="1.5"/>', "cobertura.xml", /want a number from 0 to 1/],
  ["a rate that is none", '<coverage line-rate="NaN"/>', "cobertura.xml", /want a number from 0 to 1/],
  ["JSON that was cut off", '{"total": {"lines"', "coverage.json", /isn't JSON/],
  ["a total that is none", '{"total":{"lines":{"total":"all"},"statements":1}}', "c.json", /total\.lines\.total: /],
  [
    "a negative count",
    '{"total":{"lines":{"total":-1,"covered":0},"statements":1}}',
    "c.json",
    /total\.lines\.total: /,
  ],
  ["SARIF without results", '{"version":"2.1.0","runs":[{"tool":{"driver":{}}}]}', "s.sarif", /runs\.0\.results/],
  [
    "SARIF of a scan that failed",
    '{"version":"2.1.0","runs":[{"tool":{"driver":{}},"invocations":[{"executionSuccessful":false}],"results":[]}]}',
    "s.sarif",
    /runs\.0: got a run that failed/,
  ],
  ["SARIF of another version", '{"version":"2.0.0","runs":[]}', "s.sarif", /version/],
  [
    "JSON nested without end",
    `{"SchemaVersion":2,"Results":null,"x":${"[".repeat(500)}${"]".repeat(500)}}`,
    "t.json",
    /200 deep/,
  ],
  ["a tracefile that was cut off", "TN:\nSF:a.js\nDA:1,1\n", "lcov.info", /cut off/],
  ["a tracefile with garbage", "SF:a.js\nwhat\nend_of_record\n", "lcov.info", /line 2: got "what"/],
  ["a tracefile with a count that is none", "SF:a.js\nLF:x\nend_of_record\n", "lcov.info", /want a count/],
  ["a profile with garbage", "mode: set\nx\n", "cover.out", /line 2/],
])("%s is one clear error", (_, text, where, message) => {
  expect(() => readReport(Buffer.from(text), { ...context, where })).toThrow(
    expect.objectContaining({ code: "REPORT_INVALID", message: expect.stringMatching(message) }),
  );
});

test("attributes and texts of any length, and thousands of escapes, are read", () => {
  const message = "x&lt;&#10;".repeat(40_000);
  const text = `<testsuite><testcase name="a"><failure message="${message}">${message}</failure></testcase></testsuite>`;
  expect(read(text, "junit.xml").numbers).toMatchObject({ tests: 1, failed: 1 });
});

test("markup that looks like an attribute is left alone", () => {
  const inner = `<![CDATA[<testcase time="5"> <!-- kept -->]]>`;
  const text = `<?xml version="1.0"?><testsuite time='7'><!-- <testcase time="9"/> --><testcase name="time=&quot;3&quot;" time = "4"><system-out>${inner} time="6"</system-out></testcase></testsuite>`;
  expect(read(text, "junit.xml").text).toBe(
    `<?xml version="1.0"?><testsuite time="0"><testcase name="time=&quot;3&quot;" time = "0"><system-out>${inner} time="6"</system-out></testcase></testsuite>`,
  );
});
