// `npm run bench`: what Kiln costs over what it can't do without. Every figure is taken against a peer in the same run, in
// turns; a bar is held against the median. Words after `--` choose rows: `npm run bench -- publish deploy`.
// Inputs are made in a temporary folder (KILN_BENCH_FOLDER chooses where it lies) and removed.

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";

import { apt, aptSizes } from "./bench/apt.ts";
import { auditPool } from "./bench/audit-pool.ts";
import { audit } from "./bench/audit.ts";
import { archive, cached } from "./bench/bake.ts";
import { deploy } from "./bench/deploy.ts";
import { byKind } from "./bench/kinds.ts";
import { median } from "./bench/measure.ts";
import { installProgram } from "./bench/program.ts";
import { publish } from "./bench/publish.ts";
import type { Bar, Line, Row } from "./bench/row.ts";
import { s3Rate } from "./bench/s3-rate.ts";
import { s3Large, s3Requests } from "./bench/s3.ts";
import { base, sandbox } from "./bench/sandbox.ts";
import { unmoved, version } from "./bench/start.ts";
import { yum } from "./bench/yum.ts";

const rows: readonly Row[] = [
  version,
  unmoved,
  cached,
  archive,
  byKind,
  sandbox,
  base,
  publish,
  deploy,
  apt,
  aptSizes,
  yum,
  s3Rate,
  s3Requests,
  s3Large,
  audit,
  auditPool,
];

/** Names, or parts of them. */
const wanted = process.argv.slice(2);
const unknown = wanted.filter((word) => !rows.some(({ name }) => name.includes(word)));
if (unknown.length > 0) {
  console.error(`bench: got ${unknown.join(", ")}, want ${rows.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

const folder = await mkdtemp(join(process.env["KILN_BENCH_FOLDER"] ?? tmpdir(), "kiln-bench-"));
try {
  console.error(`builds and installs Kiln in ${folder}`);
  const program = await installProgram(folder);
  const lines: Line[] = [];
  console.log(`| what | bar | median (min–max) | | |\n|---|---|---|---|---|`);
  for (const { name, run } of rows.filter(isWanted)) {
    console.error(`measures ${name}`);
    const own = join(folder, name);
    await mkdir(own);
    const measured = await run({ folder: own, program });
    for (const line of measured) console.log(shown(line));
    lines.push(...measured);
    await rm(own, { recursive: true, force: true });
  }
  console.log(`\n${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)}, Node ${process.versions.node}`);
  process.exitCode = lines.every(isPassed) ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

function isWanted({ name }: Row): boolean {
  const isName = (word: string) => rows.some((row) => row.name === word);
  return wanted.length === 0 || wanted.some((word) => (isName(word) ? name === word : name.includes(word)));
}

function shown(line: Line): string {
  const { what, bar, values, detail } = line;
  const range = `${number(Math.min(...values), bar)}–${number(Math.max(...values), bar)}`;
  const measured = `${number(median(values), bar)} ${bar.unit} (${range})`;
  return `| ${what} | ${bar.sense} ${bar.limit} ${bar.unit} | ${measured} | ${isPassed(line) ? "pass" : "MISS"} | ${detail} |`;
}

function isPassed({ bar, values }: Line): boolean {
  return bar.sense === "≤" ? median(values) <= bar.limit : median(values) >= bar.limit;
}

function number(value: number, { unit }: Bar): string {
  return value.toFixed(unit === "×" ? 2 : unit === "a second" ? 1 : 0);
}
