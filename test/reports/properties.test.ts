// Whatever a build wrote where a report should be: a report, no report, or one clear error; never anything else, and soon.

import * as fc from "fast-check";
import { expect, test } from "vitest";

import { isKilnError } from "../../src/errors.ts";
import { formats, readReport, readReportAs } from "../../src/reports/formats.ts";
import { context, samples } from "./samples.ts";

const all = Object.values(samples);
const where = fc.constantFrom("r.xml", "r.json", "r.sarif", "r.info", "r");

function tryToRead(bytes: Uint8Array, name: string): void {
  const attempts = [
    () => readReport(bytes, { ...context, where: name }),
    ...formats.map((format) => () => readReportAs(format.name, bytes, { ...context, where: name })),
  ];
  for (const attempt of attempts) {
    try {
      const found = attempt();
      for (const number of Object.values(found?.numbers ?? {})) {
        expect(Number.isFinite(number) && number >= 0).toBe(true);
      }
    } catch (error) {
      if (!isKilnError(error, "REPORT_INVALID")) throw error;
      expect(error.message.length).toBeLessThan(600);
      expect(error.message).not.toContain("\n");
    }
  }
}

test("any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), where, tryToRead));
});

test("any JSON", () => {
  const known = fc.constantFrom(
    ..."total meta totals runs version SchemaVersion Results matches descriptor auditReportVersion vulnerabilities".split(
      " ",
    ),
    ..."advisories metadata dependencies fixes results lines statements num_statements __proto__ constructor".split(
      " ",
    ),
  );
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, 0, -1, 1e308, "grype", "2.1.0", 2),
      fc.string(),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.oneof(known, fc.string()), tie("value"), { maxKeys: 4 }),
    ),
  }));
  fc.assert(fc.property(value, where, (it, name) => tryToRead(Buffer.from(JSON.stringify(it)), name)));
});

test("any of them cut off, and with a piece of it changed, doubled or left out", () => {
  const sample = fc.constantFrom(...all.map(({ text, file }) => ({ text, file })));
  const piece = fc.tuple(
    fc.nat(4000),
    fc.nat(60),
    fc.constantFrom("", '"', "<", ">", "{", "]", "0", "-", "\u0000", "é"),
  );
  fc.assert(
    fc.property(sample, piece, fc.boolean(), ({ text, file }, [from, length, by], isDoubled) => {
      const at = from % text.length;
      const cut = text.slice(at, at + length);
      tryToRead(Buffer.from(text.slice(0, at) + by + (isDoubled ? cut + cut : "") + text.slice(at + length)), file);
      tryToRead(Buffer.from(text.slice(0, at)), file);
    }),
    { numRuns: 300 },
  );
});

test("a long hostile text takes no longer than a report", () => {
  const texts = [
    `<testsuite ${"a=b ".repeat(50_000)}`,
    `<testsuite>${"<testcase a='".repeat(50_000)}`,
    `<testsuite>${"<!--".repeat(100_000)}`,
    `<testsuite ${" ".repeat(500_000)}x`,
    `<testsuite>${'<testcase x="1" '.repeat(20_000)}</testsuite>`,
    `SF:${"\n".repeat(500_000)}`,
    `mode: set\n${"a:1.1,1.1 ".repeat(100_000)}`,
    "[".repeat(500_000),
    `{"SchemaVersion":2,"Results":[${'{"Secrets":null},'.repeat(50_000)}{}]}`,
  ];
  for (const text of texts) {
    const start = performance.now();
    for (const name of ["r.xml", "r.json"]) {
      try {
        readReport(Buffer.from(text), { ...context, where: name });
      } catch (error) {
        if (!isKilnError(error, "REPORT_INVALID")) throw error;
      }
    }
    expect(performance.now() - start, text.slice(0, 40)).toBeLessThan(4000);
  }
});
