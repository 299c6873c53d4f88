// Bakes in the packages of a suite: locked once, made once, the same key for whoever has the lock file. The packages come from
// where this machine's own apt has them.

import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { mirrorOf } from "../../src/bases/suite/mirror.ts";
import { processesWith } from "../fixtures/processes.ts";
import {
  commit,
  emptyScene,
  expectRefused,
  git,
  kiln,
  kilnDone,
  recipe,
  removeScene,
  type Scene,
  startKiln,
} from "../fixtures/scene.ts";

interface Lock {
  readonly suites: readonly { readonly packages: Readonly<Record<string, { version: string; sha256: string }>> }[];
}

const least =
  "{ app: { kind: archive, from: kiln.yaml }, package: { kind: deb, files: { /usr/share/app/kiln.yaml: kiln.yaml } } }";
const env = { KILN_ISOLATION: "sandbox", KILN_STORE: undefined };
const soon = { timeout: 60_000, interval: 20 };

let cache: string;
let scene: Scene;
let lock: string;
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), "kiln-bases-"));
  scene = await sceneWith({ suite: "bookworm", packages: ["make"] });
  await kilnDone(scene, ["lock"], { env });
  lock = await readFile(join(scene.project, "kiln.lock"), "utf8");
  await commit(scene, {});
}, 120_000);
afterAll(async () => {
  await removeScene(scene);
  await rm(cache, { recursive: true, force: true });
});

const look = [
  "mkdir files && . /etc/os-release && echo $VERSION_CODENAME > files/suite",
  "dpkg-query --show --showformat '${Package} ${Version}\\n' > files/packages",
  "make --version | head -1 > files/make && node --version > files/node",
];

/** A project whose steps write down what they see. Its bases are kept between scenes. */
async function sceneWith(base: object, files: Readonly<Record<string, string>> = {}): Promise<Scene> {
  const own = emptyScene(cache);
  await git(own, "init", "--quiet", "--initial-branch", "main");
  const artifacts = "{ app: { kind: archive, from: files }, package: { kind: deb, files: { /usr/share/app: files } } }";
  const text = recipe({ base: JSON.stringify(base), build: JSON.stringify(look), artifacts });
  await commit(own, { "kiln.yaml": text, ...files });
  return own;
}

async function withScene(made: Promise<Scene>, work: (own: Scene) => Promise<void>): Promise<void> {
  const own = await made;
  try {
    await work(own);
  } finally {
    await removeScene(own);
  }
}

const bookworm = { suite: "bookworm", packages: ["make"] };
const jsonOf = async (own: Scene, args: readonly string[]) =>
  JSON.parse((await kilnDone(own, [...args, "--json"], { env })).stdout) as Record<string, never>;

function basesIn(folder: string): string[] {
  const path = join(folder, "kiln/bases");
  return existsSync(path) ? readdirSync(path).filter((name) => !name.endsWith(".lock")) : [];
}

test("steps and packers see the locked suite and nothing of the machine, twice to the same bytes", async () => {
  const { folder } = await jsonOf(scene, ["bake", "--twice"]);
  const packed = join(scene.root, "unpacked");
  const deb = readdirSync(String(folder)).find((name) => name.endsWith(".deb")) ?? "";
  await execa("dpkg-deb", ["--extract", join(String(folder), deb), packed]);
  const seen = (name: string): string => readFileSync(join(packed, "usr/share/app", name), "utf8").trim();
  expect(seen("suite")).toBe("bookworm");
  expect(seen("node")).toBe(process.version);
  expect(seen("make")).toContain("GNU Make");
  const { suites } = JSON.parse(lock) as Lock;
  const listed = Object.entries(suites[0]?.packages ?? {}).map(([name, { version }]) => `${name} ${version}`);
  expect(seen("packages").split("\n").toSorted()).toEqual(listed.toSorted());
  const provenance = readFileSync(join(String(folder), "provenance.json"), "utf8");
  for (const { sha256 } of Object.values(suites[0]?.packages ?? {})) expect(provenance).toContain(sha256);
});

test("the plan names the base and nothing of the machine's packages: another machine has the same key", async () => {
  const { plan } = (await jsonOf(scene, ["plan"])) as { plan?: Record<string, never> };
  expect(plan?.["base"]).toMatchObject({ digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
  expect(plan?.["system"]).toBeUndefined();
  expect(Object.keys(plan?.["tools"] ?? {}).toSorted()).toEqual(["node", "npm", "zstd"]);
});

test("without a lock file, or with one for other packages, nothing is baked", async () => {
  await withScene(sceneWith(bookworm), async (own) => {
    expectRefused(await kiln(own, ["bake"], { env }), { status: 1, code: "BASE_UNLOCKED" });
  });
  await withScene(sceneWith({ suite: "bookworm" }, { "kiln.lock": lock }), async (own) => {
    expectRefused(await kiln(own, ["bake"], { env }), { status: 1, code: "BASE_UNLOCKED" });
    expectRefused(await kiln(own, ["bake", "--isolation", "none"], { env }), { status: 1, code: "BASE_UNLOCKED" });
  });
});

test.each([
  ["a package's bytes", (text: string) => text.replace(/("make": .*"sha256": ")[0-9a-f]{8}/, "$100000000")],
  ["a package's version", (text: string) => text.replace(/("make": { "version": ")[^"]*/, "$14.2-1")],
  ["the index", (text: string) => text.replace(/("inRelease": { "sha256": ")[0-9a-f]{8}/, "$100000000")],
])("a base is refused once it has moved: %s", async (what, change) => {
  const moved = change(lock);
  expect(moved).not.toBe(lock);
  await withScene(sceneWith(bookworm, { "kiln.lock": moved }), async (own) => {
    const said = await kiln(own, ["bake"], { env });
    expectRefused(said, { status: 1, code: "BASE_MOVED" });
    expect(said.stderr).toContain(what === "the index" ? "its InRelease" : "make ");
    expect(said.stderr).toContain("kiln lock");
    expect(basesIn(cache).filter((name) => name.endsWith(".making"))).toEqual([]);
    if (what !== "the index") return;
    // What the hint says is the way out.
    await kilnDone(own, ["lock"], { env });
    expect(await readFile(join(own.project, "kiln.lock"), "utf8")).toBe(lock);
  });
});

test("a bake that is stopped in a base leaves nothing running and nothing mounted, and the next one works", async () => {
  const mark = `${process.pid}73`;
  const step = `test -e quick || { setsid sleep ${mark} & sleep ${mark}; }`;
  const text = recipe({ base: JSON.stringify(bookworm), build: JSON.stringify([step]), artifacts: least });
  await withScene(sceneWith(bookworm, { "kiln.lock": lock, "kiln.yaml": text }), async (own) => {
    const stopped = startKiln(own, ["bake"], { env });
    const sleeping = () => processesWith(`sleep\0${mark}`).length;
    await expect.poll(sleeping, soon).toBe(2);
    stopped.kill("SIGTERM");
    await expectCancelled(stopped);
    await expect.poll(sleeping, soon).toBe(0);
    expect(mountsBelow(own.root)).toEqual([]);
    await commit(own, { quick: "" });
    await kilnDone(own, ["bake"], { env });
  });
});

test("another suite, made by two bakes at once: one makes it, and what was stopped or killed before leaves nothing", async () => {
  await withScene(sceneWith({ suite: "trixie", packages: ["make"] }), async (own) => {
    await kilnDone(own, ["lock"], { env });
    await commit(own, {});
    const before = basesIn(cache);
    const isMaking = () => processesWith(cache).some(({ cmdline }) => cmdline.includes("mmdebstrap"));
    for (const signal of ["SIGKILL", "SIGINT"] as const) {
      const stopped = startKiln(own, ["bake"], { env });
      await expect.poll(isMaking, soon).toBe(true);
      stopped.kill(signal);
      if (signal === "SIGINT") await expectCancelled(stopped);
      else await stopped;
      await expect.poll(() => processesWith(cache), soon).toEqual([]);
      expect(mountsBelow(cache)).toEqual([]);
    }
    expect(basesIn(cache)).toEqual(before);
    const other = { ...own, project: join(own.root, "other") };
    await cp(own.project, other.project, { recursive: true });
    const done = await Promise.all([own, other].map((one) => kilnDone(one, ["bake", "--json"], { env })));
    expect(basesIn(cache)).toHaveLength(before.length + 1);
    const keys = done.map(({ stdout: text }) => (JSON.parse(text) as { bakeKey: string }).bakeKey);
    expect(keys[0]).toBe(keys[1]);
    const said = done.map(({ stderr: text }) => text.match(/✓ make the base/g)?.length ?? 0);
    expect(said.toSorted()).toEqual([0, 1]);
  });
});

test("a suite at a date is asked for at the snapshot service, at the address of that date", async () => {
  const mirror = mirrorOf({ distribution: "debian", architecture: "amd64", settings: { mirrors: {} } });
  const asked: string[] = [];
  const service = createServer((request, response) => {
    const path = /^\/archive\/debian\/20260101T000000Z(\/.*)$/.exec(request.url ?? "")?.[1];
    asked.push(request.url ?? "");
    if (path === undefined) return void response.writeHead(404).end();
    fetch(`${mirror}${path}`).then(
      async (answer) => response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer())),
      () => response.writeHead(502).end(),
    );
  }).listen(0, "127.0.0.1");
  await once(service, "listening");
  const at = `http://127.0.0.1:${(service.address() as AddressInfo).port}/archive/debian`;
  try {
    await withScene(sceneWith({ ...bookworm, snapshot: "20260101T000000Z", mirror: at }), async (own) => {
      await kilnDone(own, ["lock"], { env });
      const { suites } = JSON.parse(await readFile(join(own.project, "kiln.lock"), "utf8")) as Lock;
      expect(suites[0]).toMatchObject({ snapshot: "20260101T000000Z" });
      expect(suites[0]?.packages).toEqual((JSON.parse(lock) as Lock).suites[0]?.packages);
      expect(asked).toContain("/archive/debian/20260101T000000Z/dists/bookworm/InRelease");
      expect(await readFile(join(own.project, "kiln.lock"), "utf8")).not.toContain("127.0.0.1");
    });
  } finally {
    service.close();
    service.closeAllConnections();
  }
});

async function expectCancelled(stopped: ReturnType<typeof startKiln>): Promise<void> {
  const { exitCode, stdout, stderr } = await stopped;
  expectRefused({ end: exitCode ?? "nothing", stdout, stderr }, { status: 1, code: "CANCELLED" });
}

function mountsBelow(folder: string): string[] {
  return readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes(` ${folder}`));
}
