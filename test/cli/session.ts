// Command lines and what they print, as a text file:
//
//     # A comment.
//     $ kiln confg
//     ! kiln: got the unknown command "confg" [USAGE]
//     ! hint: …
//     = 2
//
// `$` a line for sh, in the session's own folder; then its stdout, as it is; `!` a line of its stderr; `=` its exit status
// (0 if there is none). `…` stands for any text within a line, alone on a line for any lines. `$WORK` is the session's
// folder. An empty line before the next `$` or comment is only for the eye.

import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

export interface Exchange {
  readonly line: number;
  readonly command: string;
  readonly said: Said;
}

export interface Said {
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly status: number;
}

export function parseSession(text: string): Exchange[] {
  const exchanges: { line: number; command: string; said: { stdout: string[]; stderr: string[]; status: number } }[] =
    [];
  for (const [index, line] of text.split("\n").entries()) {
    const current = exchanges.at(-1)?.said;
    if (line.startsWith("$ ")) {
      exchanges.push({ line: index + 1, command: line.slice(2), said: { stdout: [], stderr: [], status: 0 } });
    } else if (line.startsWith("#") || current === undefined) continue;
    else if (/^! ?/.test(line)) current.stderr.push(line.replace(/^! ?/, ""));
    else if (line.startsWith("= ")) current.status = Number(line.slice(2));
    else current.stdout.push(line);
  }
  for (const { said } of exchanges) while (said.stdout.at(-1) === "") said.stdout.pop();
  return exchanges;
}

/** Runs the exchanges one after the other; returns what was really said, in the session's own spelling. */
export async function playSession(exchanges: readonly Exchange[]): Promise<Said[]> {
  const work = await realpath(await mkdtemp(join(tmpdir(), "kiln-session-")));
  try {
    const env = await environmentIn(work);
    const said: Said[] = [];
    for (const { command } of exchanges) {
      const spoken = await runLine(command, join(work, "here"), env);
      said.push({
        stdout: linesOf(spoken.stdout.replaceAll(work, "$WORK")),
        stderr: linesOf(spoken.stderr.replaceAll(work, "$WORK")),
        status: spoken.status,
      });
    }
    return said;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What was said, with each line replaced by the expected one that it matches: equal to `expected` when all do. */
export function asExpected(said: readonly string[], expected: readonly string[]): readonly string[] {
  const gap = expected.indexOf("…");
  if (gap !== -1) {
    const after = expected.length - gap - 1;
    const enough = said.length >= gap + after;
    const tail = enough ? said.slice(said.length - after) : [];
    const [head, end] = [
      asExpected(said.slice(0, gap), expected.slice(0, gap)),
      asExpected(tail, expected.slice(gap + 1)),
    ];
    return enough ? [...head, "…", ...end] : said;
  }
  return said.map((line, index) => {
    const wanted = expected[index];
    return wanted !== undefined && patternOf(wanted).test(line) ? wanted : line;
  });
}

function patternOf(line: string): RegExp {
  const escaped = line.split("…").map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${escaped.join(".*")}$`);
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  while (lines.at(-1) === "") lines.pop();
  return lines;
}

async function environmentIn(work: string): Promise<Record<string, string>> {
  const programs = join(work, "bin");
  await mkdir(programs);
  await mkdir(join(work, "here"));
  await mkdir(join(work, "home"));
  const src = join(import.meta.dirname, "../../src");
  for (const [name, entry] of [
    ["kiln", "cli.ts"],
    ["kiln-deploy", "kiln-deploy.ts"],
  ] as const) {
    await writeFile(join(programs, name), `#!/bin/sh\nexec '${process.execPath}' '${join(src, entry)}' "$@"\n`);
    await chmod(join(programs, name), 0o755);
  }
  const path = [programs, dirname(process.execPath), "/usr/local/bin", "/usr/bin", "/bin"].join(delimiter);
  return { PATH: path, HOME: join(work, "home"), WORK: work, TZ: "UTC", LC_ALL: "C.UTF-8" };
}

async function runLine(line: string, cwd: string, env: Record<string, string>): Promise<Joined> {
  const child = spawn("/bin/sh", ["-c", line], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (piece: string) => {
      texts[name] += piece;
    });
  }
  const status = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 128));
  });
  return { ...texts, status };
}

interface Joined {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}
