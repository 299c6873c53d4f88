// Images of a few programs of this machine, in layouts and archives made here, baked in for real.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { baseSchema } from "../../src/bases/index.ts";
import { findProgram, systemPath } from "../../src/system/tools.ts";
import { makeProject, type Project } from "../bake/made-project.ts";

const programs = ["sh", "env", "cat", "true", "mkdir"];

let folder: string;
let image: Image;
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "kiln-image-")));
  image = makeImage(join(folder, "layout"));
});

interface Image {
  readonly layout: string;
  readonly manifest: string;
  readonly index: string;
  /** Digest of its one layer. */
  readonly layer: string;
}

/** An OCI layout with an index of one image: the programs, the libraries that they are linked to, two variables. */
function makeImage(layout: string): Image {
  const root = `${layout}-root`;
  const files = programs.map((name) => realpathSync(findProgram(name, systemPath) ?? name));
  const libraries = execFileSync("ldd", [...files, process.execPath])
    .toString()
    .matchAll(/(\/\S+) \(0x/g);
  for (const path of [...Array.from(libraries, ([, path = ""]) => path)]) put(root, realpathSync(path), path);
  for (const [at, name] of programs.entries()) put(root, files[at] ?? "", `/bin/${name}`);
  mkdirSync(join(root, "etc"));
  writeFileSync(join(root, "etc/image"), "it is the image\n");
  const tar = execFileSync("tar", ["--create", "--directory", root, "--sort=name", "."], { maxBuffer: 1 << 28 });
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  const layer = blob(layout, tar);
  const config = json(layout, {
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config: { Env: ["PATH=/image/bin:/usr/bin:/bin", "FROM_IMAGE=a b", "LANG=xx"] },
    rootfs: { type: "layers", diff_ids: [`sha256:${layer}`] },
  });
  const type = "application/vnd.oci.image";
  const manifest = json(layout, {
    schemaVersion: 2,
    mediaType: `${type}.manifest.v1+json`,
    config: { mediaType: `${type}.config.v1+json`, digest: `sha256:${config}`, size: size(layout, config) },
    layers: [{ mediaType: `${type}.layer.v1.tar`, digest: `sha256:${layer}`, size: tar.length }],
  });
  const described = {
    mediaType: `${type}.manifest.v1+json`,
    digest: `sha256:${manifest}`,
    size: size(layout, manifest),
  };
  const platform = (architecture: string) => ({ platform: { os: "linux", architecture } });
  const own = platform(process.arch === "x64" ? "amd64" : process.arch);
  const manifests = [
    { ...described, digest: `sha256:${"0".repeat(64)}`, ...platform("s390x") },
    { ...described, ...own },
  ];
  const index = json(layout, { schemaVersion: 2, mediaType: `${type}.index.v1+json`, manifests });
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const entry = { mediaType: `${type}.index.v1+json`, digest: `sha256:${index}`, size: size(layout, index) };
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  return { layout, manifest, index, layer };
}

function put(root: string, from: string, to: string): void {
  mkdirSync(dirname(join(root, to)), { recursive: true });
  copyFileSync(from, join(root, to));
}

function blob(layout: string, bytes: Uint8Array): string {
  const digest = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(join(layout, "blobs/sha256", digest), bytes);
  return digest;
}

const json = (layout: string, value: unknown): string => blob(layout, Buffer.from(JSON.stringify(value)));
const size = (layout: string, digest: string): number => readFileSync(join(layout, "blobs/sha256", digest)).length;

const steps = [
  "mkdir dist; cat /etc/image > dist/seen; echo $FROM_IMAGE $LANG $PATH >> dist/seen; cat /etc/passwd >> dist/seen",
  "test ! -e /usr/share && test ! -e /etc/os-release",
  "command -v node >> dist/seen",
];

function project(reference: string, env: Readonly<Record<string, string>> = {}): Project {
  return makeProject({
    recipe: `base: { image: ${JSON.stringify(reference)} }\nbuild: ${JSON.stringify(steps)}\nartifacts: { app: { kind: archive, from: dist } }\n`,
    env: { XDG_CACHE_HOME: join(folder, "cache"), ...env },
  });
}

async function seenIn(made: Project): Promise<string> {
  const { folder: bake } = await made.bake();
  return execFileSync("tar", [
    "--extract",
    "--to-stdout",
    "--zstd",
    "--file",
    join(bake, "sample-app-1.2.3.tar.zst"),
    "seen",
  ]).toString();
}

const expected =
  "it is the image\na b C.UTF-8 /image/bin:/usr/bin:/bin:/opt/kiln/bin\n" +
  "root:x:0:0:root:/root:/bin/sh\nbuild:x:1000:1000::/build/home:/bin/sh\n/opt/kiln/bin/node\n";

test("steps run in the image of a layout, by its manifest or by its index, with the image's variables", async () => {
  expect(await seenIn(project(`oci:${image.layout}@sha256:${image.manifest}`))).toBe(expected);
  expect(await seenIn(project(`oci:${image.layout}@sha256:${image.index}`))).toBe(expected);
});

test("a plan names the image by digest, wherever it lies, and the machine's packages not at all", async () => {
  const keys = async (made: Project) =>
    await made.prepare({}, (prepared) => {
      const plan = "orders" in prepared ? prepared.orders[0].plan : undefined;
      return Promise.resolve({ base: plan?.base?.digest, tools: Object.keys(plan?.tools ?? {}), system: plan?.system });
    });
  const here = await keys(project(`oci:${image.layout}@sha256:${image.manifest}`));
  const elsewhere = await keys(project(`oci:/elsewhere@sha256:${image.manifest}`));
  expect(elsewhere).toEqual(here);
  expect(here).toMatchObject({ tools: ["node", "zstd", "npm", "datefudge"], system: undefined });
  expect((await keys(project(`oci:${image.layout}@sha256:${"1".repeat(64)}`))).base).not.toBe(here.base);
});

test("what docker save wrote is a base, by the digest of the file", async () => {
  const file = join(folder, "saved.tar");
  rmSync(file, { force: true });
  execFileSync("skopeo", ["copy", "--quiet", `oci:${image.layout}`, `docker-archive:${file}:made:1`]);
  const digest = createHash("sha256").update(readFileSync(file)).digest("hex");
  expect(await seenIn(project(`docker-archive:${file}@sha256:${digest}`))).toBe(expected);
  await expect(project(`docker-archive:${file}@sha256:${"2".repeat(64)}`).bake()).rejects.toMatchObject({
    code: "BASE_MOVED",
  });
});

test("an image that isn't there, or has other bytes than its digest, is refused, and nothing of it is kept", async () => {
  const gone = project(`oci:${image.layout}@sha256:${"3".repeat(64)}`);
  await expect(gone.bake()).rejects.toMatchObject({ code: "BASE_MOVED" });
  await expect(
    project(`oci:/nowhere@sha256:${image.manifest}`, { XDG_CACHE_HOME: join(folder, "c") }).bake(),
  ).rejects.toMatchObject({ code: "BASE_MOVED" });
  const other = makeImage(join(folder, "other"));
  const layer = join(other.layout, "blobs/sha256", other.layer);
  const bytes = readFileSync(layer);
  bytes[600] = (bytes[600] ?? 0) ^ 1;
  writeFileSync(layer, bytes);
  const cache = join(folder, "fresh");
  const tampered = project(`oci:${other.layout}@sha256:${other.manifest}`, { XDG_CACHE_HOME: cache });
  await expect(tampered.bake()).rejects.toMatchObject({ code: "BASE_MOVED" });
  expect(execFileSync("ls", [join(cache, "kiln/bases")]).toString()).not.toContain("making");
});

let registry: Server | undefined;
afterAll(() => {
  registry?.close();
  rmSync(folder, { recursive: true, force: true });
});

test("an image of a registry is fetched by digest; a registry that serves other bytes is refused", async () => {
  const served = (digest: string) => readFileSync(join(image.layout, "blobs/sha256", digest));
  const lies = new Set<string>();
  registry = createServer((request, response) => {
    const [, kind, digest = ""] =
      /\/v2\/team\/made\/(manifests|blobs)\/sha256:([0-9a-f]{64})$/.exec(request.url ?? "") ?? [];
    if (kind === undefined) return void response.writeHead(request.url === "/v2/" ? 200 : 404).end();
    const bytes = served(lies.has(digest) ? image.index : digest);
    const type =
      kind === "blobs"
        ? "application/octet-stream"
        : String((JSON.parse(bytes.toString()) as { mediaType: string }).mediaType);
    response.writeHead(200, { "content-type": type, "content-length": bytes.length }).end(bytes);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => registry?.once("listening", resolve));
  const host = `127.0.0.1:${(registry.address() as AddressInfo).port}`;
  const configuration = join(folder, ".config/containers");
  mkdirSync(configuration, { recursive: true });
  writeFileSync(join(configuration, "registries.conf"), `[[registry]]\nlocation = "${host}"\ninsecure = true\n`);
  const env = { XDG_CACHE_HOME: join(folder, "of-registry"), HOME: folder };
  expect(await seenIn(project(`${host}/team/made:1.0@sha256:${image.index}`, env))).toBe(expected);
  lies.add(image.manifest);
  await expect(project(`docker://${host}/team/made@sha256:${image.manifest}`, env).bake()).rejects.toMatchObject({
    code: "BASE_MOVED",
  });
});

test.each([
  "debian:bookworm",
  "debian@sha256:0123",
  `debian@sha256:${"a".repeat(64)}`,
  `https://registry.test/x@sha256:${"a".repeat(64)}`,
  `oci:layout:tag`,
])("%s names no image by digest", (reference) => {
  expect(baseSchema.safeParse({ image: reference }).success).toBe(false);
});
