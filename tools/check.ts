// Everything that is checked without running the program: types, lint, format, generated documents, unused code, the lock
// file. A line each with its time, the output of what failed, and in the end `N passed, N failed`.

import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

interface Check {
  readonly title: string;
  /** What is wrong; empty when nothing is. */
  readonly run: () => Promise<string>;
}

const root = join(import.meta.dirname, "..");

const checks: readonly Check[] = [
  { title: "types (tsc)", run: () => tool("tsc", "-p", ".") },
  { title: "lint (oxlint)", run: () => tool("oxlint", "--type-aware", "--deny-warnings") },
  { title: "format (oxfmt)", run: () => tool("oxfmt", "--list-different") },
  { title: "generated documents are current", run: () => execute(process.execPath, ["tools/docs.ts", "--check"]) },
  { title: "nothing unused (knip)", run: () => tool("knip", "--no-progress") },
  { title: "lock files name no registry", run: checkLocks },
];

let failed = 0;
for (const { title, run } of checks) {
  const start = performance.now();
  const problems = await run();
  const time = `${((performance.now() - start) / 1000).toFixed(1)} s`;
  console.log(`${problems === "" ? "✓" : "✗"} ${title}  ${time}`);
  if (problems === "") continue;
  failed++;
  console.log(problems.replace(/^/gm, "    "));
}
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function tool(name: string, ...args: readonly string[]): Promise<string> {
  return execute(join(root, "node_modules/.bin", name), args);
}

/** Empty when the program ends with 0, else what it printed. */
async function execute(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const pieces: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece: Buffer) => pieces.push(piece));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return status === 0 ? "" : `${Buffer.concat(pieces).toString().trimEnd()}\nexit status ${status}`;
}

/** Addresses would tie the checkout to the machine that made the lock file; integrity hashes say what is fetched. */
async function checkLocks(): Promise<string> {
  const problems = await Promise.all(["package-lock.json", "registry/package-lock.json"].map(checkLock));
  return problems.flat().join("\n");
}

async function checkLock(path: string): Promise<string[]> {
  const lock = JSON.parse(await readFile(join(root, path), "utf8")) as {
    packages: Record<string, { resolved?: string; integrity?: string; link?: boolean }>;
  };
  return Object.entries(lock.packages)
    .filter(([place, { link }]) => place.startsWith("node_modules/") && !link)
    .flatMap(([place, { resolved, integrity }]) => [
      ...(resolved === undefined ? [] : [`${path}: ${place}: got resolved ${resolved}, want none`]),
      ...(integrity === undefined ? [`${path}: ${place}: got no integrity`] : []),
    ]);
}
