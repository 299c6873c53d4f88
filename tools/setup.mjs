// Makes a checkout ready for `npm run demo`, `npm test`, `npm run bench` and `npm run registry`: the packages of package-lock.json (among them
// the Node that runs everything else) and the Debian packages that the target needs. Says what it installs, does nothing
// when all is there, and without root says what is missing and how to get it. Runs under any Node from 20 on, and before
// anything is installed: so it is plain JavaScript and imports only what Node brings.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

import { installBenchPrograms, installTestPrograms } from "./test-programs.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const ownNode = join(root, "node_modules/.bin/node");
const wantedNode = [24, 15];

/** Program, or absolute path of anything else → the Debian package that brings it, or several: the first that there is. */
const forBaking = {
  git: "git",
  bwrap: "bubblewrap",
  datefudge: "datefudge",
  "dpkg-deb": "dpkg",
  xz: "xz-utils",
  tar: "tar",
  gpgv: "gpgv",
};
const forTests = {
  ...forBaking,
  zstd: "zstd",
  gcc: "gcc",
  "dpkg-shlibdeps": "dpkg-dev",
  lintian: "lintian",
  mmdebstrap: "mmdebstrap",
  python3: "python3",
  pip3: "python3-pip",
  skopeo: "skopeo",
  umoci: "umoci",
  "/usr/lib/python3/dist-packages/packaging": "python3-packaging",
  make: "make",
  go: "golang-go",
  // Debian 12's own cargo is too old for the registry as it is today.
  cargo: "cargo-web | cargo",
  rpm: "rpm",
  rpmbuild: "rpm",
  gpg: "gnupg",
  dnf: "dnf",
  createrepo_c: "createrepo-c",
  zypper: "zypper",
  // What dnf's plugins need, which test-programs.mjs unpacks.
  "/usr/lib/python3/dist-packages/dateutil": "python3-dateutil",
  "/usr/lib/python3/dist-packages/dbus": "python3-dbus",
  busybox: "busybox-static",
  aptly: "aptly",
  reprepro: "reprepro",
  debmirror: "debmirror",
  debootstrap: "debootstrap",
  "apt-mirror": "apt-mirror",
  chromium: "chromium",
};

const targets = {
  check: {},
  registry: {},
  demo: forBaking,
  test: forTests,
  bench: { ...forTests, "pyproject-build": "python3-build" },
};

main(process.argv[2]);

/** @param {string | undefined} target */
function main(target) {
  if (target === undefined || !Object.hasOwn(targets, target)) {
    fail(`usage: node tools/setup.mjs ${Object.keys(targets).join("|")}`);
  }
  installPrograms(targets[/** @type {keyof typeof targets} */ (target)]);
  installPackages(".");
  if (target === "registry") installPackages("registry", { withoutDev: true });
  if (target === "test" || target === "bench") installPackages("registry");
  checkNode();
  if (target === "test" || target === "bench") {
    const failed = installTestPrograms(say) ?? (target === "bench" ? installBenchPrograms(say) : undefined);
    if (failed !== undefined)
      fail(failed, "the S3 servers that tests run against come from PyPI and the Go module proxy");
  }
}

/** @param {Readonly<Record<string, string>>} programs */
function installPrograms(programs) {
  const missing = Object.entries(programs).filter(([program]) => !isInPath(program));
  if (missing.length === 0) return;
  const names = [...new Set(missing.map(([, name]) => available(name)))].toSorted();
  const command = `apt-get install --no-install-recommends ${names.join(" ")}`;
  const what = `missing programs: ${missing.map(([program]) => program).join(", ")}`;
  if (process.getuid?.() !== 0) fail(what, `as root: apt-get update && ${command}`);
  if (!isInPath("apt-get")) fail(what, `install the counterparts of these Debian packages: ${names.join(" ")}`);
  say(`installs the Debian packages ${names.join(", ")} (${what})`);
  run("apt-get", ["-qq", "update"]);
  // Only now is it sure what this system has.
  const found = [...new Set(missing.map(([, name]) => available(name)))];
  run("apt-get", ["-qq", "install", "--yes", "--no-install-recommends", ...found]);
  const still = missing.filter(([program]) => !isInPath(program)).map(([program]) => program);
  if (still.length > 0) fail(`still missing after the installation: ${still.join(", ")}`);
}

/** @param {string} names */
function available(names) {
  const all = names.split(" | ");
  const known = all.find((name) => spawnSync("apt-cache", ["show", name], { stdio: "ignore" }).status === 0);
  return known ?? all[0] ?? names;
}

/**
 * @param {string} folder Relative to the checkout: it has a lock file of its own.
 * @param {{ withoutDev?: boolean }} options
 */
function installPackages(folder, { withoutDev = false } = {}) {
  const wrong = firstWrongPackage(folder, withoutDev);
  if (wrong === undefined) return;
  const path = join(folder, "package-lock.json");
  const count = wantedPackages(folder, withoutDev).length;
  say(`installs the ${count} npm packages of ${path} into ${join(folder, "node_modules")} (${wrong})`);
  // The npm that started this, whatever it is called; scripts of packages aren't needed, so none runs.
  const npm = process.env["npm_execpath"];
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  if (withoutDev) args.push("--omit=dev");
  // The Node that runs everything else, once it is there: which packages npm takes depends on its own.
  const node = folder === "." || !existsSync(ownNode) ? process.execPath : ownNode;
  if (npm === undefined) run("npm", args, folder);
  else run(node, [npm, ...args], folder);
  const still = firstWrongPackage(folder, withoutDev);
  if (still !== undefined)
    fail(
      `npm ci left ${join(folder, "node_modules")} incomplete: ${still}`,
      `rm -r ${join(folder, "node_modules")}, then run it again`,
    );
}

/**
 * What node_modules lacks of the lock file, by the list that npm leaves there when it has finished. Optional packages may
 * be absent: they are for other machines.
 *
 * @param {string} folder
 * @param {boolean} withoutDev
 */
function firstWrongPackage(folder, withoutDev) {
  const present = readLock(join(folder, "node_modules/.package-lock.json"));
  if (present === undefined) return "there is no node_modules yet";
  for (const [path, entry] of wantedPackages(folder, withoutDev)) {
    const installed = present.packages[path];
    if (installed === undefined && entry.optional) continue;
    if (installed?.version !== entry.version || installed?.integrity !== entry.integrity) {
      return `${path.replace(/^.*node_modules\//, "")} isn't ${entry.version}`;
    }
  }
  return undefined;
}

/**
 * @param {string} folder
 * @param {boolean} withoutDev
 */
function wantedPackages(folder, withoutDev) {
  const path = join(folder, "package-lock.json");
  const wanted = readLock(path);
  if (wanted === undefined) return fail(`got no ${path}`, "run this from a whole checkout");
  return Object.entries(wanted.packages).filter(
    ([path, entry]) => path.startsWith("node_modules/") && !entry.link && !(withoutDev && entry.dev),
  );
}

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean, dev?: boolean, link?: boolean }} LockEntry
 * @param {string} path
 * @returns {{ packages: Record<string, LockEntry> } | undefined}
 */
function readLock(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), "utf8"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** npm puts node_modules/.bin first in the PATH of its scripts: there must be a Node in it that is new enough. */
function checkNode() {
  const own = spawnSync(ownNode, ["--version"], { encoding: "utf8" });
  const version = own.status === 0 ? own.stdout : process.version;
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wantedNode;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  const machine = `${process.platform}-${process.arch}`;
  fail(
    `got Node ${version.trim()}, want ${wantedNode.join(".")} or newer`,
    own.status === 0 ? "" : `node_modules has none for ${machine}: install Node 24 and run npm with it`,
  );
}

/**
 * Where a step of a bake would find it: what only its user's PATH has is no use there.
 * @param {string} program
 */
function isInPath(program) {
  if (isAbsolute(program)) return existsSync(program);
  const folders = "/usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin".split(" ");
  return folders.some((folder) => existsSync(join(folder, program)));
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} [folder]
 */
function run(command, args, folder = ".") {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const { status, error } = spawnSync(command, args, {
    cwd: join(root, folder),
    stdio: ["ignore", "inherit", "inherit"],
    env,
  });
  if (error !== undefined) fail(`${command}: ${error.message}`);
  if (status !== 0) fail(`${command} ${args.join(" ")} failed with status ${status}`, "see what it printed above");
}

/** @param {string} line */
function say(line) {
  console.error(`setup: ${line}`);
}

/**
 * @param {string} what
 * @param {string} [hint]
 * @returns {never}
 */
function fail(what, hint = "") {
  say(what);
  if (hint !== "") console.error(`hint: ${hint}`);
  process.exit(1);
}
