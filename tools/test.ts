// Runs one suite (`unit`: test/ without acceptance/; `acceptance`: only that) and ends with `N passed, N failed` on a line
// of its own. A file that doesn't load, an error outside any test, a crash of the runner and an empty suite all count as failed.
// Arguments after the suite go to vitest: `npm test -- test/log`.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Report {
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/** Milliseconds. */
const limits = { unit: 25 * 60_000, acceptance: 75 * 60_000 };

const [suite, ...rest] = process.argv.slice(2);
if (suite !== "unit" && suite !== "acceptance") {
  console.error("usage: node tools/test.ts unit|acceptance [vitest arguments]");
  process.exit(2);
}

const folder = await mkdtemp(join(tmpdir(), "kiln-test-report-"));
try {
  const report = join(folder, "report.json");
  const status = await runVitest(suite, report, rest);
  const { passed, failed, skipped } = count(await readReport(report), status);
  if (skipped > 0) console.log(`${skipped} skipped`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function runVitest(name: keyof typeof limits, report: string, extra: readonly string[]): Promise<number> {
  const vitest = join(import.meta.dirname, "../node_modules/vitest/vitest.mjs");
  const flags = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const child = spawn(process.execPath, [vitest, ...flags, ...extra], {
    cwd: join(import.meta.dirname, ".."),
    env: { ...process.env, KILN_TEST_SUITE: name },
    stdio: ["ignore", "inherit", "inherit"],
    // A group of its own, so that it can be ended with all its workers.
    detached: true,
  });
  const endAll = (signal: NodeJS.Signals): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => endAll(signal));
  // A test that never gives back its worker is beyond the runner's own time limits.
  const limit = setTimeout(() => {
    console.error(`the suite took longer than ${limits[name] / 60_000} minutes and was ended`);
    endAll("SIGKILL");
  }, limits[name]);
  const [code] = (await once(child, "exit")) as [number | null];
  clearTimeout(limit);
  return code ?? 1;
}

async function readReport(path: string): Promise<Report> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Report;
  } catch (error) {
    console.error(`the test runner left no report: ${String(error)}`);
    return { testResults: [] };
  }
}

function count(report: Report, status: number): { passed: number; failed: number; skipped: number } {
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const having = (wanted: string): number => tests.filter((test) => test.status === wanted).length;
  const broken = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  const passed = having("passed");
  const failed = having("failed") + broken.length;
  const silentFailure = failed === 0 && (status !== 0 || passed === 0);
  return { passed, failed: silentFailure ? 1 : failed, skipped: tests.length - passed - having("failed") };
}
