// Coverage as JSON: Istanbul's summary (nyc, c8, jest, vitest: `json-summary`) and coverage.py's (`coverage json`), whose
// timestamp is written over.

import { z } from "zod";

import { expectShape, hasMembers, replaceMembers } from "./json.ts";
import { type JsonFormat, percent } from "./report.ts";

const count = z.int().nonnegative();
const counted = z.object({ total: count, covered: count });
const summary = z.object({
  total: z.object({ lines: counted, statements: counted, functions: counted, branches: counted }),
});

export const istanbul: JsonFormat = {
  sort: "json",
  name: "istanbul",
  isOne: (value) => hasMembers(value, "total") && hasMembers(value["total"], "lines", "statements"),
  read(value, { where }) {
    const { total } = expectShape(summary, value, where);
    const numbers: Record<string, number> = { lines: percent(total.lines.covered, total.lines.total) };
    for (const name of ["statements", "functions", "branches"] as const) {
      if (total[name].total > 0) numbers[name] = percent(total[name].covered, total[name].total);
    }
    return { numbers, unit: "%", value };
  },
};

const totals = z.object({
  covered_lines: count,
  num_statements: count,
  percent_covered: z.number().min(0).max(100),
  num_branches: count.optional(),
  covered_branches: count.optional(),
});

export const coveragePy: JsonFormat = {
  sort: "json",
  name: "coverage-py",
  isOne: (value) => hasMembers(value, "meta", "totals") && hasMembers(value["totals"], "num_statements"),
  read(value, { where, time }) {
    const { totals: all } = expectShape(z.object({ totals }), value, where);
    const meta = hasMembers(value, "meta") ? value["meta"] : undefined;
    const { num_branches: branches = 0, covered_branches: covered = 0 } = all;
    const numbers = {
      lines: percent(all.covered_lines, all.num_statements),
      ...(branches === 0 ? {} : { branches: percent(covered, branches) }),
      /** As coverage.py itself weighs lines and branches. */
      total: Math.floor(all.percent_covered * 100 + 1e-6) / 100,
    };
    const timestamp = new Date(time * 1000).toISOString().slice(0, 19);
    return { numbers, unit: "%", value: replaceMembers(value, { meta: replaceMembers(meta, { timestamp }) }) };
  },
};
