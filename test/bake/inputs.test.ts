// What is an input of a bake and what isn't: each is varied alone, and the key must change, or must not.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { activators } from "../../src/activators/index.ts";
import { changesSinceLast, rememberPlan } from "../../src/bake/explain.ts";
import { pin } from "../../src/bake/pin.ts";
import type { Prepared, PrepareOptions } from "../../src/bake/prepare.ts";
import { type LockedSuite, lockText } from "../../src/bases/lock.ts";
import type { Context } from "../../src/context.ts";
import { kinds } from "../../src/kinds/index.ts";
import { recipeSchema } from "../../src/recipe/schema.ts";
import { silent } from "../../src/report.ts";
import { debianName } from "../../src/system/architecture.ts";
import { temporaryFolder } from "../system/made-repository.ts";
import { makeProject, type Project, type ProjectOptions } from "./made-project.ts";

const architecture = debianName(process.arch);
const suite = (version: string, sha256: string): LockedSuite => ({
  distribution: "debian",
  suite: "bookworm",
  components: ["main"],
  architecture,
  wanted: ["datefudge", "libstdc++6"],
  inRelease: { sha256: "a".repeat(64), time: 1_700_000_000 },
  packages: {
    bash: { version, architecture, sha256: sha256.repeat(64) },
    dpkg: { version: "1.21", architecture, sha256: "b".repeat(64) },
  },
});
const lock = (version: string, sha256: string, mount = "c"): string =>
  lockText({ kilnLock: 1, suites: [suite(version, sha256)], mounts: { "/opt/sdk": mount.repeat(64) } });

const text = (more = ""): string =>
  `base: { suite: bookworm }\nmounts: { /opt/sdk: /srv/sdk }\nenv: { LEVEL: "1" }\nbuild: [make]\nartifacts: { app: { kind: archive, from: . } }\n${more}`;
const files = { "kiln.lock": lock("5.1", "d"), "package-lock.json": "{}", "src/a": "a" };

async function keyOf(
  project: Project,
  options: Partial<PrepareOptions> = {},
  around: Partial<Context> = {},
): Promise<string> {
  const work = (prepared: Prepared) => {
    if (!("orders" in prepared)) throw new Error("released");
    return Promise.resolve(prepared.orders[0].bakeKey);
  };
  return await project.prepare(options, work, around);
}

/** Of two projects that differ in nothing else. Commits are made at one time, so that even their ids are the same. */
async function keys(one: Partial<ProjectOptions>, other: Partial<ProjectOptions>): Promise<[string, string]> {
  const key = (options: Partial<ProjectOptions>) => keyOf(makeProject({ recipe: text(), files, ...options }));
  return [await key(one), await key(other)];
}

test.each<[string, Partial<ProjectOptions>]>([
  ["a file of the source", { files: { ...files, "src/a": "b" } }],
  ["a lock file of the source", { files: { ...files, "package-lock.json": "{ }" } }],
  ["a package's version in the base", { files: { ...files, "kiln.lock": lock("5.2", "d") } }],
  ["a package's bytes in the base", { files: { ...files, "kiln.lock": lock("5.1", "e") } }],
  ["what is mounted", { files: { ...files, "kiln.lock": lock("5.1", "d", "f") } }],
  ["the environment", { recipe: text().replace('"1"', '"2"') }],
  ["a step", { recipe: text().replace("make", "make all") }],
  ["another kind", { recipe: text().replace("kind: archive", "kind: npm").replace(", from: .", "") }],
  ["the host instead of the base", { recipe: text().replace("base: { suite: bookworm }\n", "") }],
])("another key: %s", async (_, change) => {
  const [one, other] = await keys({}, change);
  expect(other).not.toBe(one);
});

test.each<[string, Partial<PrepareOptions>]>([
  ["Kiln's version", { kiln: "0.0.1-test" }],
  ["the isolation of a bake on the host", { isolation: "none" }],
  ["Node's version", { node: { path: process.execPath, versions: { ...process.versions, node: "24.99.0" } } }],
  ["the version of the compressor", { node: { path: process.execPath, versions: { ...process.versions, zstd: "9" } } }],
])("another key: %s", async (_, options) => {
  const project = makeProject({ recipe: "artifacts: { app: { kind: archive, from: . } }\n" });
  expect(await keyOf(project, options)).not.toBe(await keyOf(project));
});

test("every tool of the machine has a version and a digest, in the plan and so in the provenance", async () => {
  const project = makeProject({
    recipe:
      "artifacts: { app: { kind: archive, from: . }, package: { kind: deb, files: { /usr/share/sample: a } }, other: { kind: rpm, license: MIT, description: x, files: { /usr/share/sample: a } }, library: { kind: npm } }\n",
  });
  const tools = await project.prepare({}, (prepared) =>
    Promise.resolve("orders" in prepared ? prepared.orders[0].plan.tools : {}),
  );
  expect(Object.keys(tools)).toEqual(
    expect.arrayContaining(["node", "zstd", "npm", "dpkg-deb", "rpmbuild", "bubblewrap", "datefudge"]),
  );
  for (const [name, { version, sha256 }] of Object.entries(tools)) {
    expect(version, name).toMatch(/^\d/);
    expect(sha256, name).toMatch(/^[0-9a-f]{64}$/);
  }
});

test("the same key: proxies, mirrors, the user's variables, folders and files that aren't in the commit", async () => {
  const project = makeProject({ recipe: text(), files });
  const key = await keyOf(project);
  const env = {
    http_proxy: "http://p.test",
    LEVEL: "9",
    HOME: "/elsewhere",
    XDG_CACHE_HOME: "/elsewhere",
    TZ: "Asia/Tokyo",
  };
  expect(await keyOf(project, { bases: { mirrors: { debian: "http://elsewhere.test/debian" } } })).toBe(key);
  project.repository.write({ ".kiln/x": "x", ".git/info/exclude": "ignored\n", ignored: "x" });
  expect(await keyOf(project)).toBe(key);
  const surroundings = {
    env: { ...project.context.env, ...env },
    now: () => 0,
    cwd: join(project.repository.folder, "src"),
  };
  expect(await keyOf(project, { recipe: "../kiln.yaml" }, surroundings)).toBe(key);
});

test("what changed is said input by input: packages of the base, mounts, lock files, environment, kinds, tools", async () => {
  const project = makeProject({ recipe: text(), files });
  await project.prepare({}, async (prepared) => {
    if ("orders" in prepared) await rememberPlan(prepared.orders[0], prepared.folder);
  });
  project.repository.commit({
    "kiln.yaml": `kiln: 1\nname: sample\nversion: { from: static, value: 1.2.3 }\n${text().replace('"1"', '"2"').replace("kind: archive", "kind: npm").replace(", from: .", "")}`,
    "kiln.lock": lock("5.2", "e", "f"),
    "package-lock.json": "{ }",
  });
  const node = { path: process.execPath, versions: { ...process.versions, node: "24.99.0" } };
  const changes = await project.prepare({ node }, (prepared) =>
    Promise.resolve("orders" in prepared ? changesSinceLast(prepared.orders[0], prepared.folder) : []),
  );
  expect(changes).toEqual(
    expect.arrayContaining([
      { input: "base.packages.bash", before: `5.1 ${"d".repeat(12)}`, now: `5.2 ${"e".repeat(12)}` },
      { input: "mounts./opt/sdk", before: "c".repeat(64), now: "f".repeat(64) },
      { input: "env.LEVEL", before: "1", now: "2" },
      { input: "tools.node.version", before: process.versions.node, now: "24.99.0" },
      { input: "kinds.archive", before: "1", now: null },
      expect.objectContaining({ input: "lockFiles.package-lock.json" }),
    ]),
  );
  const named = changes?.map(({ input }) => input) ?? [];
  expect(named.filter((input) => /packages\.dpkg|^base\.digest|^system/.test(input))).toEqual([]);
});

test("a package of the base with other bytes under the same version is told, too", async () => {
  const project = makeProject({ recipe: text(), files });
  await project.prepare({}, async (prepared) => {
    if ("orders" in prepared) await rememberPlan(prepared.orders[0], prepared.folder);
  });
  project.repository.commit({ "kiln.lock": lock("5.1", "e") });
  const changes = await project.prepare({}, (prepared) =>
    Promise.resolve("orders" in prepared ? changesSinceLast(prepared.orders[0], prepared.folder) : []),
  );
  expect(changes?.map(({ input }) => input)).toContain("base.packages.bash");
});

function sdk(): string {
  const folder = join(temporaryFolder(), "sdk");
  mkdirSync(join(folder, "bin"), { recursive: true });
  writeFileSync(join(folder, "bin/tool"), "#!/bin/sh\necho tool of the machine\n", { mode: 0o755 });
  return folder;
}

const mounting = (from: string): string =>
  `mounts: { /opt/sdk: ${from}, /usr/share/kiln-test/sdk: ${from} }\nbuild: ["mkdir dist && /opt/sdk/bin/tool > dist/said && cmp /opt/sdk/bin/tool /usr/share/kiln-test/sdk/bin/tool && ! touch /opt/sdk/x && ls /usr/share/doc > dist/docs"]\nartifacts: { app: { kind: archive, from: dist } }\n`;

test("steps see a mount read-only once it is locked; other content is refused without telling its digest", async () => {
  const from = sdk();
  const project = makeProject({ recipe: mounting(from) });
  await expect(project.bake()).rejects.toMatchObject({
    code: "MOUNT_CHANGED",
    hint: expect.stringContaining("kiln lock") as string,
  });
  const options = { recipe: "kiln.yaml", schema: recipeSchema({ kinds, activators }), bases: { mirrors: {} } };
  const pinned = await pin(options, { ...project.context, report: silent });
  expect(pinned.changes).toEqual(["/opt/sdk: new", "/usr/share/kiln-test/sdk: new"]);
  expect((await pin(options, { ...project.context, report: silent })).changes).toEqual([]);
  project.repository.commit({});
  const { manifest } = await project.bake({ check: "twice" });
  expect(manifest.artifacts).toHaveLength(1);
  writeFileSync(join(from, "bin/tool"), "#!/bin/sh\necho another\n");
  project.repository.commit({ other: "x" });
  const error = await project.bake().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "MOUNT_CHANGED" });
  expect(String(error)).not.toMatch(/[0-9a-f]{64}/);
  await expect(project.bake({ isolation: "none" })).rejects.toMatchObject({ code: "SANDBOX_FAILED" });
});

test.each(["/", "/usr", "/etc/x", "/tmp/x", "/opt/kiln/bin", "/build/source/x", "opt/sdk", "/opt/../etc", "/opt//sdk"])(
  "nothing can be mounted at %s",
  async (at) => {
    const project = makeProject({
      recipe: `mounts: { ${JSON.stringify(at)}: /srv/sdk }\nartifacts: { app: { kind: archive, from: . } }\n`,
    });
    await expect(keyOf(project)).rejects.toMatchObject({ code: "RECIPE_INVALID" });
  },
);
