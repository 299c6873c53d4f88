// Stock clients that refresh again and again while somebody publishes release after release: what they see never goes back, is as new as
// what was published before they asked, and nothing fails for those that follow a pointer. Those that read several documents
// that are replaced one after the other may meet two states at once, when a release comes between two of their requests; then one more
// try without a release in it goes well, each time. KILN_PUBLISHES: how many releases.

import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { createStore } from "../../src/publish/create-store.ts";
import { createOpenPgpKey, type OpenPgpKey } from "../../src/sign/openpgp-signer.ts";
import { makeStore } from "../../src/stores/writable.ts";
import { serveStore } from "../fixtures/index-server.ts";
import { publisher, withOpenPgp } from "../fixtures/publisher.ts";
import type { WebServer } from "../stores/web-server.ts";

const program = (name: string) => new URL(`../programs/${name}`, import.meta.url).pathname;
const publishes = Number(process.env["KILN_PUBLISHES"] ?? "500");
/** All of one length. */
const versions = Array.from({ length: publishes }, (_, at) => `1.0.${1000 + at}`);
const number = (version: string) => Number(version.split(".")[2]);

let folder: string;
let store: string;
let keyFile: string;
let openpgp: OpenPgpKey;
let server: WebServer;
/** Number of the newest version whose publish has ended. */
let newest = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-clients-"));
  store = join(folder, "store");
  const packages = join(folder, "packages");
  await mkdir(packages);
  const packing = execa("python3", [program("make-packages.py"), packages, ...versions]);
  openpgp = await createOpenPgpKey("Kiln examples <examples@kiln.invalid>", 1_600_000_000_000);
  keyFile = join(folder, "kiln.asc");
  await writeFile(keyFile, openpgp.publicKey);
  const { signal } = new AbortController();
  const made = await makeStore(store, { cwd: folder, signal });
  server = await serveStore(store);
  const { trust, signers } = withOpenPgp(publisher(made), openpgp);
  await createStore({ store: made, trust, signer: signers.log, now: 0, publicUrl: `${server.url}/` });
  await packing;
}, 300_000);

afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

interface Client {
  readonly name: string;
  /** True: every document that it reads is named by one that is swapped as a whole. */
  readonly follows: boolean;
  /** Asks the repository what there is. Throws what it says when that fails. */
  readonly refresh: () => Promise<void>;
  /** The newest version that it knows of. */
  readonly seen: () => Promise<string | undefined>;
}

async function run(argv: readonly string[]): Promise<string> {
  // The publisher comes first: the clients have what it leaves of the machine.
  const { stdout } = await execa("nice", ["-n", "10", ...argv], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: folder, LC_ALL: "C.UTF-8", PIP_CONFIG_FILE: "/dev/null" },
    extendEnv: false,
    stdin: "ignore",
    timeout: 120_000,
  });
  return stdout;
}

async function apt(name: string, settings: Readonly<Record<string, string>> = {}): Promise<Client> {
  const root = join(folder, name.replaceAll(" ", "-"));
  for (const each of ["lists/partial", "cache/archives/partial", "parts"]) {
    await mkdir(join(root, each), { recursive: true });
  }
  await writeFile(join(root, "status"), "");
  await writeFile(join(root, "sources.list"), `deb [arch=amd64 signed-by=${keyFile}] ${server.url} staging main\n`);
  const all = {
    Dir: root,
    "Dir::State": root,
    "Dir::State::status": join(root, "status"),
    "Dir::Cache": join(root, "cache"),
    "Dir::Etc::SourceList": join(root, "sources.list"),
    "Dir::Etc::SourceParts": join(root, "parts"),
    "Dir::Etc::Parts": join(root, "parts"),
    "APT::Sandbox::User": "root",
    "Acquire::Check-Valid-Until": "true",
    "Acquire::Check-Date": "true",
    ...settings,
  };
  const options = Object.entries(all).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  return {
    name,
    follows: settings["Acquire::By-Hash"] !== "no",
    refresh: async () => void (await run(["apt-get", ...options, "update", "--error-on=any"])),
    seen: async () => /Candidate: (\S+)/.exec(await run(["apt-cache", ...options, "policy", "greeter"]))?.[1],
  };
}

async function dnf(name: string, line: string): Promise<Client> {
  const root = join(folder, name.replaceAll(" ", "-"));
  await mkdir(root);
  const config = join(root, "dnf.conf");
  const main = ["[main]", "reposdir=/nonexistent", "plugins=0", `cachedir=${root}/cache`, `logdir=${root}`];
  const repository = ["[kiln]", "name=kiln", "gpgcheck=1", "repo_gpgcheck=1", `gpgkey=file://${keyFile}`, line];
  // Its own tries after the first would hide what fails.
  const strict = ["retries=1", "skip_if_unavailable=0"];
  await writeFile(config, `${[...main, ...strict, ...repository].join("\n")}\n`);
  const options = ["--installroot", root, "--config", config, "--releasever=1", "-y"];
  return {
    name,
    follows: line.startsWith("mirrorlist="),
    refresh: async () => void (await run(["dnf", ...options, "makecache", "--refresh"])),
    seen: async () =>
      (await run(["dnf", ...options, "--cacheonly", "repoquery", "--latest-limit=1", "--qf=%{version}", "greeter"]))
        .trim()
        .split("\n")
        .at(-1),
  };
}

async function pip(): Promise<Client> {
  const target = join(folder, "pip");
  const options = ["--no-input", "--no-cache-dir", "--disable-pip-version-check", "--no-deps", "--dest", target];
  const index = ["--index-url", `${server.url}/pypi/staging/simple/`];
  return {
    name: "pip download",
    follows: true,
    async refresh() {
      await rm(target, { recursive: true, force: true });
      await run(["/usr/bin/python3", "-m", "pip", "download", ...options, ...index, "greeter"]);
    },
    seen: async () => /-(.*)-py3/.exec((await readdir(target)).join())?.[1],
  };
}

async function npm(): Promise<Client> {
  const home = join(folder, "npm");
  await mkdir(home);
  let said = "";
  return {
    name: "npm view",
    follows: true,
    async refresh() {
      const what = ["view", "@acme/greeter", "versions", "dist-tags", "--json"];
      said = await run(["npm", ...what, "--registry", `${server.url}/npm/`, "--cache", home, "--fetch-retries=0"]);
    },
    async seen() {
      const { versions: all, "dist-tags": tags } = JSON.parse(said) as {
        versions: string | string[];
        "dist-tags": { staging: string };
      };
      expect([all].flat().at(-1)).toBe(tags.staging);
      return tags.staging;
    },
  };
}

interface Turns {
  readonly client: Client;
  turns: number;
  /** How often the client met two states at once. */
  mismatches: number;
  /** How often it met them again when it tried once more at once, while releases went on. */
  again: number;
  readonly wrong: string[];
}

/** Between how many releases a client takes its turns that doesn't follow a pointer: each may hold the publisher up. */
const apart = 10;
let isOver = false;
/** What waits for a moment in which nothing is being published. */
const waiting: (() => Promise<void>)[] = [];

function inPeace(act: () => Promise<void>): Promise<void> {
  if (isOver) return act();
  return new Promise((resolve, reject) => waiting.push(() => act().then(resolve, reject)));
}

/** Turn after turn until there is nothing more to come, and then once more. */
async function follow(client: Client): Promise<Turns> {
  const result: Turns = { client, turns: 0, mismatches: 0, again: 0, wrong: [] };
  let before = 0;
  for (let isLast = false; !isLast; result.turns++) {
    const next = newest + apart;
    isLast = isOver;
    try {
      const least = Math.max(before, newest);
      await refresh(client, result);
      const seen = number((await client.seen()) ?? "");
      if (!(seen >= least)) result.wrong.push(`saw ${seen}, want ${least} or newer`);
      before = seen;
    } catch (error) {
      result.wrong.push(String(error));
    }
    while (!client.follows && newest < next && !isOver) await sleep(50);
  }
  return result;
}

async function refresh(client: Client, turns: Turns): Promise<void> {
  if (await isWhole(client)) return;
  turns.mismatches++;
  if (await isWhole(client)) return;
  turns.again++;
  // What it met was a release each time, and nothing that stays: this must go well.
  await inPeace(client.refresh);
}

/** False: it met two states at once, and is one of those that may. */
async function isWhole({ refresh: ask, follows }: Client): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch (error) {
    if (follows || !/mismatch|unexpected size|GPG|signature/i.test(String(error))) throw error;
    return false;
  }
}

async function publishAll(onFirst: () => void): Promise<void> {
  const order = { folder: join(folder, "packages"), versions, openpgp, publicUrl: `${server.url}/` };
  const publishing = execa(process.execPath, [program("publish-packages.ts"), store, JSON.stringify(order)]);
  try {
    const said = publishing[Symbol.asyncIterator]();
    for (const version of versions) {
      publishing.stdin.write("\n");
      if ((await said.next()).value !== version) break;
      newest = number(version);
      if (version === versions[0]) onFirst();
      await Promise.all(waiting.splice(0).map((act) => act()));
    }
    publishing.stdin.end();
    await publishing;
  } finally {
    isOver = true;
    await Promise.all(waiting.splice(0).map((act) => act()));
  }
}

test("clients never fail and never go back while releases are published", { timeout: 3_600_000 }, async () => {
  const clients = await Promise.all([
    apt("apt by hash"),
    apt("apt by usual paths", { "Acquire::By-Hash": "no" }),
    dnf("dnf by pointer", `mirrorlist=${server.url}/rpm/staging/mirrorlist`),
    dnf("dnf by address", `baseurl=${server.url}/rpm/staging/`),
    pip(),
    npm(),
  ]);
  let turns: Promise<Turns[]> | undefined;
  await publishAll(() => {
    turns = Promise.all(clients.map(follow));
  });
  const results = (await turns) ?? [];
  expect(newest).toBe(number(versions.at(-1) ?? ""));
  expect(results.flatMap(({ client, wrong }) => wrong.map((what) => `${client.name}: ${what}`))).toEqual([]);
  for (const { client, turns: count, mismatches, again } of results) {
    console.log(`${client.name}: ${count} turns, ${mismatches} mismatches, ${again} of them also at the next try`);
  }
});
