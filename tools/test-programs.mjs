// Programs that only tests run and that no Debian package has: S3 servers, and Helm. They are installed once into .cache/programs of the
// checkout, by the set-up of `npm test`, in the exact versions that stand here. Plain JavaScript: it runs before anything is
// installed.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../.cache/programs", import.meta.url));

/** Absolute paths. */
export const programs = {
  ministack: join(folder, "ministack-1.5.33/bin/ministack"),
  versitygw: join(folder, "versitygw-1.8.0/versitygw"),
  helm: join(folder, "helm-3.22.0/helm"),
  /** For benches alone. */
  minio: join(folder, "minio-20260212/minio"),
  aws: join(folder, "awscli-1.46.3/bin/aws"),
  /** A folder of Python modules: dnf's plugins. */
  reposync: join(folder, "dnf-plugins-core/usr/lib/python3/dist-packages"),
};

/**
 * Installs what isn't there yet. versitygw and Helm need Go; without it there is MiniStack alone, and the tests of charts fail.
 *
 * @param {(text: string) => void} say
 * @returns {string | undefined} What failed.
 */
export function installTestPrograms(say) {
  const failed = pipInstall(programs.ministack, "ministack==1.5.33", say);
  if (failed !== undefined) return failed;
  const unpacked = unpackPlugins(say);
  if (unpacked !== undefined) return unpacked;
  if (run("go", ["version"]) !== undefined) return undefined;
  return (
    newerGo(say) ??
    goInstall(programs.versitygw, "github.com/versity/versitygw/cmd/versitygw@v1.8.0", say) ??
    goInstall(programs.helm, "helm.sh/helm/v3/cmd/helm@v3.22.0", say)
  );
}

/**
 * What benches need beside that: a server that keeps up, and the client that uploads are held against.
 *
 * @param {(text: string) => void} say
 * @returns {string | undefined} What failed.
 */
export function installBenchPrograms(say) {
  const failed = pipInstall(programs.aws, "awscli==1.46.3", say);
  if (failed !== undefined) return failed;
  return goInstall(programs.minio, "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c", say);
}

/**
 * In an environment of its own.
 *
 * @param {string} program
 * @param {string} source
 * @param {(text: string) => void} say
 * @returns {string | undefined} How it failed.
 */
function pipInstall(program, source, say) {
  if (existsSync(program)) return undefined;
  say(`installs ${source} by pip`);
  const place = join(program, "../..");
  return (
    run("python3", ["-m", "venv", place]) ??
    run(join(place, "bin/pip"), ["install", "--quiet", "--disable-pip-version-check", source])
  );
}

/**
 * Debian's dnf-plugins-core can't be installed beside zypper: one file is in both.
 *
 * @param {(text: string) => void} say
 * @returns {string | undefined} How it failed.
 */
function unpackPlugins(say) {
  if (existsSync(programs.reposync)) return undefined;
  say("unpacks dnf-plugins-core (for tests: dnf reposync)");
  const place = join(programs.reposync, "../../../../download");
  mkdirSync(place, { recursive: true });
  const failed = run("apt-get", ["download", "dnf-plugins-core"], {}, place);
  if (failed !== undefined) return failed;
  const file = readdirSync(place).find((name) => name.endsWith(".deb")) ?? "";
  return run("dpkg", ["-x", join(place, file), join(place, "..")]);
}

/** What builds; a Go before 1.21, as Debian 12 has it, can't get a newer one by itself. */
let go = "go";

/**
 * Go's own module proxy has its toolchains; the checksum database vouches for them.
 *
 * @param {(text: string) => void} say
 * @returns {string | undefined} How it failed.
 */
function newerGo(say) {
  const { stdout } = spawnSync(go, ["version"], { encoding: "utf8" });
  if (!/ go1\.(?:1?\d|20)(?:\D|$)/.test(stdout)) return undefined;
  say(`gets Go 1.26.8 (${stdout.trim()} is too old)`);
  const source = "golang.org/toolchain@v0.0.1-go1.26.8.linux-amd64";
  const { status, stdout: found } = spawnSync(go, ["mod", "download", "-json", source], { encoding: "utf8" });
  const { Dir, Error } = JSON.parse(found || "{}");
  if (status !== 0) return `go mod download ${source}: ${Error ?? `exit ${status}`}`;
  go = join(Dir, "bin/go");
  // A module's files are never executable.
  return run("chmod", ["-R", "u+x", join(Dir, "bin"), join(Dir, "pkg/tool")]);
}

/**
 * @param {string} program
 * @param {string} source
 * @param {(text: string) => void} say
 * @returns {string | undefined} How it failed.
 */
function goInstall(program, source, say) {
  if (existsSync(program)) return undefined;
  say(`builds ${basename(program)} (for tests) by go install, which takes minutes`);
  const place = dirname(program);
  mkdirSync(place, { recursive: true });
  return run(go, ["install", "-trimpath", "-ldflags=-s -w", source], { CGO_ENABLED: "0", GOBIN: place });
}

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} env
 * @param {string} cwd
 * @returns {string | undefined} How it failed.
 */
function run(program, args, env = {}, cwd = ".") {
  const { status, error, stderr } = spawnSync(program, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  if (status === 0) return undefined;
  return `${program} ${args.join(" ")}: ${error?.message ?? `exit ${status}: ${stderr.trim()}`}`;
}
