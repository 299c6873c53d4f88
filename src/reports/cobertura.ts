// Cobertura XML: coverage.py, c8, nyc, gcovr, cargo-llvm-cov and many others write it. The numbers are those of the root
// element: counts where it has them, else rates. Its `timestamp` is written over.

import { percent, type ReadReport, reportInvalid, withoutFolder, type XmlFormat } from "./report.ts";
import { readXml, rewriteXml } from "./xml.ts";

export const cobertura: XmlFormat = {
  sort: "xml",
  name: "cobertura",
  isRoot: (name, attributes) => name === "coverage" && "line-rate" in attributes,
  read(text, context): ReadReport {
    const { where, folder, time } = context;
    let root: Readonly<Record<string, string>> | undefined;
    readXml(text, where, { open: (_, attributes) => (root ??= attributes) });
    const still = (element: string, attribute: string) =>
      element === "coverage" && attribute === "timestamp" ? String(time * 1000) : undefined;
    return { numbers: numbersOf(root ?? {}, where), unit: "%", text: withoutFolder(rewriteXml(text, still), folder) };
  },
};

function numbersOf(root: Readonly<Record<string, string>>, where: string): Record<string, number> {
  const lines = rateOf(root, "line", where);
  if (lines === undefined) throw reportInvalid(where, "got no line-rate in <coverage>, want how much is covered");
  // Without branches to cover there is no number: 100 would be a promise.
  const hasBranches = root["branches-valid"] === undefined || Number(root["branches-valid"]) > 0;
  const branches = hasBranches ? rateOf(root, "branch", where) : undefined;
  return { lines, ...(branches === undefined ? {} : { branches }) };
}

function rateOf(root: Readonly<Record<string, string>>, what: "line" | "branch", where: string): number | undefined {
  const plural = what === "line" ? "lines" : "branches";
  const covered = countOf(root[`${plural}-covered`]);
  const total = countOf(root[`${plural}-valid`]);
  if (covered !== undefined && total !== undefined && covered <= total) return percent(covered, total);
  const written = root[`${what}-rate`];
  if (written === undefined) return undefined;
  const rate = /^[0-9.eE+-]+$/.test(written) ? Number(written) : NaN;
  if (!(rate >= 0 && rate <= 1)) {
    throw reportInvalid(where, `${what}-rate: got ${JSON.stringify(written.slice(0, 40))}, want a number from 0 to 1`);
  }
  // 0.57 is 0.569999… in binary.
  return Math.floor(rate * 10_000 + 1e-6) / 100;
}

function countOf(written: string | undefined): number | undefined {
  return written !== undefined && /^[0-9]{1,12}$/.test(written) ? Number(written) : undefined;
}
