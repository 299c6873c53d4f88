// Stock clients straight from a bucket that anybody may read, with nothing between: apt, dnf, pip, npm and helm install from a channel,
// from another after a promotion, and go back with it, each in its own way. Signatures and digests are checked as by default
// or more strictly. Only pip asks for addresses that end in a slash: it reads the bucket's website.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { programs } from "../../tools/test-programs.mjs";
import { emptyScene, kiln, kilnDone, removeScene, type Scene } from "../fixtures/scene.ts";
import { startWebsite, type Website } from "../fixtures/website.ts";
import { credentials } from "../stores/s3-server.ts";

const maker = new URL("../programs/make-packages.py", import.meta.url).pathname;
const [older, newer] = ["1.0.1", "1.0.2"] as const;

let scene: Scene;
let website: Website;
let keyFile: string;

beforeAll(async () => {
  scene = emptyScene();
  website = await startWebsite();
  const packages = join(scene.root, "packages");
  await mkdir(packages);
  await execa("python3", [maker, packages, older, newer]);
  await store("store", "create", website.store, "--origin", "kiln.test", "--public-url", `${website.plain}/`);
  for (const version of [older, newer]) {
    const files = ["_V_all.deb", "-V-1.noarch.rpm", "-V-py3-none-any.whl", "-V.tgz"].map((end) => `greeter${end}`);
    const paths = [...files, "acme-greeter-V.tgz"].map((file) => join(packages, version, file.replace("V", version)));
    const named = ["--name", "greeter", "--version", version];
    await store("publish", ...paths, ...named, "--channel", "staging");
  }
  keyFile = join(scene.root, "kiln.asc");
  await writeFile(keyFile, (await store("keys", "export", "--openpgp")).stdout);
  clients = {
    apt: await apt(),
    dnf: await dnf(),
    pip: await pip(),
    npm: await npm(),
    helm: await helm(),
  };
}, 300_000);

afterAll(async () => {
  await website.stop();
  await removeScene(scene);
});

const inBucket = () => ({ env: { ...credentials, KILN_STORE: website.store }, cwd: scene.root });
const store = (...args: string[]) => kilnDone(scene, args, inBucket());

interface Client {
  /** Installs what the channel shows, whatever is there. */
  readonly install: (channel: string) => Promise<unknown>;
  /** Goes where the channel has gone. */
  readonly followBack: (channel: string) => Promise<unknown>;
  readonly installed: () => Promise<string>;
}

let clients: Readonly<Record<"apt" | "dnf" | "pip" | "npm" | "helm", Client>>;

/** Without any of the machine's own settings. */
async function run(...[file, ...args]: readonly [string, ...string[]]): Promise<string> {
  const { exitCode, all, stdout } = await execa(file, args, {
    env: {
      PATH: `${scene.env["PATH"]}:/usr/sbin:/sbin`,
      HOME: scene.home,
      LC_ALL: "C.UTF-8",
      PIP_CONFIG_FILE: "/dev/null",
      APT_CONFIG: "/dev/null",
    },
    extendEnv: false,
    cwd: scene.root,
    stdin: "ignore",
    all: true,
    reject: false,
    timeout: 120_000,
  });
  expect(exitCode, `${file} ${args.join(" ")}\n${all}`).toBe(0);
  return stdout.trim();
}

async function folderFor(client: string, ...folders: readonly string[]): Promise<string> {
  const path = join(scene.root, client);
  for (const folder of ["", ...folders]) await mkdir(join(path, folder), { recursive: true });
  return path;
}

/** apt and dpkg, into a root that holds nothing. */
async function apt(): Promise<Client> {
  const root = await folderFor(
    "apt",
    "lists/partial",
    "cache/archives/partial",
    "parts",
    "var/lib/dpkg/updates",
    "var/lib/dpkg/info",
  );
  const status = join(root, "var/lib/dpkg/status");
  await writeFile(status, "");
  const settings = {
    Dir: root,
    "Dir::State": root,
    "Dir::State::status": status,
    "Dir::Cache": join(root, "cache"),
    "Dir::Etc::SourceList": join(root, "sources.list"),
    "Dir::Etc::SourceParts": join(root, "parts"),
    "Dir::Etc::Preferences": join(root, "preferences"),
    "Dir::Etc::PreferencesParts": join(root, "parts"),
    "Dir::Etc::Parts": join(root, "parts"),
    "Dir::Bin::dpkg": "/usr/bin/dpkg",
    "Dir::Log": root,
    "DPkg::Options::": `--root=${root}`,
    "APT::Sandbox::User": "root",
    "Acquire::Check-Valid-Until": "true",
    "Acquire::Check-Date": "true",
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  const get = (...args: string[]) => run("apt-get", ...options, "--yes", ...args);
  const update = async (channel: string) => {
    const source = `deb [arch=amd64 signed-by=${keyFile}] ${website.plain} ${channel} main\n`;
    await writeFile(join(root, "sources.list"), source);
    await get("update", "--error-on=any");
  };
  return {
    async install(channel) {
      await update(channel);
      await get("install", "--reinstall", "greeter");
    },
    async followBack(channel) {
      const preferences = await fetch(`${website.plain}/dists/${channel}/preferences`);
      await writeFile(join(root, "preferences"), await preferences.text());
      await update(channel);
      await get("upgrade", "--allow-downgrades");
    },
    installed: () => readFile(join(root, "usr/share/greeter/version"), "utf8"),
  };
}

async function dnf(): Promise<Client> {
  const root = await folderFor("dnf");
  const config = join(scene.root, "dnf.conf");
  const main = ["[main]", "gpgcheck=1", "reposdir=/nonexistent", "plugins=0", `cachedir=${root}.cache`];
  const common = ["gpgcheck=1", "repo_gpgcheck=1", `gpgkey=file://${keyFile}`, "skip_if_unavailable=0"];
  const ways = ["staging", "production"].flatMap((channel) => [
    ...[`[${channel}]`, `name=${channel}`, `mirrorlist=${website.plain}/rpm/${channel}/mirrorlist`, ...common],
    ...[`[plain-${channel}]`, `name=${channel}`, `baseurl=${website.plain}/rpm/${channel}/`, ...common],
  ]);
  await writeFile(config, `${[...main, ...ways].join("\n")}\n`);
  const options = ["--installroot", root, "--config", config, "--releasever=1", "-y", "--refresh"];
  const from = (repository: string, ...args: string[]) => run("dnf", ...options, `--repo=${repository}`, ...args);
  return {
    async install(channel) {
      await from(channel, "install", "greeter");
      await from(`plain-${channel}`, "reinstall", "greeter");
    },
    followBack: (channel) => from(channel, "distro-sync"),
    installed: () => run("rpm", "--root", root, "-q", "--qf", "%{version}", "greeter"),
  };
}

async function pip(): Promise<Client> {
  const environment = await folderFor("pip");
  await run("/usr/bin/python3", "-m", "venv", "--without-pip", environment);
  const python = join(environment, "bin/python");
  const install = (channel: string) => {
    const index = ["--index-url", `${website.url}/pypi/${channel}/simple/`, "--no-cache-dir", "--no-input"];
    return run(
      "/usr/bin/python3",
      "-m",
      "pip",
      "--python",
      python,
      "install",
      ...index,
      "--force-reinstall",
      "greeter",
    );
  };
  return {
    install,
    followBack: install,
    installed: () => run(python, "-c", "import greeter; print(greeter.VERSION)"),
  };
}

async function npm(): Promise<Client> {
  const project = await folderFor("npm");
  await writeFile(join(project, "package.json"), `{ "name": "project", "private": true }\n`);
  const install = (channel: string) =>
    run("npm", "--prefix", project, "install", "--registry", `${website.plain}/npm/`, `@acme/greeter@${channel}`);
  return {
    install,
    followBack: install,
    installed: () =>
      run(process.execPath, "--print", `require(${JSON.stringify(`${project}/node_modules/@acme/greeter`)})`),
  };
}

async function helm(): Promise<Client> {
  const keyring = join(scene.root, "kiln.gpg");
  await run("gpg", "--dearmor", "--output", keyring, keyFile);
  const update = async (channel: string) => {
    await run(programs.helm, "repo", "add", "--force-update", "kiln", `${website.plain}/charts/${channel}`);
    await run(programs.helm, "repo", "update");
  };
  return {
    install: update,
    followBack: update,
    installed: async () => {
      const rendered = await run(programs.helm, "template", "x", "kiln/greeter", "--verify", "--keyring", keyring);
      return /version: "(.*)"/.exec(rendered)?.[1] ?? rendered;
    },
  };
}

const names = ["apt", "dnf", "pip", "npm", "helm"] as const;

test.each(names)("%s installs from a channel in a bucket", async (name) => {
  await clients[name].install("staging");
  expect(await clients[name].installed()).toBe(newer);
});

test("a promotion copies nothing, and every client installs from the new channel", async () => {
  await store("promote", `greeter@${newer}`, "production");
  for (const name of names) {
    await clients[name].install("production");
    expect(await clients[name].installed(), name).toBe(newer);
  }
});

test("a channel that goes back takes every client back, each in its own way", async () => {
  await store("promote", `greeter@${older}`, "production");
  for (const name of names) {
    await clients[name].followBack("production");
    expect(await clients[name].installed(), name).toBe(older);
  }
  await clients.npm.install("staging");
  expect(await clients.npm.installed()).toBe(newer);
});

test("the audit of the bucket finds nothing", async () => {
  const { end, stdout } = await kiln(scene, ["audit", "--json"], inBucket());
  expect(end, stdout).toBe(0);
});
