// Real repositories for tests: made in a temporary folder, with fixed names and times, removed when the test ends.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { onTestFinished } from "vitest";

export interface MadeRepository {
  readonly folder: string;
  /** Runs git in it and returns what it printed, trimmed. */
  git(...args: string[]): string;
  /** Writes files; they aren't added. */
  write(files: Readonly<Record<string, string | Buffer>>): void;
  /** Writes files, adds everything, commits, and returns the id. */
  commit(files?: Readonly<Record<string, string | Buffer>>): string;
}

/** A temporary folder for one test. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "kiln-test-")));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const testEnv = { PATH: process.env["PATH"], HOME: "/nonexistent" };

/** An empty repository on branch `master`. */
export function makeRepository(name = "project", ...init: string[]): MadeRepository {
  const folder = join(temporaryFolder(), name);
  mkdirSync(folder);
  const made = repositoryAt(folder);
  made.git("init", "--quiet", "--initial-branch=master", ...init);
  return made;
}

export function repositoryAt(folder: string): MadeRepository {
  let seconds = 1_700_000_000;
  const run = (...args: string[]) =>
    execFileSync("git", args, {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...testEnv, ...identity, GIT_COMMITTER_DATE: `${seconds} +0000`, GIT_AUTHOR_DATE: `${seconds} +0000` },
    }).trim();
  const write: MadeRepository["write"] = (files) => {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
  };
  return {
    folder,
    git: run,
    write,
    commit(files = {}) {
      write(files);
      run("add", "--all");
      seconds += 60;
      run("commit", "--quiet", "--allow-empty", "--message", `change ${seconds}`);
      return run("rev-parse", "HEAD");
    },
  };
}

const identity = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.org",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.org",
};
