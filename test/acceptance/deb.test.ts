// Debian packages with their stock client: apt and dpkg in a clean bookworm that mmdebstrap makes, and lintian over what was
// baked. No systemd runs there: where one would be asked, a stand-in for systemctl writes down what it was asked for.

import { cpSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ZodError } from "zod";

import { KilnError } from "../../src/errors.ts";
import { type DebianRoot, makeDebianRoot } from "../fixtures/debian-root.ts";
import {
  commit,
  emptyScene,
  git,
  kilnDone,
  recipe,
  removeScene,
  type Scene,
  staticVersion,
} from "../fixtures/scene.ts";
import { oddPackages, writeSource } from "../kinds/deb/odd-packages.ts";
import { packDeb } from "../kinds/deb/pack.ts";

const minutes = 60_000;

let making: Promise<DebianRoot> | undefined;
let debian: DebianRoot;
let scene: Scene;
/** What was baked, by file name. */
const debs = new Map<string, string>();

beforeAll(async () => {
  scene = emptyScene();
  await git(scene, "init", "--quiet", "--initial-branch", "main");
  making = makeDebianRoot("bookworm", ["systemd-standalone-sysusers", "systemd-standalone-tmpfiles"]);
  // The bakes run while it is made; its failure is met below.
  making.catch(() => undefined);
  await bakeRecipe("tool", "v1.0.0");
  await bakeRecipe("daemon", "v1.0.0");
  const settings = await readFile(join(scene.project, "spoold.conf"), "utf8");
  await commit(scene, { "spoold.conf": `${settings}\n# More of it.\n` });
  await bakeTag("v1.1.0");
  await commit(scene, { "spoold.conf": `${settings}\n# Even more of it.\n` });
  await bakeTag("v1.2.0");
  await bakeArchitectures();
  debian = await making;
}, 5 * minutes);

afterAll(async () => {
  await removeScene(scene);
  await (await making)?.remove();
});

async function bakeRecipe(name: string, tag: string): Promise<void> {
  await git(scene, "rm", "-r", "--quiet", "--ignore-unmatch", ".");
  cpSync(join(import.meta.dirname, "../../recipes", name), scene.project, { recursive: true });
  await commit(scene, {});
  await bakeTag(tag);
  await git(scene, "tag", "--delete", tag);
}

async function bakeTag(tag: string): Promise<void> {
  await git(scene, "tag", tag);
  await bake(["--ref", tag]);
}

async function bake(args: readonly string[]): Promise<void> {
  const { stdout } = await kilnDone(scene, ["bake", "--json", ...args], {
    env: { KILN_ISOLATION: "sandbox", KILN_STORE: undefined },
  });
  const { folder, artifacts } = JSON.parse(stdout) as { folder: string; artifacts: { file: string }[] };
  for (const { file } of artifacts) debs.set(file, join(folder, file));
}

/** One recipe, a package for each of three architectures, each from files that were given. */
async function bakeArchitectures(): Promise<void> {
  await git(scene, "rm", "-r", "--quiet", ".");
  const one = (name: string): string =>
    `${name}: { kind: deb, package: probe, multiArch: foreign, shlibs: false, license: MIT, files: { /usr/bin/probe: ${name}/probe } }`;
  await commit(scene, {
    "kiln.yaml": recipe({
      name: "probe",
      version: staticVersion("1.0.0"),
      build: "[chmod +x x86/probe arm/probe any/probe]",
      artifacts: `{ ${["x86", "arm", "any"].map(one).join(", ")} }`,
      activate: "{}",
    }),
    "x86/probe": programFor(62),
    "arm/probe": programFor(183),
    "any/probe": "#!/bin/sh\necho probe\n",
  });
  await bake([]);
}

/** A 64-bit ELF header that says for which machine it is, and enough bytes after it. */
function programFor(machine: number): Buffer {
  const header = Buffer.alloc(120);
  header.write("\u007fELF\u0002\u0001\u0001", "latin1");
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(machine, 18);
  header.writeUInt32LE(1, 20);
  header.writeUInt16LE(64, 52);
  return header;
}

function debOf(file: string): string {
  const path = debs.get(file);
  if (path === undefined) throw new Error(`got ${[...debs.keys()].join(", ")}, want ${file}`);
  return path;
}

const spoold = async (version: string): Promise<string> => {
  const architecture = (await execa("dpkg", ["--print-architecture"])).stdout;
  return debOf(`spoold_${version}_${architecture}.deb`);
};

async function install(file: string, ...options: readonly string[]): Promise<string> {
  const path = await debian.put(file);
  return await debian.run(["apt-get", "install", "--yes", "--no-install-recommends", ...options, path]);
}

const asked = (): string => join(debian.path, "var/log/systemctl");

/** A system that looks as if systemd ran: its folder, and a systemctl that writes down its arguments. */
async function standIn(): Promise<void> {
  await mkdir(join(debian.path, "run/systemd/system"), { recursive: true });
  const program = join(debian.path, "usr/bin/systemctl");
  await writeFile(
    program,
    `#!/bin/sh\necho "$*" >>/var/log/systemctl\ncase "$*" in *is-enabled*) echo enabled ;; esac\n`,
  );
  await chmod(program, 0o755);
  await rm(asked(), { force: true });
}

const enabledLink = "/etc/systemd/system/multi-user.target.wants/spoold.service";

test("lintian finds no errors in a tool and in a service with a unit, a user, a script and a configuration file", async () => {
  for (const file of [debOf("keepdays_1.0.0_all.deb"), await spoold("1.0.0")]) {
    const { all, exitCode } = await execa("lintian", ["--fail-on", "error", "--allow-root", file], {
      all: true,
      reject: false,
    });
    expect(exitCode, all).toBe(0);
    expect(all).not.toMatch(/^E:/m);
    // For whoever reads the log.
    process.stdout.write(all === "" ? "" : `${all}\n`);
  }
});

test("lintian finds no errors in a package whose recipe says nothing but what is in it", async () => {
  const folder = await mkdtemp(join(scene.root, "bare-"));
  await mkdir(join(folder, "source"));
  await writeFile(join(folder, "source/a"), "a\n");
  const { path } = await packDeb({ files: { "/usr/share/sample/a": "a" } }, { folder, version: "1.0.0" });
  const { all, exitCode } = await execa("lintian", ["--fail-on", "error", "--allow-root", path], {
    all: true,
    reject: false,
  });
  expect(exitCode, all).toBe(0);
});

test("apt installs the service: its user, folders, owners and modes are there, its unit is enabled, nothing is started", async () => {
  await install(await spoold("1.0.0"));
  expect(await debian.run(["getent", "passwd", "spoold"])).toMatch(
    /^spoold:x:\d+:\d+:files away what arrives:\/var\/spool\/spoold:\/usr\/sbin\/nologin$/,
  );
  const modes = [
    "stat",
    "--format",
    "%U:%G %a %n",
    "/etc/spoold.conf",
    "/var/spool/spoold",
    "/var/spool/spoold/incoming",
  ];
  expect(await debian.run(modes as [string, ...string[]])).toBe(
    "root:spoold 640 /etc/spoold.conf\nspoold:spoold 750 /var/spool/spoold\nspoold:spoold 1733 /var/spool/spoold/incoming",
  );
  expect(await debian.run(["readlink", enabledLink])).toMatch(/\/lib\/systemd\/system\/spoold\.service$/);
  await debian.run(["env", "DPKG_MAINTSCRIPT_PACKAGE=spoold", "deb-systemd-helper", "was-enabled", "spoold.service"]);
  expect(await debian.run(["dpkg", "--verify", "spoold"])).toBe("");
  expect(
    await debian.run(["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Conffiles}", "spoold"]),
  ).toMatch(/^installed +\/etc\/spoold\.conf [0-9a-f]{32}$/);
  await debian.run(["touch", "-d", "2024-05-06T07:08:09Z", "/var/spool/spoold/incoming/a"]);
  expect(await debian.run(["setpriv", "--reuid=spoold", "--regid=spoold", "--clear-groups", "spoold", "--once"])).toBe(
    "2024-05-06/a",
  );
  expect(await debian.run(["zcat", "/usr/share/doc/spoold/changelog.gz"])).toContain("spoold (1.0.0) unstable;");
});

test("an upgrade keeps the settings that the administrator changed, and restarts the unit", async () => {
  await standIn();
  const settings = join(debian.path, "etc/spoold.conf");
  await writeFile(settings, `${await readFile(settings, "utf8")}# Mine.\n`);
  await install(await spoold("1.1.0"), "--option", "Dpkg::Options::=--force-confold");
  expect(await readFile(settings, "utf8")).toMatch(/# Mine\.\n$/);
  expect(await readFile(`${settings}.dpkg-dist`, "utf8")).toMatch(/# More of it\.\n$/);
  const commands = await readFile(asked(), "utf8");
  expect(commands).toMatch(/^--system daemon-reload$/m);
  expect(commands).toMatch(/^.*restart spoold\.service$/m);
  expect(commands).not.toMatch(/\bstop\b/);
});

test("a unit that the administrator disabled stays so through an upgrade, and an owner that he set, too", async () => {
  await standIn();
  // All that `systemctl disable` does.
  await debian.run(["rm", enabledLink]);
  await debian.run(["dpkg-statoverride", "--update", "--add", "root", "adm", "0644", "/etc/spoold.conf"]);
  await install(await spoold("1.2.0"), "--option", "Dpkg::Options::=--force-confold");
  await debian.run(["test", "-e", enabledLink], { status: 1 });
  expect(await debian.run(["stat", "--format", "%U:%G %a", "/etc/spoold.conf"])).toBe("root:adm 644");
  await debian.run(["dpkg-statoverride", "--remove", "/etc/spoold.conf"]);
});

test("removed: the unit is stopped, settings stay; purged: nothing is left but the user", async () => {
  await standIn();
  await debian.run(["apt-get", "remove", "--yes", "spoold"]);
  expect(await readFile(asked(), "utf8")).toMatch(/stop spoold\.service/);
  await debian.run(["test", "-e", "/etc/spoold.conf"]);
  await debian.run(["test", "-e", "/usr/sbin/spoold"], { status: 1 });
  await debian.run(["rm", "-r", "/var/spool/spoold/filed"]);
  await debian.run(["apt-get", "purge", "--yes", "spoold"]);
  for (const path of [
    "/etc/spoold.conf",
    enabledLink,
    "/var/spool/spoold",
    "/var/lib/systemd/deb-systemd-helper-enabled/spoold.service.dsh-also",
  ]) {
    await debian.run(["test", "-L", path, "-o", "-e", path], { status: 1 });
  }
  await debian.run(["getent", "passwd", "spoold"]);
});

test("one recipe makes a package for each architecture, and apt takes the one that the machine asks for", async () => {
  for (const architecture of ["amd64", "arm64", "all"]) {
    const file = `probe_1.0.0_${architecture}.deb`;
    const path = await debian.put(debOf(file));
    expect(await debian.run(["dpkg-deb", "--field", path, "Architecture"])).toBe(architecture);
    expect(await debian.run(["dpkg-deb", "--field", path, "Multi-Arch"])).toBe("foreign");
  }
  const simulate = ["apt-get", "install", "--simulate", "/srv/probe_1.0.0_arm64.deb"] as const;
  await debian.run(["dpkg", "--install", "/srv/probe_1.0.0_arm64.deb"], { status: 1 });
  await debian.run(["dpkg", "--add-architecture", "arm64"]);
  expect(await debian.run(simulate)).toContain("Inst probe:arm64 (1.0.0 local-deb [arm64])");
  await install(debOf("probe_1.0.0_all.deb"));
  expect(await debian.run(["probe"])).toBe("probe");
});

test("lintian reads odd packages too, whatever it thinks of them", async () => {
  const packed: string[] = [];
  for (const { entry, version, odd } of fc.sample(oddPackages, { numRuns: 150, seed: 20_240_501 })) {
    if (packed.length === 12) break;
    const folder = await mkdtemp(join(scene.root, "odd-"));
    await mkdir(join(folder, "source"));
    writeSource(join(folder, "source"), odd);
    try {
      // Of two packages with one name lintian reads one.
      const named = { package: `odd-${packed.length}`, ...entry };
      packed.push((await packDeb(named, { folder, version })).path);
    } catch (error) {
      // Refused: test/kinds/deb/odd.test.ts looks at how.
      if (!(error instanceof KilnError) && !(error instanceof ZodError)) throw error;
    }
  }
  expect(packed).toHaveLength(12);
  // Status 2 is lintian's own failure; tags are what such packages deserve.
  const { all, exitCode } = await execa("lintian", ["--fail-on", "none", "--allow-root", ...packed], {
    all: true,
    reject: false,
  });
  expect(exitCode, all).toBe(0);
  const chatter = all.split("\n").filter((line) => !/^[EWINPXO]: /.test(line));
  expect(chatter.join("\n")).not.toMatch(/internal error|can't|cannot|died/i);
}, 120_000);
