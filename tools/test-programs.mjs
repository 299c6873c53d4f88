// Programs that only tests run and that no Debian package has: S3 servers. They are installed once into .cache/programs of the
// checkout, by the set-up of `npm test`, in the exact versions that stand here. Plain JavaScript: it runs before anything is
// installed.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../.cache/programs", import.meta.url));

/** Absolute paths. */
export const programs = {
  ministack: join(folder, "ministack-1.5.33/bin/ministack"),
  versitygw: join(folder, "versitygw-1.8.0/versitygw"),
};

/**
 * Installs what isn't there yet. versitygw needs Go; without it there is MiniStack alone.
 *
 * @param {(text: string) => void} say
 * @returns {string | undefined} What failed.
 */
export function installTestPrograms(say) {
  if (!existsSync(programs.ministack)) {
    say("installs MiniStack 1.5.33 (an S3 server for tests) by pip");
    const place = join(programs.ministack, "../..");
    const failed =
      run("python3", ["-m", "venv", place]) ??
      run(join(place, "bin/pip"), ["install", "--quiet", "--disable-pip-version-check", "ministack==1.5.33"]);
    if (failed !== undefined) return failed;
  }
  if (!existsSync(programs.versitygw) && run("go", ["version"]) === undefined) {
    say("builds versitygw 1.8.0 (an S3 server for tests) by go install");
    const place = join(programs.versitygw, "..");
    mkdirSync(place, { recursive: true });
    const source = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";
    return run("go", ["install", "-trimpath", "-ldflags=-s -w", source], { CGO_ENABLED: "0", GOBIN: place });
  }
  return undefined;
}

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} env
 * @returns {string | undefined} How it failed.
 */
function run(program, args, env = {}) {
  const { status, error, stderr } = spawnSync(program, args, { env: { ...process.env, ...env }, encoding: "utf8" });
  if (status === 0) return undefined;
  return `${program} ${args.join(" ")}: ${error?.message ?? `exit ${status}: ${stderr.trim()}`}`;
}
