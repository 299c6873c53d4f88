// A channel as a yum repository, with dnf, reposync and zypper: packages and repository are signed, and both are checked. By the pointer
// and by the plain address, forth and back with the channel, and not from a store in which somebody changed anything.

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { programs } from "../../tools/test-programs.mjs";
import {
  commit,
  emptyScene,
  git,
  kiln,
  kilnDone,
  recipe,
  removeScene,
  type Scene,
  staticVersion,
} from "../fixtures/scene.ts";
import { madeRpm } from "../import/made-files.ts";
import { files, serve, type WebServer } from "../stores/web-server.ts";

let scene: Scene;
let server: WebServer;
let keyFile: string;

beforeAll(async () => {
  scene = emptyScene();
  server = await serve(files(scene.store));
  await git(scene, "init", "--quiet", "--initial-branch", "main");
  await kilnDone(scene, ["store", "create", scene.store, "--origin", "kiln.test", "--public-url", `${server.url}/`]);
  keyFile = join(scene.root, "key.asc");
  writeFileSync(keyFile, (await kilnDone(scene, ["keys", "export", "--openpgp"])).stdout);
  await publish("1.0.0");
  await publish("1.1.0");
  await publishRich();
  await publishLogged();
}, 300_000);

afterAll(async () => {
  await server.close();
  await removeScene(scene);
});

/** A package without scripts: it needs no shell, and goes into a root that holds nothing. */
async function publish(version: string, name = "hello"): Promise<void> {
  await commit(scene, {
    "kiln.yaml": recipe({
      name,
      version: staticVersion(version),
      artifacts: `{ package: { kind: rpm, license: MIT, files: { /usr/share/${name}/version: version, /etc/${name}.conf: version } } }`,
      activate: "{}",
    }),
    version: `${version}\n`,
  });
  await kilnDone(scene, ["publish"]);
}

/** What indexes have a field for; one package for this machine, one for another. */
async function publishRich(): Promise<void> {
  const shared = { kind: "rpm", license: 'MIT and <others> & "more"' };
  const files = (name: string) => ({ [`/usr/share/${name}/version`]: "version", [`/usr/bin/${name}`]: "version" });
  const rich = {
    ...shared,
    summary: "Rich & <odd>",
    description: 'Several\n  lines with "quotes" & more.',
    url: "https://example.com/?a=1&b=2",
    vendor: "Kiln examples",
    packager: "Kiln examples <examples@kiln.invalid>",
    group: "Applications/System",
    architecture: machine,
    provides: ["virtual = 2", "other", "several >= 1:2.0-3"],
    requires: ["needed >= 1", "/usr/bin/rich", "rich = 2.0.0"],
    obsoletes: ["older < 1"],
    conflicts: ["enemy >= 3"],
    suggests: ["nice"],
    recommends: ["nicer"],
    enhances: ["plain"],
    supplements: ["(one and two)"],
    scripts: { post: "version" },
    files: { ...files("rich"), "/etc/rich/a.conf": "version", "/var/lib/rich": { link: "/usr/share/rich" } },
  };
  const other = machine === "x86_64" ? "aarch64" : "x86_64";
  const arm = { ...shared, package: "rich-elsewhere", architecture: other, files: files("elsewhere") };
  await commit(scene, {
    "kiln.yaml": recipe({
      name: "rich",
      version: staticVersion("2.0.0"),
      artifacts: JSON.stringify({ package: rich, elsewhere: arm }),
      activate: "{}",
    }),
    version: "true\n",
  });
  await kilnDone(scene, ["publish"]);
}

/** Made elsewhere, with a changelog: several entries of a day, lines that begin with blanks, and more than indexes list. */
async function publishLogged(): Promise<void> {
  const top = join(scene.root, "logged");
  await mkdir(top);
  const days = [20, 20, 20, 19, 18, 18, 17, 16, 15, 14, 13, 12, 12];
  const entry = (day: number, at: number) =>
    `* ${new Date(Date.UTC(2024, 1, day)).toUTCString().slice(0, 3)} Feb ${day} 2024 Jörg & "Co" <examples@kiln.invalid> - 1-${20 - at}\n` +
    `- Entry ${at}: a & b < c > "d" 'e' – ü 🙂\n  and\ta line more\n`;
  const sections = ["%description\nx", "%files", `%changelog\n${days.map(entry).join("\n")}`];
  const tags = ["Name: logged", "Version: 1", "Release: 1", "Summary: x", "License: MIT", "BuildArch: noarch"];
  const spec = join(top, "logged.spec");
  writeFileSync(spec, [tags.join("\n"), ...sections].join("\n\n"));
  await run(["rpmbuild", "-bb", "--quiet", "--define", `_topdir ${top}`, "--define", `_rpmdir ${top}`, spec]);
  await kilnDone(scene, ["publish", join(top, "noarch/logged-1-1.noarch.rpm"), "--channel", "staging"]);
}

const machine = process.arch === "arm64" ? "aarch64" : "x86_64";

/** What the program said. The web server answers from this process: nothing may wait here. */
async function run([program = "", ...args]: readonly string[], status = 0, env = {}): Promise<string> {
  const ended = await execa(program, args, { all: true, reject: false, stdin: "ignore", timeout: 240_000, env });
  expect(ended.exitCode, `${program} ${args.join(" ")}\n${ended.all}`).toBe(status);
  return ended.all;
}

interface Root {
  readonly config: string;
  /** Runs dnf in it, and returns what it said. */
  readonly dnf: (args: readonly string[], status?: number) => Promise<string>;
  readonly installed: (name?: string) => string;
}

/** An empty root whose only repository has these lines. */
function emptyRoot(name: string, lines: readonly string[]): Root {
  const path = join(scene.root, name);
  mkdirSync(path);
  const config = join(scene.root, `${name}.conf`);
  const repository = ["[kiln]", "name=kiln", "gpgcheck=1", "repo_gpgcheck=1", `gpgkey=file://${keyFile}`, ...lines];
  const main = ["[main]", "gpgcheck=1", "reposdir=/nonexistent", "plugins=0", `cachedir=${path}.cache`];
  writeFileSync(config, `${[...main, ...repository].join("\n")}\n`);
  return {
    config,
    dnf: (args, status) =>
      run(["dnf", "--installroot", path, "--config", config, "--releasever=1", "-y", "--refresh", ...args], status),
    installed: (what = "hello") => readFileSync(join(path, `usr/share/${what}/version`), "utf8").trim(),
  };
}

const byPointer = (channel = "staging") => `mirrorlist=${server.url}/rpm/${channel}/mirrorlist`;
const byAddress = (channel = "staging") => `baseurl=${server.url}/rpm/${channel}/`;

test.each([
  ["the pointer", "pointer", () => byPointer()],
  ["the plain address", "plain", () => byAddress()],
  ["a folder", "folder", () => `baseurl=file://${scene.store}/rpm/staging/`],
])("dnf installs by %s", async (_, name, line) => {
  const { dnf, installed } = emptyRoot(name, [line()]);
  await dnf(["install", "hello"]);
  expect(installed()).toBe("1.1.0");
  expect(await dnf(["repoquery", "--list", "hello-1.0.0"])).toContain("/usr/share/hello/version");
});

test("a channel that moves on takes dnf along, and one that goes back takes it back by distro-sync", async () => {
  const { dnf, installed } = emptyRoot("moves", [byPointer()]);
  await dnf(["install", "hello-1.0.0"]);
  await publish("1.2.0");
  await dnf(["upgrade"]);
  expect(installed()).toBe("1.2.0");
  await kilnDone(scene, ["promote", "hello@1.0.0", "staging"]);
  await dnf(["distro-sync"]);
  expect(installed()).toBe("1.0.0");
  expect(await dnf(["repoquery", "hello"])).not.toContain("1.2.0");
});

test("the published file is all that dnf needs", async () => {
  const text = readFileSync(join(scene.store, "rpm/staging/kiln.repo"), "utf8");
  const path = join(scene.root, "repo.root");
  const folder = join(scene.root, "repos");
  await mkdir(folder);
  writeFileSync(join(folder, "kiln.repo"), text);
  const options = ["--installroot", path, "--releasever=1", "-y", `--setopt=reposdir=${folder}`, "--noplugins"];
  await run(["dnf", ...options, "install", "hello"]);
  expect(readFileSync(join(path, "usr/share/hello/version"), "utf8")).toBe("1.0.0\n");
});

test("a version with ~ and ^, as Fedora writes snapshots, is imported, and installed by dnf and zypper", async () => {
  const version = "1.0~rc1^git20240101";
  const made = madeRpm(scene.root, version);
  expect((await kilnDone(scene, ["publish", made, "--channel", "staging"])).stdout).toContain(
    "published snapshot@1.0~rc1+git20240101-1",
  );
  for (const [name, line] of [
    ["snapshot-by-pointer", byPointer()],
    ["snapshot-by-address", byAddress()],
    ["snapshot-in-folder", `baseurl=file://${scene.store}/rpm/staging/`],
  ] as const) {
    const { dnf, installed } = emptyRoot(name, [line]);
    await dnf(["install", "snapshot"]);
    expect(installed("snapshot")).toBe(version);
  }
  for (const [name, line] of [
    ["snapshot-zypper-pointer", byPointer()],
    ["snapshot-zypper-address", byAddress()],
  ] as const) {
    const { zypper, installed } = await zypperRoot(name, line);
    await zypper("install", "snapshot");
    expect(installed("snapshot")).toBe(version);
  }
  expect((await kilnDone(scene, ["audit"])).stdout).not.toMatch(/error:|behind/);
});

test("reposync copies the plain address with its packages, and dnf installs from the copy", async () => {
  const { config } = emptyRoot("mirrored", [byAddress()]);
  const root = join(scene.root, "mirrored");
  await run(["rpmkeys", "--root", root, "--import", keyFile]);
  const copy = join(scene.root, "copy");
  const options = [
    `--setopt=pluginpath=${programs.reposync}/dnf-plugins`,
    "--setopt=plugins=1",
    "--setopt=logdir=/tmp",
  ];
  const where = ["--config", config, "--installroot", root, "--releasever=1", `--forcearch=${machine}`];
  await run(
    ["dnf", "reposync", ...where, ...options, "--download-metadata", "--gpgcheck", `--download-path=${copy}`, "-y"],
    0,
    { PYTHONPATH: programs.reposync },
  );
  const { dnf, installed } = emptyRoot("from-copy", [`baseurl=file://${copy}/kiln/`]);
  await dnf(["install", "hello", "snapshot"]);
  expect(installed()).toBe("1.0.0");
  expect(installed("snapshot")).toBe("1.0~rc1^git20240101");
});

test.each([
  ["the pointer", "by-pointer", () => byPointer()],
  ["the plain address", "by-address", () => byAddress()],
])("zypper installs by %s, and follows the channel", async (_, name, line) => {
  const { zypper, installed } = await zypperRoot(name, line());
  await zypper("refresh");
  await zypper("install", "hello");
  expect(installed()).toBe("1.0.0");
});

async function zypperRoot(name: string, line: string) {
  const root = join(scene.root, name);
  await mkdir(join(root, "etc/zypp/repos.d"), { recursive: true });
  await run(["rpm", "--root", root, "--initdb"]);
  await run(["rpmkeys", "--root", root, "--import", keyFile]);
  const checks = ["gpgcheck=1", "repo_gpgcheck=1", "pkg_gpgcheck=1", `gpgkey=file://${keyFile}`];
  const lines = ["[kiln]", "name=kiln", "enabled=1", "autorefresh=1", ...checks, line];
  writeFileSync(join(root, "etc/zypp/repos.d/kiln.repo"), `${lines.join("\n")}\n`);
  return {
    zypper: (...args: string[]) => run(["zypper", "--root", root, "--non-interactive", ...args]),
    installed: (what = "hello") => readFileSync(join(root, `usr/share/${what}/version`), "utf8").trim(),
  };
}

test("the indexes say of every package what createrepo_c says", async () => {
  const repository = join(scene.root, "createrepo");
  await mkdir(repository);
  const primary = await packagesIn(join(scene.store, "rpm/staging"), "primary");
  for (const { at } of primary.values()) {
    cpSync(join(scene.store, "rpm/staging", at), join(repository, basename(at)));
  }
  await run(["createrepo_c", "--quiet", repository]);
  for (const name of ["primary", "filelists", "other"] as const) {
    const got = await packagesIn(join(scene.store, "rpm/staging"), name);
    const want = await packagesIn(repository, name);
    expect(got.size).toBeGreaterThan(2);
    for (const [id, { facts }] of want) expect(got.get(id)?.facts).toEqual(facts);
    expect([...got.keys()].toSorted()).toEqual([...want.keys()].toSorted());
    const changelogs = [...got].flatMap(([id, { changelog }]) => (changelog.length === 0 ? [] : [{ id, changelog }]));
    expect(changelogs.map(({ changelog }) => changelog.length)).toEqual(name === "other" ? [10] : []);
    for (const { id, changelog } of changelogs) expect(changelog).toEqual(want.get(id)?.changelog);
  }
});

test("dnf shows a package's changelog", async () => {
  const { dnf } = emptyRoot("changelog", [byPointer()]);
  const said = await dnf(["repoquery", "--changelogs", "logged"]);
  expect(said).toContain(
    'Tue Feb 20 2024 Jörg & "Co" <examples@kiln.invalid> - 1-20\n- Entry 0: a & b < c > "d" \'e\' – ü 🙂\n',
  );
  expect(said.match(/^- Entry \d+/gm)).toEqual(Array.from({ length: 10 }, (_, at) => `- Entry ${at}`));
});

interface ListedPackage {
  readonly at: string;
  /** Its elements, each in one line; their order and the times of files and their places don't count. */
  readonly facts: readonly string[];
  /** Its entries, in their order. */
  readonly changelog: readonly string[];
}

/** By the digest of the file. */
async function packagesIn(repository: string, name: string): Promise<Map<string, ListedPackage>> {
  const repomd = readFileSync(join(repository, "repodata/repomd.xml"), "utf8");
  const [, href = ""] = new RegExp(`<data type="${name}">[^]*?<location href="([^"]*)"`).exec(repomd) ?? [];
  const bytes = readFileSync(join(repository, href));
  const xml = (href.endsWith(".zst") ? zstdDecompressSync(bytes) : gunzipSync(bytes)).toString();
  expect(xml).toContain(` packages="${xml.match(/<package /g)?.length ?? 0}"`);
  const read = xml.replace(/&#x([0-9A-F]+);/g, (_, code: string) => String.fromCodePoint(parseInt(code, 16)));
  const texts = read.match(/<package [^]*?<\/package>/g) ?? [];
  return new Map(
    texts.map((text) => {
      const [, id = ""] = /pkgid="([0-9a-f]{64})"|>([0-9a-f]{64})<\/checksum>/.exec(text)?.filter(Boolean) ?? [];
      const [, at = ""] = /<location href="([^"]*)"/.exec(text) ?? [];
      const facts = text
        .replace(/<location[^>]*>|<time file="\d+"/g, "")
        .replace(/>\s+</g, "><")
        .replace(/<(\S+?)><\/\1>/g, "<$1/>")
        .split(/(?<=>)(?=<)/);
      return [id, { at, facts: facts.toSorted(), changelog: text.match(/<changelog [^]*?<\/changelog>/g) ?? [] }];
    }),
  );
}

test("a repository or a package that somebody changed is refused by dnf, and found by the audit", async () => {
  const copy = join(scene.root, "changed");
  cpSync(scene.store, copy, { recursive: true });
  const at = (path: string) => join(copy, "rpm/staging", path);
  const repomd = at("repodata/repomd.xml");
  writeFileSync(repomd, readFileSync(repomd, "utf8").replace("<tags>", "<tags> "));
  const first = emptyRoot("changed-repomd", [`baseurl=file://${at("")}`]);
  expect(await first.dnf(["install", "hello"], 1)).toMatch(/repomd\.xml GPG signature verification error|BAD|Bad/);
  cpSync(join(scene.store, "rpm/staging/repodata/repomd.xml"), repomd);
  for (const { at: path } of (await packagesIn(at(""), "primary")).values()) {
    const bytes = readFileSync(at(path));
    bytes[bytes.length - 5]! ^= 1;
    rmSync(at(path));
    writeFileSync(at(path), bytes);
  }
  const second = emptyRoot("changed-package", [`baseurl=file://${at("")}`]);
  await second.dnf(["install", "hello"], 1);
  const { end, stdout } = await kiln(scene, ["audit", "--store", copy, "--json"]);
  expect(end).toBe(3);
  expect(JSON.parse(stdout).findings.map(({ code }: { code: string }) => code)).toContain("STORE_CORRUPT");
});

test("a promotion makes another repository of the same packages; the audit finds nothing, and a rebuild changes nothing", async () => {
  await kilnDone(scene, ["promote", "hello@1.1.0", "production"]);
  const { dnf, installed } = emptyRoot("production", [byPointer("production")]);
  await dnf(["install", "hello"]);
  expect(installed()).toBe("1.1.0");
  expect((await kilnDone(scene, ["audit"])).stdout).not.toMatch(/error:|behind/);
  const before = unsigned();
  await kilnDone(scene, ["views", "rebuild"]);
  expect(unsigned()).toEqual(before);
  rmSync(join(scene.store, "rpm"), { recursive: true });
  await kilnDone(scene, ["views", "rebuild"]);
  const indexes = (all: Record<string, string>) =>
    Object.keys(all).filter((path) => /^[^/]+\/repodata\/[0-9a-f]{64}-/.test(path));
  const again = unsigned();
  for (const path of indexes(again)) expect(again[path]).toBe(before[path]);
  await kilnDone(scene, ["audit"]);
});

/** Every file below rpm/ but signatures → its digest. */
function unsigned(): Record<string, string> {
  const folder = join(scene.store, "rpm");
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() && !entry.name.endsWith(".asc") ? [relative(folder, join(entry.parentPath, entry.name))] : [],
  );
  return Object.fromEntries(paths.toSorted().map((path) => [path, digestOf(readFileSync(join(folder, path)))]));
}
