// Stock clients straight from a bucket that anybody may read, with nothing between: whoever installs, mirrors or bootstraps does it from a
// channel, from another after a promotion, and goes back with it, each in its own way. Signatures and digests are checked as by default
// or more strictly. Only pip and uv ask for addresses that end in a slash: they read the bucket's website.

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";
import pMap from "p-map";
import { afterAll, beforeAll, expect, test } from "vitest";

import { programs } from "../../tools/test-programs.mjs";
import { aptOptions, debmirror, debootstrap, mmdebstrap } from "../fixtures/apt-clients.ts";
import { type ClientName, newProject } from "../fixtures/npm-clients.ts";
import { environmentAt, fetchPrograms, pipInstall, uvInstall } from "../fixtures/pypi-clients.ts";
import { emptyScene, kiln, kilnDone, removeScene, type Scene } from "../fixtures/scene.ts";
import { startWebsite, type Website } from "../fixtures/website.ts";
import { dnfConfig, dnfIn, reposync, writeZypperRepository, zypper } from "../fixtures/yum-clients.ts";
import { credentials } from "../stores/s3-server.ts";

const maker = new URL("../programs/make-packages.py", import.meta.url).pathname;
const [older, newer] = ["1.0.1", "1.0.2"] as const;

let scene: Scene;
let website: Website;
/** The store's OpenPGP key: armored, and as gpgv wants it. */
let keys: { readonly armored: string; readonly binary: string };

beforeAll(async () => {
  scene = emptyScene();
  const fetchedTo = join(scene.root, "programs");
  const fetched = fetchPrograms(fetchedTo, "uv");
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
  keys = { armored: join(scene.root, "kiln.asc"), binary: join(scene.root, "kiln.gpg") };
  await writeFile(keys.armored, (await store("keys", "export", "--openpgp")).stdout);
  await run("gpg", "--dearmor", "--output", keys.binary, keys.armored);
  await fetched;
  clients = {
    apt: await apt("apt", website.plain),
    debmirror: await mirroredByDebmirror(),
    debootstrap: downloadedByDebootstrap(),
    mmdebstrap: unpackedByMmdebstrap(),
    dnf: await installedByDnf(),
    reposync: await mirroredByReposync(),
    zypper: await installedByZypper(),
    pip: await fromIndex("pip", pipInstall, "--force-reinstall"),
    uv: await fromIndex("uv", (...where) => uvInstall(fetchedTo, ...where), "--reinstall"),
    npm: await fromRegistry("npm", "install"),
    pnpm: await fromRegistry("pnpm", "add"),
    yarn: await fromRegistry("yarn", "add"),
    berry: await fromRegistry("berry", "add"),
    helm: helm(),
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

const names = [
  ...(["apt", "debmirror", "debootstrap", "mmdebstrap"] as const),
  ...(["dnf", "reposync", "zypper"] as const),
  ...(["pip", "uv"] as const),
  ...(["npm", "pnpm", "yarn", "berry"] as const),
  "helm",
] as const;
let clients: Readonly<Record<(typeof names)[number], Client>>;

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

/** apt and dpkg, into a root that holds nothing. */
async function apt(name: string, uri: string): Promise<Client> {
  const folder = join(scene.root, name);
  const options = await aptOptions(folder, ["amd64"]);
  const get = (...args: string[]) => run("apt-get", ...options, "--yes", ...args);
  const update = async (channel: string) => {
    const source = `deb [signed-by=${keys.armored}] ${uri} ${channel} main\n`;
    await writeFile(join(folder, "sources.list"), source);
    await get("update", "--error-on=any");
  };
  return {
    async install(channel) {
      await update(channel);
      await get("install", "--reinstall", "greeter");
    },
    async followBack(channel) {
      const preferences = await fetch(`${website.plain}/dists/${channel}/preferences`);
      await writeFile(join(folder, "preferences"), await preferences.text());
      await update(channel);
      await get("upgrade", "--allow-downgrades");
    },
    installed: () => readFile(join(folder, "root/usr/share/greeter/version"), "utf8"),
  };
}

const suiteOf = (suite: string, keyring: string) => ({ url: website.plain, suite, components: ["main"], keyring });

/** And apt, from the mirror. */
async function mirroredByDebmirror(): Promise<Client> {
  const mirror = join(scene.root, "debmirror");
  const { install, followBack, installed } = await apt("apt-of-mirror", `file:${mirror}`);
  const update = (channel: string) =>
    run(...debmirror({ ...suiteOf(channel, keys.binary), architectures: ["amd64"] }, mirror));
  return {
    async install(channel) {
      await update(channel);
      await install(channel);
    },
    async followBack(channel) {
      await update(channel);
      await followBack(channel);
    },
    installed,
  };
}

function downloadedByDebootstrap(): Client {
  const target = join(scene.root, "debootstrap");
  const download = async (channel: string) => {
    await rm(target, { recursive: true, force: true });
    await run(...debootstrap(suiteOf(channel, keys.binary), target, "--include=greeter", "--exclude=apt"));
  };
  return {
    install: download,
    followBack: download,
    async installed() {
      const files = await readdir(join(target, "var/cache/apt/archives"));
      return files.flatMap((file) => /^greeter_(.*)_all\.deb$/.exec(file)?.[1] ?? []).join(" ");
    },
  };
}

function unpackedByMmdebstrap(): Client {
  const target = join(scene.root, "mmdebstrap");
  const unpack = async (channel: string) => {
    await rm(target, { recursive: true, force: true });
    await run(...mmdebstrap(suiteOf(channel, keys.armored), target, "greeter"));
  };
  return {
    install: unpack,
    followBack: unpack,
    installed: () => readFile(join(target, "usr/share/greeter/version"), "utf8"),
  };
}

const byPointer = (channel: string) => `mirrorlist=${website.plain}/rpm/${channel}/mirrorlist`;
const byAddress = (channel: string) => `baseurl=${website.plain}/rpm/${channel}/`;
const inBoth = (address: (channel: string) => string) => ({
  staging: address("staging"),
  production: address("production"),
});
const rpmIn = (root: string) => run("rpm", "--root", root, "-q", "--qf", "%{version}", "greeter");

async function installedByDnf(): Promise<Client> {
  const [root, plain] = [join(scene.root, "dnf"), join(scene.root, "dnf-plain")];
  await dnfConfig(root, inBoth(byPointer), keys.armored);
  await dnfConfig(plain, inBoth(byAddress), keys.armored);
  return {
    async install(channel) {
      for (const at of [root, plain]) {
        await rm(at, { recursive: true });
        await run(...dnfIn(at, `--repo=${channel}`, "install", "greeter"));
      }
    },
    followBack: (channel) => run(...dnfIn(root, `--repo=${channel}`, "distro-sync")),
    installed: () => rpmIn(root),
  };
}

/** And dnf, from the copy. */
async function mirroredByReposync(): Promise<Client> {
  const [root, target, copy] = ["reposync", "dnf-of-copy", "copy"].map((name) => join(scene.root, name)) as [
    string,
    string,
    string,
  ];
  await dnfConfig(root, inBoth(byAddress), keys.armored);
  await run("rpmkeys", "--root", root, "--import", keys.armored);
  await dnfConfig(
    target,
    inBoth((channel) => `baseurl=file://${copy}/${channel}/`),
    keys.armored,
  );
  const update = (channel: string) => run(...reposync(root, copy, `--repo=${channel}`));
  return {
    async install(channel) {
      await update(channel);
      await rm(target, { recursive: true });
      await run(...dnfIn(target, `--repo=${channel}`, "install", "greeter"));
    },
    async followBack(channel) {
      await update(channel);
      await run(...dnfIn(target, `--repo=${channel}`, "distro-sync"));
    },
    installed: () => rpmIn(target),
  };
}

async function installedByZypper(): Promise<Client> {
  const root = join(scene.root, "zypper");
  await mkdir(root);
  await run("rpm", "--root", root, "--initdb");
  await run("rpmkeys", "--root", root, "--import", keys.armored);
  const refresh = async (channel: string, ...how: string[]) => {
    await writeZypperRepository(root, { name: channel, address: byPointer(channel), keyFile: keys.armored });
    await run(...zypper(root, "refresh", ...how));
  };
  return {
    async install(channel) {
      await refresh(channel);
      await run(...zypper(root, "install", "--force", "greeter"));
    },
    async followBack(channel) {
      // It keeps a mirrorlist for an hour.
      await refresh(channel, "--force");
      await run(...zypper(root, "dist-upgrade", "--allow-downgrade"));
    },
    installed: () => rpmIn(root),
  };
}

/** pip or uv, which go wherever the index is when they install anew. */
async function fromIndex(name: string, command: typeof pipInstall, again: string): Promise<Client> {
  const environment = join(scene.root, name);
  await run(...environmentAt(environment));
  const install = (channel: string) =>
    run(...command(environment, `${website.url}/pypi/${channel}/simple/`), again, "greeter");
  return {
    install,
    followBack: install,
    installed: () => run(join(environment, "bin/python"), "-c", "import greeter; print(greeter.VERSION)"),
  };
}

async function fromRegistry(name: ClientName, add: string): Promise<Client> {
  const project = await newProject(scene, name, `${website.plain}/npm/`, name);
  const install = (channel: string) => project.run([add, `@acme/greeter@${channel}`]);
  return { install, followBack: install, installed: () => project.load("@acme/greeter") };
}

function helm(): Client {
  const update = async (channel: string) => {
    await run(programs.helm, "repo", "add", "--force-update", "kiln", `${website.plain}/charts/${channel}`);
    await run(programs.helm, "repo", "update");
  };
  return {
    install: update,
    followBack: update,
    installed: async () => {
      const rendered = await run(programs.helm, "template", "x", "kiln/greeter", "--verify", "--keyring", keys.binary);
      return /version: "(.*)"/.exec(rendered)?.[1] ?? rendered;
    },
  };
}

/** A few at a time, each with what it has installed afterwards. */
async function afterwards(act: (client: Client) => Promise<unknown>): Promise<Record<string, string>> {
  const all = await pMap(
    names,
    async (name) => {
      await act(clients[name]);
      return [name, await clients[name].installed()] as const;
    },
    { concurrency: 3 },
  );
  return Object.fromEntries(all);
}

const everywhere = (version: string) => Object.fromEntries(names.map((name) => [name, version]));

test("every client installs from a channel in a bucket", { timeout: 600_000 }, async () => {
  expect(await afterwards(({ install }) => install("staging"))).toEqual(everywhere(newer));
});

test("a promotion copies nothing, and every client installs from the new channel", { timeout: 600_000 }, async () => {
  await store("promote", `greeter@${newer}`, "production");
  expect(await afterwards(({ install }) => install("production"))).toEqual(everywhere(newer));
});

test("a channel that goes back takes every client back, each in its own way", { timeout: 600_000 }, async () => {
  await store("promote", `greeter@${older}`, "production");
  expect(await afterwards(({ followBack }) => followBack("production"))).toEqual(everywhere(older));
  await clients.npm.install("staging");
  expect(await clients.npm.installed()).toBe(newer);
});

test("the audit of the bucket finds nothing", async () => {
  const { end, stdout } = await kiln(scene, ["audit", "--json"], inBucket());
  expect(end, stdout).toBe(0);
});
