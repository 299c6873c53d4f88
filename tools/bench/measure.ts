// Timing whole processes against one another. Kiln and its peer take turns (A B A B …), so that what else the machine does
// meets both alike; what counts is the ratio or the difference of each pair, and of those the median.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export interface Run {
  readonly argv: readonly [program: string, ...args: string[]];
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string>>;
  /** Makes what the process needs; not timed. */
  readonly before?: () => Promise<void>;
}

/** Milliseconds from starting the process until it has ended. Throws when it fails, with what it printed. */
export async function timeProcess({ argv: [program, ...args], cwd, env, before }: Run): Promise<number> {
  await before?.();
  const start = performance.now();
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "ignore", "pipe"] });
  const printed: Buffer[] = [];
  child.stderr.on("data", (piece: Buffer) => printed.push(piece));
  const exited = once(child, "exit").then(([code, signal]) => ({ code, signal, time: performance.now() - start }));
  const [{ code, signal, time }] = await Promise.all([exited, once(child, "close")]);
  if (code === 0) return time;
  throw new Error(`${[program, ...args].join(" ")}: exit ${code ?? signal}\n${Buffer.concat(printed).toString()}`);
}

/** One of Kiln's runs and the peer's run right after it, in milliseconds. */
export interface Pair {
  readonly kiln: number;
  readonly peer: number;
}

/** Runs both in turns, once without counting it. */
export async function alternate(runs: { kiln: Run; peer: Run; times: number }): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let done = 0; done <= runs.times; done += 1) {
    const pair = { kiln: await timeProcess(runs.kiln), peer: await timeProcess(runs.peer) };
    if (done > 0) pairs.push(pair);
  }
  return pairs;
}

/**
 * The most memory that a Node process held at once, in MB (10⁶ bytes), as the kernel counts it: its resident set with all
 * that is mapped. Runs it `times` times.
 */
export async function peakMemory(run: Run, times: number): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), "kiln-bench-memory-"));
  try {
    const file = join(folder, "peak");
    const preload = pathToFileURL(join(import.meta.dirname, "peak-memory.ts")).href;
    const env = { ...run.env, NODE_OPTIONS: `--import=${preload}`, KILN_BENCH_PEAK: file };
    const peaks: number[] = [];
    while (peaks.length < times) {
      await timeProcess({ ...run, env });
      peaks.push(Number(await readFile(file, "utf8")));
    }
    return peaks;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle) - 1] ?? Number.NaN)) / 2;
}

/** `kiln 1.24 s, peer 1.10 s`: medians, to see what the ratios are made of. */
export function absolute(pairs: readonly Pair[], peer: string): string {
  const times = { kiln: median(pairs.map(({ kiln }) => kiln)), peer: median(pairs.map(({ peer }) => peer)) };
  return `kiln ${duration(times.kiln)}, ${peer} ${duration(times.peer)}`;
}

export function duration(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds.toFixed(0)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}
