// Auditing a long log: a whole `kiln audit` against verifying as many P-256 signatures with node:crypto on the same cores.
// The log has two releases and a channel that moves between them: a signature a leaf, few other objects to read.

import { join } from "node:path";

import { buildLog } from "./long-log.ts";
import { absolute, alternate, peakMemory, type Run } from "./measure.ts";
import type { Line, Row } from "./row.ts";

const leaves = 100_000;

export const audit: Row = {
  name: "audit",
  async run(bench) {
    const { folder, program } = bench;
    const small = await buildLog(bench, { name: "small", leaves });
    const large = await buildLog(bench, { name: "large", leaves: 3 * leaves });
    const auditOf = ({ store, trust }: { store: string; trust: string }): Run =>
      program.kiln(["audit", "--quiet", "--store", store, "--trust", trust]);
    const peer: Run = {
      argv: [
        process.execPath,
        join(import.meta.dirname, "verify-signatures.ts"),
        join(folder, "signatures"),
        `${leaves}`,
      ],
      env: program.env,
    };
    const pairs = await alternate({ kiln: auditOf(small), peer, times: 5 });
    const memory = await peakMemory(auditOf(small), 3);
    const more = await peakMemory(auditOf(large), 3);
    const lines: Line[] = [
      {
        what: "audit of 100,000 leaves: its rate over that of verifying as many P-256 signatures",
        bar: { sense: "≥", limit: 0.8, unit: "×" },
        values: pairs.map((pair) => pair.peer / pair.kiln),
        detail: absolute(pairs, "node:crypto"),
      },
      {
        what: "its peak memory at 300,000 leaves over that at 100,000",
        bar: { sense: "≤", limit: 1.5, unit: "×" },
        values: more.map((peak, place) => peak / (memory[place] ?? Number.NaN)),
        detail: `${Math.max(...memory).toFixed(0)} MB, ${Math.max(...more).toFixed(0)} MB`,
      },
    ];
    return lines;
  },
};
