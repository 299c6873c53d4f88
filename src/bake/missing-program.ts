// Which program a step missed, from what shells, make and env print, and which Debian package has it: of a table of usual
// ones, else of what apt-file or command-not-found know, where they are installed. Only a failed step pays for the question.

import { basename } from "node:path";

import type { Context } from "../context.ts";
import { runProgram } from "../system/process.ts";
import { findProgram, packageOf, systemPath } from "../system/tools.ts";

export interface MissingProgram {
  /** What failed, for a message. */
  readonly what: string;
  readonly hint: string;
}

type Asking = Pick<Context, "env" | "signal">;

/** What to say of a step that ended with `status` after these lines; undefined if that wasn't for want of a program. */
export async function missingProgram(
  { status, lines }: { readonly status: number | null; readonly lines: readonly string[] },
  context: Asking,
): Promise<MissingProgram | undefined> {
  if (status !== 127 && !lines.some((line) => /\b(?:Error|code|status) 127\b/.test(line))) return undefined;
  const named = lines.map(programIn).findLast((name) => name !== undefined);
  if (named === undefined) {
    return status === 127
      ? { what: "a program of this step isn't installed, or isn't in PATH", hint: "install it below /usr" }
      : undefined;
  }
  if (named.includes("/")) {
    return { what: `there is no ${named} for the step`, hint: "commit it, or let an earlier step make it" };
  }
  const hidden = findProgram(named, context.env["PATH"] ?? "");
  const what =
    hidden === undefined || hidden.startsWith("/usr/")
      ? `there is no ${named} in the step's PATH`
      : `there is no ${named} in the step's PATH (it doesn't see ${hidden}: only what is below /usr)`;
  return { what, hint: await hintFor(named, context) };
}

async function hintFor(program: string, context: Asking): Promise<string> {
  const name = packageOf(program) ?? (await askMachine(program, context));
  if (name !== undefined) return `the Debian package ${name} has it: apt-get install ${name}`;
  return `install the package that brings ${program} below /usr, or let a fetch step bring it`;
}

const patterns = [
  // dash, busybox, bash; also from within a script: `./x.sh: line 2: go: command not found`.
  /: (?:line )?\d+: ([^\s:]+): (?:command )?not found$/,
  /^(?:\S+: )?([^\s:]+): command not found$/,
  /\benv: [‘'"]?([^\s‘’'":]+)[’'"]?: No such file or directory$/,
  /^g?make(?:\[\d+\])?: ([^\s:]+): No such file or directory$/,
];

function programIn(line: string): string | undefined {
  for (const pattern of patterns) {
    const found = pattern.exec(line)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A table can't know them all. What these programs say is a hint and nothing more, so neither may fail the error's way. */
async function askMachine(program: string, context: Asking): Promise<string | undefined> {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/.test(program)) return undefined;
  const questions: readonly (readonly [string, ...string[]])[] = [
    ["apt-file", "--package-only", "--fixed-string", "search", `/usr/bin/${program}`],
    ["command-not-found", "--ignore-installed", program],
  ];
  const path = context.env["PATH"] ?? systemPath;
  for (const [asked, ...args] of questions) {
    const found = findProgram(asked, path);
    if (found === undefined) continue;
    const { stdout, stderr } = await runProgram([found, ...args], {
      cwd: "/",
      env: { PATH: path, HOME: context.env["HOME"], LC_ALL: "C.UTF-8" },
      signal: context.signal,
    });
    const text = `${stdout.toString("utf8")}\n${stderr.toString("utf8")}`;
    const name = basename(found) === "apt-file" ? text.split("\n")[0] : /\bapt install (\S+)/.exec(text)?.[1];
    if (name !== undefined && /^[a-z0-9][a-z0-9+.-]+$/.test(name)) return name;
  }
  return undefined;
}
