// Mirrors by the real program: over http into a folder, from there as on a disk to another machine's, and from bucket to bucket, each read by
// apt or audited; and processes ended by SIGKILL, after which the next one goes on.

import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

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
import { credentials, startS3Server } from "../stores/s3-server.ts";
import { files, serve, type WebServer } from "../stores/web-server.ts";

let scene: Scene;
let server: WebServer;

beforeAll(async () => {
  scene = emptyScene();
  await git(scene, "init", "--quiet", "--initial-branch", "main");
  await kilnDone(scene, ["store", "create", scene.store, "--origin", "kiln.test"]);
  for (const version of ["1.0.0", "1.1.0"]) await publish(version);
  server = await serve(files(scene.store));
}, 300_000);

afterAll(async () => {
  await server.close();
  await removeScene(scene);
});

async function publish(version: string): Promise<void> {
  await commit(scene, {
    "kiln.yaml": recipe({
      name: "hello",
      version: staticVersion(version),
      artifacts:
        "{ app: { kind: archive, from: files }, package: { kind: deb, license: MIT, files: { /usr/share/hello/version: version } } }",
    }),
    version: `${version}\n`,
    "files/app": `${version}\n`,
  });
  await kilnDone(scene, ["publish"]);
}

/** apt with every check on, in folders of its own: what it would install of hello. */
async function aptCandidate(uri: string, name: string): Promise<string> {
  const root = join(scene.root, name);
  for (const folder of ["etc/apt/parts", "lists/partial", "cache/archives/partial", "dpkg"])
    await mkdir(join(root, folder), { recursive: true });
  await writeFile(join(root, "dpkg/status"), "");
  const line = `deb [signed-by=${join(scene.store, "trust/openpgp.asc")} arch=amd64] ${uri} staging main\n`;
  await writeFile(join(root, "etc/apt/sources.list"), line);
  const settings = {
    "Dir::Etc": join(root, "etc/apt"),
    "Dir::Etc::Parts": join(root, "etc/apt/parts"),
    "Dir::Etc::SourceParts": "/dev/null",
    "Dir::State::Lists": join(root, "lists"),
    "Dir::State::Status": join(root, "dpkg/status"),
    "Dir::Cache": join(root, "cache"),
    "APT::Architecture": "amd64",
    "APT::Sandbox::User": "",
    "Acquire::AllowInsecureRepositories": "false",
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  await execa("apt-get", [...options, "update", "--error-on=any"]);
  const { stdout } = await execa("apt-cache", [...options, "madison", "hello"]);
  await execa("apt-get", [...options, "download", "hello"], { cwd: root });
  return stdout.split("|")[1]?.trim() ?? "";
}

test("over http to a folder, from there to another: apt reads both, a host deploys, an audit finds nothing", async () => {
  const [disk, inside] = [join(scene.root, "disk"), join(scene.root, "inside")];
  await kilnDone(scene, ["sync", server.url, disk, "--channel", "staging"]);
  await kilnDone(scene, ["sync", disk, inside, "--channel", "staging"]);
  for (const [name, store] of Object.entries({ disk, inside })) {
    const audit = await kiln(scene, ["audit", "--store", store]);
    expect(audit, audit.stdout).toMatchObject({ end: 0 });
    expect(await aptCandidate(`file:${store}`, `apt-${name}`)).toBe("1.1.0");
  }
  await kilnDone(scene, ["deploy", "hello:staging", "--store", inside, "--root", scene.host]);
  await publish("1.2.0");
  await kilnDone(scene, ["sync", server.url, disk, "--channel", "staging"]);
  expect(await aptCandidate(`file:${disk}`, "apt-later")).toBe("1.2.0");
}, 300_000);

/** Ended by SIGKILL after each of these times, unless it is done by then. */
async function syncKilled(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
  const program = join(import.meta.dirname, "../../src/cli.ts");
  for (const milliseconds of [300, 600, 900, 1200, 1500]) {
    const running = execa(process.execPath, [program, "sync", ...args, "--quiet"], {
      env: { ...scene.env, ...env },
      extendEnv: false,
      reject: false,
    });
    await sleep(milliseconds);
    running.kill("SIGKILL");
    await running;
  }
}

test("a mirror that is ended by SIGKILL at any time goes on when it is run again", async () => {
  const target = join(scene.root, "killed");
  await syncKilled([scene.store, target]);
  await kilnDone(scene, ["sync", scene.store, target]);
  const audit = await kiln(scene, ["audit", "--store", target]);
  expect(audit, audit.stdout).toMatchObject({ end: 0 });
  const copy = join(scene.root, "copy");
  await cp(target, copy, { recursive: true });
  expect((await kiln(scene, ["sync", copy, target])).stdout).toContain("nothing to copy");
}, 300_000);

test("from bucket to bucket, ended by SIGKILL on the way, and back to a folder that apt reads", async () => {
  const buckets = await startS3Server("versitygw");
  try {
    const options = { env: credentials };
    const [first, second, back] = [await buckets.makeBucket(), await buckets.makeBucket(), join(scene.root, "back")];
    const address = ["--public-url", "https://mirror.test/"];
    expect(await kiln(scene, ["sync", scene.store, first], options)).toMatchObject({ end: 0 });
    await syncKilled([first, second, ...address], credentials);
    expect(await kiln(scene, ["sync", first, second, ...address], options)).toMatchObject({ end: 0 });
    const audit = await kiln(scene, ["audit", "--store", second], options);
    expect(audit, audit.stdout).toMatchObject({ end: 0 });
    expect((await kiln(scene, ["sync", first, second], options)).stdout).toContain("nothing to copy");
    expect(await kiln(scene, ["sync", second, back, "--channel", "staging"], options)).toMatchObject({ end: 0 });
    expect(await aptCandidate(`file:${back}`, "apt-back")).toBe(await aptCandidate(`file:${scene.store}`, "apt-own"));
  } finally {
    await buckets.stop();
  }
}, 300_000);
