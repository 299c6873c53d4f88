// One commit from where its provenance says that it comes from. The URL was signed, but by somebody else: it can't become an
// option, run a helper program or name a file of this machine. Whoever rebuilds brings the credentials, as for `git fetch`.

import { KilnError } from "../errors.ts";
import { withoutCredentials } from "./git.ts";
import { endOf, runProgram } from "./process.ts";

export interface Fetch {
  readonly url: string;
  /** 40 or 64 hex digits. */
  readonly commit: string;
  /** Absolute path of an empty folder, which becomes a bare repository. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** Throws GIT_FAILED with what git said, TOOL_MISSING, CANCELLED. */
export async function fetchCommit({ url, commit, folder, env, signal }: Fetch): Promise<void> {
  if (withoutCredentials(url) !== url) {
    throw new KilnError(
      "GIT_FAILED",
      `git fetch: got the address ${JSON.stringify(url)}, want one of http, ssh or git`,
    );
  }
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => !/^GIT_(?!SSH|ASKPASS)/.test(name)));
  const git = (...args: string[]) =>
    runProgram(["git", "-c", "core.hooksPath=/dev/null", ...args], {
      cwd: folder,
      env: { ...own, LC_ALL: "C", GIT_TERMINAL_PROMPT: "0", GIT_ALLOW_PROTOCOL: "http:https:ssh:git" },
      signal,
    });
  const format = commit.length === 64 ? "sha256" : "sha1";
  const made = await git("init", "--quiet", "--bare", "--template=", `--object-format=${format}`);
  if (made.status !== 0) throw failed("git init", made, folder);
  const one = await git("fetch", "--quiet", "--depth=1", "--no-tags", "--", url, commit);
  if (one.status === 0) return;
  // Some servers hand out branches and tags alone: then all of them.
  const all = await git("fetch", "--quiet", "--no-tags", "--", url, "+refs/*:refs/fetched/*");
  if (all.status !== 0) throw failed("git fetch", all, url);
  const there = await git("cat-file", "-e", `${commit}^{commit}`);
  if (there.status === 0) return;
  throw new KilnError("COMMIT_NOT_FOUND", `${url}: got no commit ${commit}, want the one that was baked`, {
    hint: "name a clone that has it: --source DIR",
  });
}

function failed(what: string, result: Awaited<ReturnType<typeof runProgram>>, where: string): KilnError {
  const said = result.stderr.toString("utf8").trim().split("\n").at(-1) ?? "";
  return new KilnError("GIT_FAILED", `${what} ${where}: got ${endOf(result)}, ${said.slice(0, 500)}`, {
    hint: "name a clone that has the commit: --source DIR",
  });
}
