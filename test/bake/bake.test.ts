import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { expect, onTestFinished, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { blobsOf, manifestFile, parseManifest } from "../../src/artifact/manifest.ts";
import { KilnError } from "../../src/errors.ts";
import { header, makeProject } from "./made-project.ts";

const simple = `
build: [mkdir -p dist, 'echo "$KILN_NAME $KILN_VERSION $SOURCE_DATE_EPOCH" > dist/about']
artifacts:
  app: { kind: archive, from: dist }
`;

async function failure(work: Promise<unknown>): Promise<KilnError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof KilnError) return error;
  throw new Error(`got ${String(error)}, want a KilnError`);
}

/** What looks like a finished bake in the project's .kiln. */
function finished(kilnFolder: string): string[] {
  return readdirSync(kilnFolder).filter((name) => /^[0-9a-f]{64}$/.test(name));
}

test("a finished bake holds the manifest and exactly the files that it names, with their digests", async () => {
  const project = makeProject({ recipe: `${simple}  package: { kind: deb, files: { /usr/share/sample: dist } }\n` });
  const { folder, manifest, identity, cached, bakeKey } = await project.bake();
  expect(cached).toBe(false);
  expect(folder).toBe(join(project.kilnFolder, bakeKey));
  const bytes = readFileSync(join(folder, manifestFile));
  expect(digestOf(bytes)).toBe(identity);
  expect(parseManifest(bytes, manifestFile)).toEqual(manifest);
  for (const { file, size, sha256 } of blobsOf(manifest)) {
    const content = readFileSync(join(folder, file));
    expect({ size: content.length, sha256: digestOf(content) }).toEqual({ size, sha256 });
  }
  const named = [...blobsOf(manifest).map(({ file }) => file), manifestFile, "logs"];
  expect(readdirSync(folder).toSorted()).toEqual(named.toSorted());
  expect(manifest.source).toMatchObject({ commit: project.repository.git("rev-parse", "HEAD"), recipe: "kiln.yaml" });
  expect(manifest.artifacts.map(({ name, kind }) => [name, kind])).toEqual([
    ["app", "archive"],
    ["package", "deb"],
  ]);
});

test("the same commit in another clone, under another path, umask and environment, is the same release", async () => {
  const recipe = `${simple}  package: { kind: deb, files: { /usr/share/sample: dist } }\n  library: { kind: npm }\n`;
  const files = { "package.json": '{"name":"sample","version":"0.0.0","files":["dist"]}' };
  const one = await makeProject({ recipe, files }).bake();
  const before = process.umask(0o077);
  onTestFinished(() => void process.umask(before));
  const env = { TZ: "Asia/Tokyo", LANG: "de_DE.UTF-8", npm_config_registry: "http://nowhere.test" };
  const two = await makeProject({ recipe, files, env, folder: "another name" }).bake();
  expect(two.manifest).toEqual(one.manifest);
  expect(two.identity).toBe(one.identity);
  expect(statSync(join(two.folder, manifestFile)).size).toBeGreaterThan(0);
});

test("a bake that was done before is returned without running anything", async () => {
  const project = makeProject({ recipe: simple });
  const first = await project.bake();
  project.reported.length = 0;
  expect(await project.bake()).toEqual({ ...first, cached: true });
  expect(project.reported).toEqual([]);
});

test.each(["truncated", "missing"])("a kept bake with a file that is %s is baked again", async (how) => {
  const project = makeProject({ recipe: simple });
  const { folder, manifest, identity } = await project.bake();
  const path = join(folder, manifest.artifacts[0]?.file ?? "");
  if (how === "truncated") writeFileSync(path, "short");
  else writeFileSync(join(folder, manifestFile), "");
  expect(await project.bake()).toMatchObject({ cached: false, identity });
});

test("a step that fails stops all after it, and leaves its log but nothing that looks finished", async () => {
  const project = makeProject({
    recipe: `build: ["echo first", "echo about to fail; echo oh no >&2; exit 3", "touch /tmp/never"]
checks: [{ name: unit, run: echo never }]
artifacts: { app: { kind: archive, from: . } }\n`,
  });
  const error = await failure(project.bake());
  expect(error).toMatchObject({ code: "STEP_FAILED", details: { status: 3, lastLines: ["about to fail", "oh no"] } });
  expect(error.message).toMatch(/^build: echo about to fail.*: got exit status 3, want 0$/);
  const log = error.hint?.replace("all of its output: ", "") ?? "";
  expect(readFileSync(log, "utf8")).toBe("about to fail\noh no\n");
  expect(project.reported.join("\n")).not.toContain("never\n");
  expect(finished(project.kilnFolder)).toEqual([]);
  expect(readdirSync(join(project.kilnFolder, "work")).filter((name) => !name.endsWith(".lock"))).toEqual([]);
});

test("a check that fails fails the bake, and its report is kept", async () => {
  const project = makeProject({
    recipe: `checks: [{ name: unit, run: mkdir r && echo "<xml/>" > r/junit.xml && false, report: r/junit.xml }]
artifacts: { app: { kind: archive, from: . } }\n`,
  });
  const error = await failure(project.bake());
  expect(error).toMatchObject({ code: "STEP_FAILED", message: "check: unit: got exit status 1, want 0" });
  const log = error.hint?.replace("all of its output: ", "") ?? "";
  expect(readFileSync(log.replace(/\.log$/, "-junit.xml"), "utf8")).toBe("<xml/>\n");
});

test("steps run in order: fetch with the network and the real clock, then build and checks without", async () => {
  const project = makeProject({
    recipe: `checks: [{ name: unit, run: 'echo "check $(date +%s)" >> order' }]
build: ['echo "build $(date +%s)" >> order']
fetch: ['echo "fetch $(date +%s)" >> order']
artifacts: { app: { kind: archive, from: order } }\n`,
  });
  const { folder, manifest } = await project.bake();
  const { execFileSync } = await import("node:child_process");
  const text = execFileSync("tar", ["--zstd", "-xOf", join(folder, manifest.artifacts[0]?.file ?? ""), "order"], {
    encoding: "utf8",
  });
  const lines = text
    .trim()
    .split("\n")
    .map((line) => line.split(" "));
  expect(lines.map(([phase]) => phase)).toEqual(["fetch", "build", "check"]);
  const [fetched, built, checked] = lines.map(([, clock]) => Number(clock));
  expect(Math.abs((fetched ?? 0) - Date.now() / 1000)).toBeLessThan(60);
  for (const clock of [built, checked]) expect((clock ?? 0) - manifest.source.time).toBeLessThan(60);
});

test("a dirty tree is refused by name; --allow-dirty bakes it, marks the version and claims no commit", async () => {
  const project = makeProject({ recipe: simple });
  const clean = await project.bake();
  project.repository.write({ "new.txt": "x", "kiln.yaml": header + simple.replace("about", "changed") });
  const error = await failure(project.bake());
  expect(error).toMatchObject({ code: "DIRTY_TREE", details: { changes: ["kiln.yaml", "new.txt"] } });
  const { manifest, bakeKey } = await project.bake({ changes: "mark" });
  expect(manifest.source.commit).toBeNull();
  expect(manifest.version).toMatch(/^1\.2\.3-0\.dev\.0\.dirty\.g[0-9a-f]{8}$/);
  expect(bakeKey).not.toBe(clean.bakeKey);
  const provenance = readFileSync(join(project.kilnFolder, bakeKey, "provenance.json"), "utf8");
  expect(provenance).not.toContain("gitCommit");
  expect(await project.bake({ changes: "mark" })).toMatchObject({ cached: true });
  project.repository.write({ "new.txt": "y" });
  expect((await project.bake({ changes: "mark" })).bakeKey).not.toBe(bakeKey);
});

test("the .kiln folder never makes a tree dirty", async () => {
  const project = makeProject({ recipe: simple });
  await project.bake();
  expect(project.repository.git("status", "--porcelain")).toBe("");
});

test("a secret reaches its step and nothing else: no other step, log, report, artifact or provenance", async () => {
  const value = "hunter2-s3cr3t-value";
  const project = makeProject({
    env: { TOKEN: value },
    recipe: `fetch:
  - { run: 'test "$(cat "$KILN_SECRETS/TOKEN")" = "${value.slice(0, 8)}""${value.slice(8)}" && cat "$KILN_SECRETS/TOKEN" && env', secrets: [TOKEN] }
  - 'test -z "$KILN_SECRETS" && ! env | grep -q TOKEN && ! ls /run/secrets'
build: [mkdir dist, 'env > dist/env', 'ls -R / > dist/files 2>/dev/null || true']
artifacts: { app: { kind: archive, from: dist } }\n`.replaceAll("TOKEN && !", "TOKEN && !"),
  });
  const { folder } = await project.bake();
  const everything = [
    ...readdirSync(project.kilnFolder, { recursive: true, encoding: "utf8" })
      .map((path) => join(project.kilnFolder, path))
      .filter((path) => statSync(path).isFile())
      .map((path) => readFileSync(path, "latin1")),
    ...project.reported,
  ];
  expect(everything.some((text) => text.includes("***"))).toBe(true);
  for (const text of everything) expect(text).not.toContain(value);
  expect(readFileSync(join(folder, "logs/01-fetch.log"), "utf8")).toContain("***");
});

test("a secret that isn't set is an error before the step runs", async () => {
  const recipe = `fetch: [{ run: touch ran, secrets: [NPM_TOKEN] }]\nartifacts: { app: { kind: archive, from: . } }\n`;
  const error = await failure(makeProject({ recipe }).bake());
  expect(error).toMatchObject({ code: "SECRET_MISSING" });
  expect(error.hint).toContain("set the environment variable NPM_TOKEN");
});

test("two artifacts that would be one file are refused", async () => {
  const recipe = `artifacts:
  one: { kind: deb, files: { /a: kiln.yaml } }
  two: { kind: deb, files: { /b: kiln.yaml } }\n`;
  const error = await failure(makeProject({ recipe }).bake());
  expect(error).toMatchObject({ code: "ARTIFACT_INVALID" });
  expect(error.message).toBe("one and two: got the file name sample_1.2.3_all.deb for both, want one each");
});

test("two bakes of the same inputs at once run the steps once and agree", async () => {
  const project = makeProject({ recipe: simple.replace("mkdir", "sleep 0.3; mkdir") });
  const results = await Promise.all([project.bake(), project.bake(), project.bake()]);
  expect(new Set(results.map(({ identity }) => identity)).size).toBe(1);
  expect(results.filter(({ cached }) => !cached)).toHaveLength(1);
});

test("steps that say `after` run beside one another, and what follows waits for all of them", async () => {
  // Each of the two waits for the other's file: one after the other they would never end.
  const meet = (own: string, other: string) =>
    `touch ${own}; for _ in $(seq 200); do test -e ${other} && exit 0; sleep 0.05; done; exit 1`;
  const project = makeProject({
    recipe: `build:
  - { name: top, run: mkdir m }
  - { name: one, run: ${JSON.stringify(meet("m/one", "m/two"))}, after: [top] }
  - { name: two, run: ${JSON.stringify(meet("m/two", "m/one"))}, after: [top] }
  - test -e m/one && test -e m/two && touch m/last
checks:
  - { name: left, run: ${JSON.stringify(meet("m/left", "m/right"))}, after: [] }
  - { name: right, run: ${JSON.stringify(meet("m/right", "m/left"))}, after: [] }
artifacts: { app: { kind: archive, from: m }, package: { kind: deb, files: { /usr/share/m: m } } }\n`,
  });
  expect((await project.bake()).manifest.artifacts.map(({ name }) => name)).toEqual(["app", "package"]);
});

test("a step that fails ends what runs beside it, and only the one that failed is said to", async () => {
  const project = makeProject({
    recipe: `build:
  - { name: long, run: sleep 60, after: [] }
  - { name: bad, run: sleep 0.3; echo oh no; exit 7, after: [] }
  - touch never
artifacts: { app: { kind: archive, from: . } }\n`,
  });
  const started = Date.now();
  expect(await failure(project.bake())).toMatchObject({
    code: "STEP_FAILED",
    message: "build: bad: got exit status 7, want 0",
  });
  expect(Date.now() - started).toBeLessThan(30_000);
  expect(project.reported).toContain("ended: what ran beside it failed");
  expect(project.reported.filter((line) => line === "failed")).toHaveLength(1);
  expect(project.reported).not.toContain("build: touch never");
});

test("bakes that are interrupted leave nothing that looks finished", async () => {
  const stop = new AbortController();
  const project = makeProject({ recipe: simple.replace("mkdir -p dist", "sleep 60"), signal: stop.signal });
  const work = failure(project.bake());
  await until(() => project.reported.some((line) => line.includes("sleep 60")));
  stop.abort();
  expect(await work).toMatchObject({
    code: "CANCELLED",
    message: expect.stringMatching(/^build: .* was interrupted$/),
  });
  expect(finished(project.kilnFolder)).toEqual([]);
});

test("after SIGKILL nothing runs on, nothing looks finished, and the next bake clears up and works", async () => {
  const marker = `89${process.pid}.5`;
  const project = makeProject({
    recipe: `build: ["test -e quick || { setsid sleep ${marker} & sleep ${marker}; }", mkdir dist, touch dist/x]\nartifacts: { app: { kind: archive, from: dist } }\n`,
  });
  const cli = new URL("../../src/cli.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [cli, "bake"], { cwd: project.repository.folder, stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await until(() => running(marker) >= 2);
  const work = join(project.kilnFolder, "work");
  expect(readdirSync(work).some((name) => !name.endsWith(".lock"))).toBe(true);
  child.kill("SIGKILL");
  await ended;
  await until(() => running(marker) === 0);
  expect(finished(project.kilnFolder)).toEqual([]);
  project.repository.commit({ quick: "" });
  await project.bake();
  expect(readdirSync(work).filter((name) => !name.endsWith(".lock"))).toEqual([]);
  expect(finished(project.kilnFolder)).toHaveLength(1);
});

function running(argument: string): number {
  return readdirSync("/proc").filter((pid) => {
    const path = `/proc/${pid}/cmdline`;
    return /^\d+$/.test(pid) && existsSync(path) && argumentsAt(path).includes(argument);
  }).length;
}

/** Empty when the process ended meanwhile. */
function argumentsAt(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\0");
  } catch {
    return [];
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !condition(); await sleep(20)) {
    if (Date.now() > end) throw new Error("waited 20 s in vain");
  }
}

test("folders that a step made read-only are cleared away", async () => {
  const project = makeProject({
    recipe: simple.replace("mkdir -p dist", "mkdir -p dist a/b && touch a/b/c && chmod -R a-w a"),
  });
  await project.bake();
  expect(readdirSync(join(project.kilnFolder, "work")).filter((name) => !name.endsWith(".lock"))).toEqual([]);
});

test("without isolation it bakes the same bytes, and the plan and the provenance say so", async () => {
  const project = makeProject({ recipe: simple });
  const [boxed, open] = [await project.bake(), await project.bake({ isolation: "none" })];
  expect(open.bakeKey).not.toBe(boxed.bakeKey);
  expect(open.manifest.artifacts[0]?.sha256).toBe(boxed.manifest.artifacts[0]?.sha256);
  const provenance: unknown = JSON.parse(readFileSync(join(open.folder, "provenance.json"), "utf8"));
  expect(provenance).toMatchObject({
    predicate: {
      buildDefinition: { externalParameters: { isolation: "none" } },
      runDetails: { builder: { id: "urn:kiln:builder:none" } },
    },
  });
});

test("a commit that the store has released isn't baked: its release is the answer", async () => {
  const project = makeProject({ recipe: simple });
  const asked: unknown[] = [];
  const released = { name: "sample", version: "9.9.9", manifest: "a".repeat(64) };
  const store = {
    released: async (claim: unknown) => {
      asked.push(claim);
      return released;
    },
    reserve: () => {
      throw new Error("reserved");
    },
  };
  const answer = await project.prepare({ store }, async (prepared) =>
    "released" in prepared ? prepared.released : undefined,
  );
  expect(answer).toEqual(released);
  expect(asked).toEqual([{ name: "sample", commit: project.repository.git("rev-parse", "HEAD"), recipe: "kiln.yaml" }]);
});

test("a version from `next` is the one that the store reserves for this commit and recipe", async () => {
  const recipe = simple;
  const project = makeProject({ recipe });
  mkdirSync(join(project.repository.folder, "sub"));
  project.repository.commit({
    "kiln.yaml": header.replace("from: static, value: 1.2.3", "from: next, line: 1.4.*") + recipe,
  });
  const asked: unknown[] = [];
  const store = {
    released: async () => undefined,
    reserve: (name: string, claim: unknown) => async (next: (taken: readonly string[]) => string) => {
      asked.push(name, claim);
      return next(["1.4.0", "1.4.6"]);
    },
  };
  const { manifest } = await project.bake({ store });
  expect(manifest.version).toBe("1.4.7");
  expect(asked).toEqual(["sample", { name: "sample", commit: manifest.source.commit, recipe: "kiln.yaml" }]);
});
