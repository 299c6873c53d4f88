// Running git so that only the repository and its commits decide the answer: no hooks, no prompts, no network, no pager,
// no replaced or grafted history, nothing of the user's or machine's configuration but the two settings that say what the
// user trusts and ignores. Whoever runs us inside a git hook has GIT_DIR and the like set: they never get through.

import { isSystemError, KilnError } from "../errors.ts";
import { type ProgramResult, runProgram } from "./process.ts";

/** Where and how git runs. */
export interface Git {
  /** Absolute path of the folder it runs in. */
  readonly folder: string;
  /** PATH and HOME are taken from it, nothing else. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** The user's own settings that count, as `key=value`. */
  readonly settings: readonly string[];
}

export interface GitOptions {
  /** More variables. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Uint8Array | string;
  /** Exit statuses that are an answer; 0 alone by default. */
  readonly answers?: readonly number[];
}

/** Runs git and returns its answer. Throws TOOL_MISSING, CANCELLED, and what `gitError` makes of a failure. */
export async function runGit(git: Git, args: readonly string[], options: GitOptions = {}): Promise<ProgramResult> {
  const { answers = [0] } = options;
  const settings = [...fixedSettings, ...git.settings].flatMap((setting) => ["-c", setting]);
  const result = await runIn(git, ["git", "--no-pager", ...settings, ...args], options);
  if (result.status !== null && answers.includes(result.status)) return result;
  throw gitError(git.folder, args[0] ?? "", result);
}

/** What git printed, without the last line feed. */
export function textOf(result: Pick<ProgramResult, "stdout">): string {
  return result.stdout.toString("utf8").replace(/\n$/, "");
}

/** The user's settings that count: which foreign repositories are trusted, and which untracked files are nobody's business. */
export async function userSettings(git: Omit<Git, "settings">): Promise<string[]> {
  const wanted = String.raw`^(safe\.directory|core\.excludesfile)$`;
  const args = ["config", "--null", "--type=path", "--get-regexp", wanted];
  // GIT_DIR keeps the repository's own settings out: it mustn't say of itself that it can be trusted.
  const env = { GIT_DIR: "/dev/null", GIT_CONFIG_NOSYSTEM: "0", GIT_CONFIG_GLOBAL: undefined };
  const result = await runIn(git, ["git", ...args], { env });
  if (result.status === 1) return [];
  if (result.status !== 0) throw gitError(git.folder, "config", result);
  const entries = result.stdout
    .toString("utf8")
    .split("\0")
    .filter((entry) => entry !== "");
  return entries.map((entry) => entry.replace("\n", "="));
}

const fixedSettings = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.attributesFile=/dev/null",
  "core.quotePath=false",
  "protocol.allow=never",
];

type Variables = Readonly<Record<string, string | undefined>>;

async function runIn(
  git: Omit<Git, "settings">,
  argv: readonly [string, ...string[]],
  options: { readonly env?: Variables; readonly input?: Uint8Array | string },
): Promise<ProgramResult> {
  const { PATH, HOME, XDG_CONFIG_HOME } = git.env;
  const env = {
    PATH,
    HOME,
    XDG_CONFIG_HOME,
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_GRAFT_FILE: "/dev/null",
    GIT_ALLOW_PROTOCOL: "none",
    GIT_LITERAL_PATHSPECS: "1",
    ...options.env,
  };
  try {
    return await runProgram(argv, { cwd: git.folder, env, signal: git.signal, input: options.input });
  } catch (error) {
    if (!isSystemError(error, "ENOENT", "ENOTDIR", "EACCES")) throw error;
    throw new KilnError("NOT_A_REPOSITORY", `${git.folder}: got no folder that can be entered, want a git repository`, {
      cause: error,
    });
  }
}

/** The error for a git command that failed, by what it said. */
function gitError(folder: string, command: string, result: ProgramResult): KilnError {
  const said = result.stderr.toString("utf8").trim();
  if (said.includes("dubious ownership")) {
    return new KilnError(
      "REPOSITORY_UNTRUSTED",
      `${folder}: got a repository of another user, want one that you trust`,
      {
        hint: `if you trust it: git config --global --add safe.directory '${folder.replaceAll("'", String.raw`'\''`)}'`,
      },
    );
  }
  if (said.includes("not a git repository")) {
    return new KilnError("NOT_A_REPOSITORY", `${folder}: got no git repository here or above, want one`, {
      hint: "run it inside a clone, or `git init` and commit first",
    });
  }
  // "unable to write file" is all that a checkout says of a write that failed on a file it had opened.
  if (/No space left on device|Disk quota exceeded|^error: unable to write file /m.test(said)) {
    return new KilnError("DISK_FULL", `git ${command} in ${folder}: ${lastLine(said)}`, {
      hint: `free some room: df -h ${folder}`,
    });
  }
  if (said.includes("Permission denied")) {
    return new KilnError("PERMISSION_DENIED", `git ${command}: ${lastLine(said)}`);
  }
  if (/unable to read (?:sha1 file|object|tree)|missing (?:blob|tree)|bad object|failed to unpack tree/.test(said)) {
    return new KilnError("HISTORY_MISSING", `${folder}: git ${command} lacks an object: ${lastLine(said)}`, {
      hint: "clone it whole: without --depth and --filter",
    });
  }
  const end = result.signal === null ? `exit status ${result.status}` : `signal ${result.signal}`;
  return new KilnError("GIT_FAILED", `git ${command} in ${folder}: got ${end}, ${lastLine(said) || "and no word"}`, {
    details: { stderr: said.slice(-4000) },
  });
}

function lastLine(text: string): string {
  return text.slice(text.lastIndexOf("\n") + 1).slice(0, 500);
}
