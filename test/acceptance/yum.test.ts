// A channel as a yum repository, with dnf, reposync and zypper: packages and repository are signed, and both are checked. By the pointer
// and by the plain address, forth and back with the channel, and not from a store in which somebody changed anything.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { programs } from "../../tools/test-programs.mjs";
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

/** What the program said. The web server answers from this process: nothing may wait here. */
async function run([program = "", ...args]: readonly string[], status = 0, env = {}): Promise<string> {
  const ended = await execa(program, args, { all: true, reject: false, stdin: "ignore", timeout: 240_000, env });
  expect(ended.exitCode, `${program} ${args.join(" ")}\n${ended.all}`).toBe(status);
  return ended.all;
}

interface Root {
  readonly path: string;
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
    path,
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
  expect(await dnf(["repoquery", "--changelogs", "hello"])).toBeDefined();
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

void programs;
