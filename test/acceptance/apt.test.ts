// A channel as an apt repository, with apt itself in a clean Debian: every check of apt's is on. From a folder and over http, forth
// and back with the channel, and not from a store in which somebody changed anything.

import { readFileSync, writeFileSync } from "node:fs";
import { cp, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { type DebianRoot, makeDebianRoot } from "../fixtures/debian-root.ts";
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
import { files, serve, type WebServer } from "../stores/web-server.ts";

let scene: Scene;
let debian: DebianRoot;
let server: WebServer;

beforeAll(async () => {
  scene = emptyScene();
  const making = makeDebianRoot("bookworm");
  making.catch(() => undefined);
  await git(scene, "init", "--quiet", "--initial-branch", "main");
  await kilnDone(scene, ["store", "create", scene.store, "--origin", "kiln.test"]);
  await publish("1.0.0");
  await publish("1.1.0");
  server = await serve(files(scene.store));
  debian = await making;
  await cp(join(scene.store, "trust/openpgp.asc"), join(debian.path, "etc/apt/keyrings/kiln.asc"), { recursive: true });
  await writeFile(join(debian.path, "etc/apt/apt.conf.d/99checks"), checks);
  await debian.run(["sh", "-c", "rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*"]);
}, 300_000);

afterAll(async () => {
  await server.close();
  await removeScene(scene);
  await debian.remove();
});

/** What a machine may have switched off. */
const checks = `Acquire::Check-Valid-Until "true";\nAcquire::Check-Date "true";\nAcquire::AllowInsecureRepositories "false";\n`;

async function publish(version: string, name = "hello"): Promise<void> {
  await commit(scene, {
    "kiln.yaml": recipe({
      name,
      version: staticVersion(version),
      artifacts: `{ package: { kind: deb, license: MIT, files: { /usr/share/${name}/version: version } } }`,
      activate: "{}",
    }),
    version: `${version}\n`,
  });
  await kilnDone(scene, ["publish"]);
}

async function useSource(uri: string, channel = "staging"): Promise<void> {
  await writeFile(
    join(debian.path, "etc/apt/sources.list.d/kiln.sources"),
    `Types: deb\nURIs: ${uri}\nSuites: ${channel}\nComponents: main\nSigned-By: /etc/apt/keyrings/kiln.asc\n`,
  );
}

const update = (status = 0) => debian.run(["apt-get", "update", "--error-on=any"], { status });
const installed = async () => (await debian.run(["cat", "/usr/share/hello/version"])).trim();

test("apt installs from http, by hash", async () => {
  await useSource(server.url);
  const said = await update();
  expect(said).toContain("staging/main amd64 Packages");
  await debian.run(["apt-get", "install", "--yes", "hello"]);
  expect(await installed()).toBe("1.1.0");
  expect(await debian.run(["apt-cache", "show", "hello=1.1.0"])).toContain("Kiln-Release: hello@1.1.0");
  expect(await debian.run(["apt-cache", "madison", "hello"])).toMatch(/1\.1\.0[^]*1\.0\.0/);
});

test("a channel that moves on takes apt along, and one that goes back takes it back with the published preferences", async () => {
  await useSource(server.url);
  await publish("1.2.0");
  await update();
  await debian.run(["apt-get", "upgrade", "--yes"]);
  expect(await installed()).toBe("1.2.0");
  await kilnDone(scene, ["promote", "hello@1.0.0", "staging"]);
  await cp(join(scene.store, "dists/staging/preferences"), join(debian.path, "etc/apt/preferences.d/kiln"));
  await update();
  expect(await debian.run(["apt-cache", "madison", "hello"])).not.toContain("1.2.0");
  await debian.run(["apt-get", "upgrade", "--yes", "--allow-downgrades"]);
  expect(await installed()).toBe("1.0.0");
});

test("a promotion makes another suite of the same bytes, and apt installs from a folder", async () => {
  await kilnDone(scene, ["promote", "hello@1.1.0", "production"]);
  await cp(scene.store, join(debian.path, "srv/store"), { recursive: true });
  await useSource("file:/srv/store", "production");
  await update();
  await debian.run(["apt-get", "install", "--yes", "--allow-downgrades", "hello=1.1.0"]);
  expect(await installed()).toBe("1.1.0");
});

test("several names share a suite; a name that moves leaves the others as they are", async () => {
  await publish("7.0.0", "other");
  await publish("7.1.0", "other");
  await useSource(server.url);
  await update();
  const shown = await debian.run(["apt-cache", "madison", "other", "hello"]);
  expect(shown).toMatch(/other \| +7\.1\.0[^]*other \| +7\.0\.0/);
  expect(shown).toContain("hello |");
});

test("the usual paths are what InRelease says, for clients that don't know by-hash", async () => {
  const suite = join(scene.store, "dists/staging");
  const text = readFileSync(join(suite, "Release"), "utf8");
  expect(readFileSync(join(suite, "InRelease"), "utf8")).toContain(text);
  await useSource(server.url);
  await update();
  await debian.run(["sh", "-c", "rm -rf /var/lib/apt/lists/*"]);
  await debian.run([
    "apt-get",
    "update",
    "--error-on=any",
    "-o",
    "Dir::Etc::SourceList=/dev/null",
    "-o",
    "Acquire::By-Hash=no",
  ]);
  await debian.run(["gpgv", "--version"]);
  for (const form of ["gz", "zst"]) {
    await debian.run(["sh", "-c", "rm -rf /var/lib/apt/lists/*"]);
    const order = ["-o", `Acquire::CompressionTypes::Order::=${form}`];
    await debian.run(["apt-get", "update", "--error-on=any", ...order]);
  }
});

test("an index that somebody changed is refused by apt, and found by the audit", async () => {
  const copy = join(debian.path, "srv/changed");
  await cp(scene.store, copy, { recursive: true });
  const folder = join(copy, "dists/staging/main/binary-amd64/by-hash/SHA256");
  for (const name of await readdir(folder)) {
    const bytes = readFileSync(join(folder, name));
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(join(folder, name), bytes);
  }
  await useSource("file:/srv/changed");
  await debian.run(["sh", "-c", "rm -rf /var/lib/apt/lists/*"]);
  expect(await update(100)).toMatch(/Hash Sum mismatch|corrupted/);
  const { end, stdout } = await kiln(scene, ["audit", "--store", copy, "--json"]);
  expect(end).toBe(3);
  expect(JSON.parse(stdout).findings.map(({ code }: { code: string }) => code)).toContain("STORE_CORRUPT");
});

test("the audit of what was published finds nothing, and a rebuild makes the same indexes", async () => {
  await kilnDone(scene, ["audit"]);
  const packages = () => readFileSync(join(scene.store, "dists/staging/main/binary-amd64/Packages.xz"));
  const before = packages();
  writeFileSync(join(scene.store, "dists/staging/InRelease"), "spoilt");
  expect((await kiln(scene, ["audit", "--json"])).end).toBe(3);
  await kilnDone(scene, ["views", "rebuild"]);
  expect(packages().equals(before)).toBe(true);
  await kilnDone(scene, ["audit"]);
});
