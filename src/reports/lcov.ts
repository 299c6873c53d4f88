// LCOV's tracefiles (geninfo(1)): c8, nyc, gcov, Node's own coverage. Sums over all records of what they found and hit; without
// the sums of a record (LF, LH), its lines are counted. A record that isn't ended was cut off.

import { type LineFormat, percent, reportInvalid, withoutFolder } from "./report.ts";

export const lcov: LineFormat = {
  sort: "lines",
  name: "lcov",
  begins: /^(?:TN:[^\n]*\r?\n)?\s*(?:TN|SF):/,
  read(text, { where, folder }) {
    const sums = { LF: 0, LH: 0, BRF: 0, BRH: 0, FNF: 0, FNH: 0 };
    let record: Map<string, number> | undefined;
    for (const [at, line] of text.split(/\r?\n/).entries()) {
      const [, key = "", rest = ""] = /^([A-Z]+):(.*)$/.exec(line) ?? [];
      if (line === "end_of_record") {
        if (record === undefined) throw reportInvalid(where, `line ${at + 1}: got an end without a record`);
        add(sums, record);
        record = undefined;
      } else if (key === "SF") record = new Map();
      else if (record !== undefined && key in sums) record.set(key, countOf(rest, { where, at }));
      else if (record !== undefined && key === "DA") countLine(record, rest, { where, at });
      else if (line !== "" && !line.startsWith("#") && !known.has(key)) {
        throw reportInvalid(where, `line ${at + 1}: got ${JSON.stringify(line.slice(0, 60))}, want a line of LCOV`);
      }
    }
    if (record !== undefined) throw reportInvalid(where, "got a record without its end: the file was cut off");
    return {
      numbers: {
        lines: percent(sums.LH, sums.LF),
        ...(sums.BRF === 0 ? {} : { branches: percent(sums.BRH, sums.BRF) }),
        ...(sums.FNF === 0 ? {} : { functions: percent(sums.FNH, sums.FNF) }),
      },
      unit: "%",
      text: withoutFolder(text, folder),
    };
  },
};

const known = new Set("TN VER FN FNDA FNL FNA BRDA MCDC MCF MCH BRF BRH FNF FNH LF LH DA".split(" "));

interface Place {
  readonly where: string;
  readonly at: number;
}

function countOf(text: string, { where, at }: Place): number {
  if (/^[0-9]{1,12}$/.test(text)) return Number(text);
  throw reportInvalid(where, `line ${at + 1}: got ${JSON.stringify(text.slice(0, 60))}, want a count`);
}

/** `DA:line,hits[,checksum]`, under names that no key has. */
function countLine(record: Map<string, number>, rest: string, place: Place): void {
  const [, hits = rest] = /^[0-9]+,(-?[0-9]+)(?:,.*)?$/.exec(rest) ?? [];
  // Some tools write a negative number of hits for lines that were hit too often to count.
  const hit = Number(hits.startsWith("-") ? hits.slice(1) : countOf(hits, place));
  record.set("lines", (record.get("lines") ?? 0) + 1);
  if (hit > 0) record.set("linesHit", (record.get("linesHit") ?? 0) + 1);
}

function add(sums: Record<"LF" | "LH" | "BRF" | "BRH" | "FNF" | "FNH", number>, record: Map<string, number>): void {
  const found = record.get("LF") ?? record.get("lines") ?? 0;
  const hit = record.get("LH") ?? record.get("linesHit") ?? 0;
  sums.LF += found;
  sums.LH += Math.min(found, hit);
  for (const key of ["BRF", "BRH", "FNF", "FNH"] as const) sums[key] += record.get(key) ?? 0;
}
