// The lines that the pages show for dnf, pip, uv, npm, pnpm, yarn and helm, run as they stand there by the stock clients, each in a clean
// place: they install, and follow the channel forth and back. Those for apt, and to verify, are run in web.test.ts.

import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { programs } from "../../tools/test-programs.mjs";
import { linesOn, startBrowser } from "../fixtures/browser.ts";
import { type Cluster, startCluster } from "../fixtures/cluster.ts";
import { type DebianRoot, makeDebianRoot } from "../fixtures/debian-root.ts";
import { serveStore } from "../fixtures/index-server.ts";
import { emptyScene, kilnDone, removeScene, type Scene } from "../fixtures/scene.ts";
import type { WebServer } from "../stores/web-server.ts";

const maker = new URL("../programs/make-packages.py", import.meta.url).pathname;
const modules = new URL("../../registry/node_modules/", import.meta.url).pathname;
const [older, newer] = ["1.0.1", "1.0.2"] as const;

let scene: Scene;
let server: WebServer;
let debian: DebianRoot;
let cluster: Cluster;
/** The lines of the page of the name, by the words before them. */
let lines: ReadonlyMap<string, string>;

beforeAll(async () => {
  scene = emptyScene();
  const making = makeDebianRoot("bookworm", ["curl", "dnf", "gpg", "rpm", "sudo"]);
  making.catch(() => undefined);
  server = await serveStore(scene.store);
  const packages = join(scene.root, "packages");
  await mkdir(packages);
  await execa("python3", [maker, packages, older, newer]);
  await kiln("store", "create", scene.store, "--origin", "kiln.test", "--public-url", `${server.url}/`);
  for (const version of [older, newer]) {
    const files = ["_V_all.deb", "-V-1.noarch.rpm", "-V-py3-none-any.whl", "-V.tgz"].map((end) => `greeter${end}`);
    const paths = [...files, "acme-greeter-V.tgz"].map((file) => join(packages, version, file.replace("V", version)));
    await kiln("publish", ...paths, "--name", "greeter", "--version", version, "--channel", "staging");
  }
  await kiln("promote", `greeter@${older}`, "production");
  await mkdir(bin());
  for (const [name, path] of Object.entries({ pnpm: "pnpm/bin/pnpm.cjs", yarn: "yarn/bin/yarn.js" })) {
    await script(name, `exec ${process.execPath} ${modules}${path} "$@"`);
  }
  await script("helm", `exec ${programs.helm} "$@"`);
  cluster = await startCluster();
  const browser = await startBrowser();
  const page = await browser.newPage({ javaScriptEnabled: false });
  await page.goto(`${server.url}/web/greeter/index.html`);
  lines = await linesOn(page);
  await browser.close();
  debian = await making;
}, 300_000);

afterAll(async () => {
  await cluster.close();
  await server.close();
  await removeScene(scene);
  await debian.remove();
});

const kiln = (...args: string[]) => kilnDone(scene, args, { cwd: scene.root });
const bin = () => join(scene.root, "bin");

async function script(name: string, line: string): Promise<void> {
  await writeFile(join(bin(), name), `#!/bin/sh\n${line}\n`);
  await chmod(join(bin(), name), 0o755);
}

/** What stands on the page after words that begin so. */
function linesAfter(words: string): string {
  const found = [...lines].filter(([before]) => before.startsWith(words));
  expect(found, `${words} among ${[...lines.keys()].join(" | ")}`).toHaveLength(1);
  return found[0]?.[1] ?? "";
}

interface Place {
  /** Runs lines of the page in the folder; what they said. */
  readonly run: (text: string) => Promise<string>;
  /** Empty, in the home. */
  readonly folder: string;
}

/** A home of its own with nothing in it, and none of the machine's settings. `path`: before all others in PATH. */
async function cleanPlace(name: string, more: Readonly<Record<string, string>> = {}, path = ""): Promise<Place> {
  const home = join(scene.root, "places", name);
  const folder = join(home, "project");
  await mkdir(folder, { recursive: true });
  const env = {
    PATH: `${path}${bin()}:${scene.env["PATH"]}`,
    HOME: home,
    LC_ALL: "C.UTF-8",
    PIP_CONFIG_FILE: "/dev/null",
    // What these ask elsewhere is no part of installing.
    npm_config_audit: "false",
    npm_config_update_notifier: "false",
    PIP_DISABLE_PIP_VERSION_CHECK: "1",
    ...more,
  };
  return {
    folder,
    async run(text) {
      const options = { cwd: folder, env, extendEnv: false, all: true, reject: false, stdin: "ignore" } as const;
      const { exitCode, all } = await execa("sh", ["-euc", text], { ...options, timeout: 120_000 });
      expect(exitCode, `${text}\n${all}`).toBe(0);
      return all;
    },
  };
}

/** Forth with the channel, and back. `follow` does what the page says, `installed` says what is there then. */
async function followForthAndBack(follow: () => Promise<unknown>, installed: () => Promise<string>): Promise<void> {
  expect(await installed()).toBe(older);
  for (const version of [newer, older]) {
    await kiln("promote", `greeter@${version}`, "production");
    await follow();
    expect(await installed()).toBe(version);
  }
}

test("dnf, with the key that was imported before", async () => {
  // Nobody is there to say yes; and systems whose own client is dnf have the folder.
  await debian.run(["sh", "-euc", "echo assumeyes=1 >>/etc/dnf/dnf.conf; mkdir -p /etc/yum.repos.d"]);
  const run = (text: string) => debian.run(["sh", "-euc", `cd /root\n${text}`]);
  await run(linesAfter("Fetch it, and look at its fingerprint"));
  await run(linesAfter("production Once, with the key in the same folder (for zypper"));
  await run(linesAfter("production Install:"));
  await followForthAndBack(
    () => run(linesAfter("production To follow the channel, forth and back (zypper")),
    () => run("rpm -q --qf '%{version}' greeter"),
  );
});

const version = "python3 -c 'import greeter; print(greeter.VERSION)'";

test("pip", async () => {
  const environment = join(scene.root, "pip");
  await execa("/usr/bin/python3", ["-m", "venv", environment]);
  const { run } = await cleanPlace("pip", {}, `${environment}/bin:`);
  await run(linesAfter("production Install; what it depends on"));
  const follow = () => run(linesAfter("production To follow the channel, forth and back:"));
  await followForthAndBack(follow, () => run(version));
});

test("uv", async () => {
  const [environment, uv] = [join(scene.root, "uv"), join(scene.root, "uv-itself")];
  await execa("/usr/bin/python3", ["-m", "venv", "--without-pip", environment]);
  // As the machine is set up: this alone asks a registry.
  await execa("/usr/bin/python3", ["-m", "pip", "install", "--quiet", "--target", uv, "uv==0.13.9"]);
  const { run } = await cleanPlace("uv", { VIRTUAL_ENV: environment }, `${environment}/bin:${uv}/bin:`);
  const follow = () => run(linesAfter("production The same with uv"));
  await follow();
  await followForthAndBack(follow, () => run(version));
});

const required = `node --print 'require("@acme/greeter")'`;

test("npm", async () => {
  const { run, folder } = await cleanPlace("npm");
  await writeFile(join(folder, "package.json"), `{ "name": "project", "private": true }\n`);
  await run(linesAfter("production Once, in the project"));
  const follow = () => run(linesAfter("production Install what the channel, a dist-tag, shows"));
  await follow();
  await followForthAndBack(follow, () => run(required));
});

test.each([
  ["pnpm", 0],
  ["yarn", 1],
])("%s", async (name, at) => {
  const { run, folder } = await cleanPlace(name);
  await writeFile(join(folder, "package.json"), `{ "name": "project", "private": true }\n`);
  await run(linesAfter("production Once, in the project"));
  // A line for each of the two.
  const line = linesAfter("production The same with pnpm, or with yarn 1").split("\n")[at] ?? "";
  expect(line).toMatch(new RegExp(`^${name} add `));
  await run(line);
  await followForthAndBack(
    () => run(line),
    () => run(required),
  );
});

test("helm, into a cluster", async () => {
  const { run, folder } = await cleanPlace("helm", { KUBECONFIG: join(scene.root, "places/helm/project/config") });
  const config = { apiVersion: "v1", kind: "Config", "current-context": "own" };
  const contexts = [{ name: "own", context: { cluster: "own", user: "own" } }];
  const clusters = [{ name: "own", cluster: { server: cluster.url } }];
  await writeFile(
    join(folder, "config"),
    JSON.stringify({ ...config, contexts, clusters, users: [{ name: "own", user: {} }] }),
  );
  await run(linesAfter("Fetch it, and look at its fingerprint"));
  await run(linesAfter("production Once; openpgp.gpg is the key"));
  const follow = () => run(linesAfter("production Install, or follow the channel, forth and back"));
  await follow();
  await followForthAndBack(follow, async () => cluster.configMap("greeter")?.data?.["version"] ?? "none");
});
