// The npm packages of a store with stock clients: npm, pnpm, yarn and yarn's berry install them from a folder behind a plain web
// server, forth and back with the channel, by integrity; a stock check of registry signatures finds them good, and nothing
// that somebody changed is installed.

import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { type ClientName, newProject } from "../fixtures/npm-clients.ts";
import { npmScene, publishPackages } from "../fixtures/npm-scene.ts";
import { kiln, kilnDone, removeScene, type Scene } from "../fixtures/scene.ts";
import { files, serve, type WebServer } from "../stores/web-server.ts";

let scene: Scene;
let server: WebServer;
let registry: string;

beforeAll(async () => {
  scene = await npmScene(async ({ store }) => {
    server = await serve(files(store));
    return `${server.url}/`;
  });
  registry = `${server.url}/npm/`;
  await publishPackages(scene, "1.0.0");
  await publishPackages(scene, "1.1.0");
}, 300_000);

afterAll(async () => {
  await server.close();
  await removeScene(scene);
});

const clients: readonly { client: ClientName; add: readonly string[]; frozen: readonly string[]; lock: string }[] = [
  { client: "npm", add: ["install"], frozen: ["ci"], lock: "package-lock.json" },
  { client: "pnpm", add: ["add"], frozen: ["install", "--frozen-lockfile"], lock: "pnpm-lock.yaml" },
  { client: "yarn", add: ["add"], frozen: ["install", "--frozen-lockfile"], lock: "yarn.lock" },
  { client: "berry", add: ["add"], frozen: ["install", "--immutable"], lock: "yarn.lock" },
];

test.each(clients)(
  "$client installs a scoped package and what depends on it, and again by its lock file",
  async (one) => {
    const project = await newProject(scene, one.client, registry, `${one.client}-installs`);
    await project.run([...one.add, "acme-greeter"]);
    expect(await project.load("acme-greeter")).toBe("hello from 1.1.0, through 1.1.0");
    const lock = await project.read(one.lock);
    // Berry keeps a checksum of its own.
    if (one.client !== "berry") expect(lock).toMatch(/sha512-/);
    await rm(join(project.folder, "node_modules"), { recursive: true });
    await project.run(one.frozen);
    expect(await project.load("acme-greeter")).toBe("hello from 1.1.0, through 1.1.0");
    expect(await project.read(one.lock)).toBe(lock);
  },
);

test("npm shows what there is: versions, channels as dist-tags, which release a version is of", async () => {
  const project = await newProject(scene, "npm", registry, "npm-views");
  const shown = JSON.parse(await project.run(["view", "@acme/greeting", "--json"]));
  expect(shown).toMatchObject({
    name: "@acme/greeting",
    description: "says hello",
    license: "MIT",
    version: "1.1.0",
    versions: ["1.0.0", "1.1.0"],
    "dist-tags": { latest: "1.1.0", staging: "1.1.0" },
    kilnRelease: "greetings@1.1.0",
  });
  expect(await project.run(["dist-tag", "ls", "@acme/greeting"])).toBe("latest: 1.1.0\nstaging: 1.1.0");
  expect(await project.run(["view", "no-such-package"], 1)).toContain("E404");
});

interface Pacote {
  manifest(spec: string, options: Record<string, unknown>): Promise<{ _integrity: string; _signatures: unknown[] }>;
}

/** npm's own check of a registry's signatures, by the keys that this one tells. */
async function checkedBy(keysOf: string) {
  const pacote = createRequire(join(import.meta.dirname, "../../registry/package.json"))("pacote") as Pacote;
  const { keys } = (await (await fetch(`${keysOf}-/npm/v1/keys`)).json()) as { keys: { key: string }[] };
  const pem = ({ key }: { key: string }) => `-----BEGIN PUBLIC KEY-----\n${key}\n-----END PUBLIC KEY-----`;
  const options = (at: string) => ({
    registry: at,
    verifySignatures: true,
    fullMetadata: true,
    cache: join(scene.root, "pacote"),
    [`//${new URL(at).host}${new URL(at).pathname}:_keys`]: keys.map((key) => ({ ...key, pemkey: pem(key) })),
  });
  return { pacote, options };
}

test("the registry's signatures are good to npm's own check, and only as long as nothing is changed", async () => {
  const { pacote, options } = await checkedBy(registry);
  for (const spec of ["@acme/greeting@1.0.0", "@acme/greeting@staging", "acme-greeter"]) {
    expect(await pacote.manifest(spec, options(registry))).toMatchObject({
      _signatures: [{ keyid: expect.anything() }],
    });
  }
  const swapped = await serve(async (_, response, path) => {
    const text = await readFile(join(scene.store, path.replace(/^\/store\//, "")), "utf8");
    response.end(text.replaceAll(/"integrity":"sha512-.{4}/g, '"integrity":"sha512-AAAA'));
  });
  try {
    const refused = pacote.manifest("@acme/greeting", options(`${swapped.url}/npm/`));
    await expect(refused).rejects.toMatchObject({ code: "EINTEGRITYSIGNATURE" });
  } finally {
    await swapped.close();
  }
});

test("every client follows a channel forth, after a promotion, and back", async () => {
  const projects = await Promise.all(
    clients.map(async ({ client, add }) => ({
      add,
      project: await newProject(scene, client, registry, `${client}-follows`),
    })),
  );
  const installed = async (tag: string) =>
    Promise.all(
      projects.map(async ({ project, add }) => {
        await project.run([...add, `@acme/greeting@${tag}`]);
        return project.load("@acme/greeting");
      }),
    );
  const everywhere = (version: string) => clients.map(() => `hello from ${version}`);
  expect(await installed("staging")).toEqual(everywhere("1.1.0"));
  await kilnDone(scene, ["promote", "greetings@1.0.0", "production"]);
  expect(await installed("latest")).toEqual(everywhere("1.0.0"));
  expect(await installed("staging")).toEqual(everywhere("1.1.0"));
  await kilnDone(scene, ["promote", "greetings@1.0.0", "staging"]);
  expect(await installed("staging")).toEqual(everywhere("1.0.0"));
});

test("from a mirror of a channel npm installs what the channel shows, with good signatures, and follows it", async () => {
  await kilnDone(scene, ["promote", "greetings@1.0.0", "mirrored"]);
  const folder = join(scene.root, "mirror");
  const mirror = await serve(files(folder));
  try {
    const follow = async () => {
      const address = ["--public-url", `${mirror.url}/`];
      await kilnDone(scene, ["sync", server.url, folder, "--channel", "mirrored", ...address]);
      const audit = await kiln(scene, ["audit", "--store", folder]);
      expect(audit, audit.stdout).toMatchObject({ end: 0 });
    };
    await follow();
    const project = await newProject(scene, "npm", `${mirror.url}/npm/`, "npm-mirror");
    const shown = async () =>
      JSON.parse(await project.run(["view", "@acme/greeting", "versions", "dist-tags", "--json"]));
    expect(await shown()).toEqual({ versions: ["1.0.0"], "dist-tags": { latest: "1.0.0", mirrored: "1.0.0" } });
    await project.run(["install", "acme-greeter@mirrored"]);
    expect(await project.load("acme-greeter")).toBe("hello from 1.0.0, through 1.0.0");
    expect(await project.read("package-lock.json")).toContain(`${mirror.url}/pool/`);
    const { pacote, options } = await checkedBy(`${mirror.url}/npm/`);
    const signed = await pacote.manifest("@acme/greeting@mirrored", options(`${mirror.url}/npm/`));
    expect(signed._signatures).toHaveLength(1);
    await kilnDone(scene, ["promote", "greetings@1.1.0", "mirrored"]);
    await follow();
    expect(await shown()).toEqual({
      versions: ["1.0.0", "1.1.0"],
      "dist-tags": { latest: "1.1.0", mirrored: "1.1.0" },
    });
    await project.run(["install", "acme-greeter@mirrored"]);
    expect(await project.load("acme-greeter")).toBe("hello from 1.1.0, through 1.1.0");
    // Nobody signed it: the audit computes it anew.
    const path = join(folder, "npm/@acme/greeting");
    const text = await readFile(path, "utf8");
    await writeFile(path, text.replaceAll(/"leaf":\d+/g, '"leaf":9999'));
    expect((await kiln(scene, ["audit", "--store", folder])).stdout).toContain("VIEW_MISMATCH");
    await follow();
    expect(await readFile(path, "utf8")).toBe(text);
  } finally {
    await mirror.close();
  }
});

test("a tarball that somebody swapped is installed by nobody, and found by the audit", async () => {
  const copy = join(scene.root, "changed");
  await cp(scene.store, copy, { recursive: true });
  const { versions } = JSON.parse(await readFile(join(copy, "npm/@acme/greeting"), "utf8"));
  const tarball = (version: string) => join(copy, String(versions[version].dist.tarball).replace(`${server.url}/`, ""));
  await cp(tarball("1.0.0"), tarball("1.1.0"));
  const changed = await serve(async (request, response, path) => {
    if (!path.startsWith("/store/npm/")) return files(copy)(request, response, path);
    const text = await readFile(join(copy, path.replace(/^\/store\//, "")), "utf8");
    response.end(text.replaceAll(`${server.url}/`, `${changed.url}/`));
  });
  try {
    const project = await newProject(scene, "npm", `${changed.url}/npm/`, "npm-changed");
    expect(await project.run(["install", "--fetch-retries=0", "@acme/greeting@1.1.0"], 1)).toContain("EINTEGRITY");
  } finally {
    await changed.close();
  }
  const { end, stdout } = await kiln(scene, ["audit", "--store", copy, "--json"]);
  expect(end).toBe(3);
  expect(JSON.parse(stdout).findings.map(({ code }: { code: string }) => code)).toContain("DIGEST_MISMATCH");
});

test("the audit of what was published finds nothing, and a rebuild makes the same documents, whatever stood there", async () => {
  await kilnDone(scene, ["audit"]);
  const at = (path: string) => join(scene.store, "npm", path);
  const paths = ["@acme/greeting", "acme-greeter", "-/npm/v1/keys", "-/package/@acme/greeting/dist-tags"];
  const before = await Promise.all(paths.map((path) => readFile(at(path), "utf8")));
  await writeFile(at("@acme/greeting"), "spoilt");
  await rm(at("acme-greeter"));
  await writeFile(at("-/npm/v1/keys"), "{}");
  expect((await kiln(scene, ["audit", "--json"])).end).toBe(3);
  await kilnDone(scene, ["views", "rebuild"]);
  expect(await Promise.all(paths.map((path) => readFile(at(path), "utf8")))).toEqual(before);
  await kilnDone(scene, ["audit"]);
});
