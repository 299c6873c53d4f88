// `registry/`: Verdaccio before a store, with real npm. What was baked and published is installed, found and shown; nothing can be
// published, taken away or moved through it, and what isn't what its packument says never arrives whole.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { afterAll, beforeAll, expect, test } from "vitest";

import { newProject } from "../fixtures/npm-clients.ts";
import { npmScene, publishPackages } from "../fixtures/npm-scene.ts";
import { kilnDone, removeScene, type Scene, stateOf } from "../fixtures/scene.ts";
import { credentials, startS3Server } from "../stores/s3-server.ts";
import { files, serve } from "../stores/web-server.ts";

interface Package {
  readonly name: string;
  readonly version: string;
}

interface Registry {
  /** Ends in `/`. */
  readonly url: string;
  readonly close: () => Promise<void>;
}

let scene: Scene;
let registry: Registry;

beforeAll(async () => {
  scene = await npmScene(async () => "https://packages.example.com/");
  await publishPackages(scene, "1.0.0");
  await publishPackages(scene, "1.1.0");
  await kilnDone(scene, ["promote", "greetings@1.0.0", "production"]);
  registry = await startRegistry(scene.store);
}, 300_000);

afterAll(async () => {
  await registry.close();
  await removeScene(scene);
});

const program = join(import.meta.dirname, "../../registry/registry.ts");

/** On a free port of loopback; ended by its own process id. */
async function startRegistry(store: string, more: Readonly<Record<string, string>> = {}): Promise<Registry> {
  const args = [program, "--store", store, "--listen", "127.0.0.1:0"];
  const child = spawn(process.execPath, args, { env: { ...scene.env, ...more }, stdio: ["ignore", "pipe", "pipe"] });
  const said: string[] = [];
  child.stderr.on("data", (piece: Buffer) => said.push(piece.toString()));
  const url = await new Promise<string>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the registry ended with ${code}: ${said.join("")}`)));
    createInterface(child.stdout).on("line", (line) => {
      const [, at] = / are at (http:\S+)$/.exec(line) ?? [];
      if (at !== undefined) resolve(at);
    });
  });
  return {
    url,
    async close() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      expect(await ended).toEqual([0, null]);
    },
  };
}

test("npm installs by tag, by lock file and with dependencies; pnpm and yarn do too", async () => {
  const project = await newProject(scene, "npm", registry.url, "npm");
  await project.run(["install", "acme-greeter@staging"]);
  expect(await project.load("acme-greeter")).toBe("hello from 1.1.0, through 1.1.0");
  await project.run(["install", "acme-greeter@production", "@acme/greeting@production"]);
  expect(await project.load("acme-greeter")).toBe("hello from 1.0.0, through 1.0.0");
  await project.run(["ci"]);
  for (const client of ["pnpm", "berry"] as const) {
    const other = await newProject(scene, client, registry.url, client);
    await other.run(["add", "acme-greeter@1.1.0"]);
    expect(await other.load("acme-greeter")).toBe("hello from 1.1.0, through 1.1.0");
  }
});

test("npm shows and finds what there is; nobody is logged in", async () => {
  const project = await newProject(scene, "npm", registry.url, "npm-shows");
  expect(JSON.parse(await project.run(["view", "@acme/greeting", "--json"]))).toMatchObject({
    versions: ["1.0.0", "1.1.0"],
    "dist-tags": { latest: "1.0.0", production: "1.0.0", staging: "1.1.0" },
    kilnRelease: "greetings@1.0.0",
    dist: { signatures: [{ keyid: expect.any(String) as string }] },
  });
  expect(await project.run(["dist-tag", "ls", "@acme/greeting"])).toContain("staging: 1.1.0");
  const found = JSON.parse(await project.run(["search", "greet", "--json"])) as Package[];
  const shown = found.map(({ name, version }) => `${name}@${version}`);
  expect(shown.toSorted()).toEqual(["@acme/greeting@1.0.0", "acme-greeter@1.0.0"]);
  const printed = await project.run(["search", "HELLO", "greeting"]);
  expect(printed).toContain("Version 1.0.0");
  expect(printed).not.toContain("undefined");
  expect(await project.run(["search", "greet", "no-such-word"])).toContain("No matches found");
  expect(await project.run(["view", "no-such-package"], 1)).toContain("E404");
  expect(await project.run(["whoami"], 1)).toContain("ENEEDAUTH");
  expect(await (await fetch(`${registry.url}-/npm/v1/keys`)).json()).toMatchObject({
    keys: [{ keytype: "ecdsa-sha2-nistp256", expires: null }],
  });
});

test("what would change a package is refused, with the command that does it, and the store is as it was", async () => {
  const project = await newProject(scene, "npm", registry.url, "npm-writes");
  const { host } = new URL(registry.url);
  await writeFile(join(project.folder, ".npmrc"), `registry=${registry.url}\n//${host}/:_authToken=anything\n`);
  await mkdir(join(project.folder, "package"));
  const manifest = { name: "@acme/greeting", version: "6.6.6", main: "large.js" };
  await writeFile(join(project.folder, "package/package.json"), JSON.stringify(manifest));
  // More than Verdaccio reads of a publish.
  await writeFile(join(project.folder, "package/large.js"), Buffer.alloc(12 * 1024 * 1024, crypto.randomUUID()));
  const before = await stateOf(scene);
  const refusals: [args: string[], says: string][] = [
    [["publish", "./package"], "Run `kiln publish` where the package's kiln.yaml is"],
    [["unpublish", "--force", "@acme/greeting@1.0.0"], "run `kiln yank NAME@VERSION"],
    [["deprecate", "@acme/greeting@1.0.0", "don't"], "to deprecate a version, `kiln yank NAME@VERSION"],
    [["dist-tag", "add", "@acme/greeting@1.0.0", "staging"], "run `kiln promote NAME@VERSION CHANNEL`"],
    [["dist-tag", "rm", "@acme/greeting", "staging"], "run `kiln promote NAME@VERSION CHANNEL`"],
  ];
  for (const [args, says] of refusals) {
    const said = await project.run(args, 1);
    expect(said).toContain("E403");
    expect(said).toContain(says);
  }
  expect(await stateOf(scene)).toEqual(before);
});

test("a registry before a web server shows what it serves; what isn't what its packument says never arrives whole", async () => {
  const copy = join(scene.root, "changed");
  await cp(scene.store, copy, { recursive: true });
  const server = await serve(files(copy));
  const remote = await startRegistry(server.url);
  try {
    const project = await newProject(scene, "npm", remote.url, "npm-remote");
    await project.run(["install", "@acme/greeting@1.0.0"]);
    expect(await project.load("@acme/greeting")).toBe("hello from 1.0.0");
    const path = join(copy, "npm/@acme/greeting");
    const whole = await readFile(path, "utf8");
    const { versions } = JSON.parse(whole) as { versions: Record<string, { dist: { tarball: string } }> };
    const tarball = (version: string) => join(copy, versions[version]!.dist.tarball.replace(/^.*(?=pool\/)/, ""));
    await cp(tarball("1.0.0"), tarball("1.1.0"));
    const sent = await fetch(`${remote.url}@acme/greeting/-/acme-greeting-1.1.0.tgz`)
      .then(async (response) => (response.ok ? response.arrayBuffer() : undefined))
      .catch(() => undefined);
    expect(sent).toBeUndefined();
    await writeFile(path, whole.replaceAll("says hello", "says others"));
    const shown = await fetch(`${remote.url}@acme%2fgreeting`);
    expect(shown.status).toBe(500);
  } finally {
    await remote.close();
    await server.close();
  }
});

test("a registry before a bucket serves what lies there", async () => {
  const server = await startS3Server("MiniStack");
  try {
    const bucket = await server.makeBucket();
    await kilnDone(scene, ["sync", scene.store, bucket], { env: credentials });
    const remote = await startRegistry(bucket, credentials);
    try {
      const project = await newProject(scene, "npm", remote.url, "npm-bucket");
      await project.run(["install", "acme-greeter@staging"]);
      expect(await project.load("acme-greeter")).toBe("hello from 1.1.0, through 1.1.0");
      expect(await project.read("package-lock.json")).toContain(`"resolved": "${remote.url}acme-greeter/-/`);
      expect(await project.run(["search", "greeting", "--parseable"])).toMatch(/^@acme\/greeting\t.*\t1\.0\.0\t/m);
    } finally {
      await remote.close();
    }
  } finally {
    await server.stop();
  }
});
