// The stock implementations' own comparisons, each asked about many pairs in one process: -1, 0 or 1 for each.

import { execFile, spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";

import semver from "semver";

export type Pair = readonly [string, string];

export function npmOrders(pairs: readonly Pair[]): Promise<number[]> {
  return Promise.resolve(pairs.map(([one, other]) => semver.compare(one, other)));
}

export async function dpkgOrders(pairs: readonly Pair[]): Promise<number[]> {
  const script =
    'while [ $# -gt 0 ]; do if dpkg --compare-versions "$1" lt "$2"; then echo -1; ' +
    'elif dpkg --compare-versions "$1" eq "$2"; then echo 0; else echo 1; fi; shift 2; done';
  const { stdout, stderr } = await promisify(execFile)("sh", ["-c", script, "sh", ...pairs.flat()]);
  // A version that dpkg takes for a bad one is a warning here.
  if (stderr !== "") throw new Error(stderr);
  return numbers(stdout);
}

/** Of `EPOCH:VERSION-RELEASE`. */
export async function rpmOrders(pairs: readonly Pair[]): Promise<number[]> {
  const say = "io.stdout:write(rpm.vercmp(one, io.read()), string.char(10))";
  const macro = `%{lua: local one = io.read() while one do ${say} one = io.read() end}`;
  return await ask(["rpm", "--eval", macro], pairs.map((pair) => `${pair.join("\n")}\n`).join(""));
}

/** Debian's own Python and packages: whatever else is called python3 here may lack them. */
export async function pythonOrders(pairs: readonly Pair[]): Promise<number[]> {
  const program = [
    "import json, sys",
    "from packaging.version import Version",
    "for one, other in json.load(sys.stdin):",
    "    a, b = Version(one), Version(other)",
    // In its normal form already.
    "    assert str(a) == one and str(b) == other, (one, other)",
    "    print((a > b) - (a < b))",
  ].join("\n");
  return await ask(["/usr/bin/python3", "-c", program], JSON.stringify(pairs));
}

/** Of versions in any spelling. */
export async function pythonEquals(pairs: readonly Pair[]): Promise<boolean[]> {
  const program = [
    "import json, sys",
    "from packaging.version import Version",
    "for one, other in json.load(sys.stdin): print(int(Version(one) == Version(other)))",
  ].join("\n");
  return (await ask(["/usr/bin/python3", "-c", program], JSON.stringify(pairs))).map((it) => it === 1);
}

async function ask([program, ...args]: readonly [string, ...string[]], input: string): Promise<number[]> {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(input);
  return numbers(await text(child.stdout));
}

function numbers(lines: string): number[] {
  return lines.trim().split("\n").map(Number);
}
