// One commit from branch to master to tag, by recipes/trunk and the real command line: wherever it is shown, in the pool, in the
// documents of channels and on a host, it is the bytes that were baked first. No tag ever bakes.

import { createHash } from "node:crypto";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { manifestFile, parseManifest } from "../../src/artifact/manifest.ts";
import { poolKey } from "../../src/artifact/pool.ts";
import { type TestHost, testHost } from "../fixtures/host.ts";

const top = join(import.meta.dirname, "../..");
let work: string;
let project: string;
let host: TestHost;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "kiln-commit-"));
  project = join(work, "week");
  host = await testHost();
  await cp(join(top, "recipes/trunk"), project, { recursive: true });
  await git("init", "-qb", "master");
  await commit("the first");
  await git("tag", "v1.3.0");
  await kiln("store", "create", join(work, "store"), "--origin", "log.example");
});
afterAll(async () => {
  await host.remove();
  await rm(work, { recursive: true });
});

const env = () => ({
  XDG_CONFIG_HOME: join(work, "config"),
  KILN_STORE: join(work, "store"),
  KILN_ROOT: host.root,
  KILN_PASSPHRASE: "correct horse",
  GIT_CONFIG_GLOBAL: "/dev/null",
});

async function kiln(...args: string[]): Promise<string> {
  return (await execa(process.execPath, [join(top, "src/cli.ts"), ...args], { cwd: project, env: env() })).stdout;
}

async function git(...args: string[]): Promise<string> {
  const who = ["-c", "user.name=Baker", "-c", "user.email=baker@example.com"];
  return (await execa("git", [...who, ...args], { cwd: project, env: env() })).stdout;
}

async function commit(message: string): Promise<void> {
  await writeFile(join(project, "NEWS"), `${message}\n`);
  await git("add", "-A");
  await git("commit", "-qm", message);
}

interface Publication {
  readonly version: string;
  readonly manifest: string;
  readonly channel: string | null;
  readonly added: boolean;
  readonly artifacts: readonly { readonly name: string; readonly sha256: string; readonly key: string }[];
}

/** From a clone where nothing was baked, as a job of CI has it. */
async function publish(ref: string): Promise<Publication & { readonly baked: boolean }> {
  await rm(join(project, ".kiln"), { recursive: true, force: true });
  const published = JSON.parse(await kiln("publish", "--ref", ref, "--json")) as Publication;
  const baked = (await readdir(join(project, ".kiln"))).some((name) => /^[0-9a-f]{64}$/.test(name));
  return { ...published, baked };
}

/** What the release's own document, or that of a channel, leads to: the digest of the manifest. */
async function shown(document: string): Promise<string> {
  const { release } = JSON.parse(await readFile(join(work, "store", document), "utf8")) as {
    release: { entry: string };
  };
  const { payload } = JSON.parse(Buffer.from(release.entry, "base64").toString()) as { payload: string };
  return (JSON.parse(Buffer.from(payload, "base64").toString()) as { manifest: string }).manifest;
}

async function digestInPool(key: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(join(work, "store", key)))
    .digest("hex");
}

async function deployed(release: string): Promise<{ version: string; text: string }> {
  const { to } = JSON.parse(await kiln("deploy", release, "--json")) as { to: string };
  return { version: to, text: await readFile(join(host.root, "week/current/week"), "utf8") };
}

/** The bytes of a release that are all over: of the pool, of documents and of the host. */
async function expectEverywhere(published: Publication, channels: readonly string[]): Promise<void> {
  const key = poolKey({ sha256: published.manifest, file: manifestFile });
  expect(await digestInPool(key)).toBe(published.manifest);
  const manifest = parseManifest(await readFile(join(work, "store", key)), key);
  expect(manifest.artifacts.map(({ sha256 }) => sha256)).toEqual(published.artifacts.map(({ sha256 }) => sha256));
  for (const artifact of published.artifacts) expect(await digestInPool(artifact.key)).toBe(artifact.sha256);
  expect(await shown(`releases/week/${published.version}.json`)).toBe(published.manifest);
  for (const channel of channels) {
    expect(await shown(`channels/week/${channel}.json`)).toBe(published.manifest);
    const { version, text } = await deployed(`week:${channel}`);
    expect(version).toBe(published.version);
    expect(text).toContain(`version=${published.version}\n`);
  }
}

test(
  "a commit that was baked on its branch is that very release on master and at its tag",
  { timeout: 300_000 },
  async () => {
    await git("checkout", "-qb", "topic");
    await commit("a change");
    const branch = await publish("refs/heads/topic");
    expect(branch).toMatchObject({ channel: "branch-topic", added: true, baked: true });
    expect(branch.version).toMatch(/^1\.4\.0-0\.dev\.1\.g[0-9a-f]{12}$/);

    await git("checkout", "-q", "master");
    await git("merge", "-q", "--ff-only", "topic");
    const master = await publish("refs/heads/master");
    expect(master).toEqual({
      ...branch,
      channel: "staging",
      added: false,
      baked: false,
      leaf: expect.anything(),
      treeSize: expect.anything(),
    });

    await git("tag", "spring");
    const tag = await publish("refs/tags/spring");
    expect(tag).toMatchObject({
      version: branch.version,
      manifest: branch.manifest,
      channel: "production",
      added: false,
      baked: false,
    });
    expect(await shown("releases/week/spring.json")).toBe(branch.manifest);
    await expectEverywhere(branch, ["branch-topic", "staging", "production"]);
  },
);

test("1.4.0 is baked on master, and its tags give the same bytes to production", { timeout: 300_000 }, async () => {
  await git("checkout", "-qb", "other");
  await commit("another change");
  await git("checkout", "-q", "master");
  await git("merge", "-q", "--no-ff", "-m", "merge other", "other");
  const master = await publish("refs/heads/master");
  expect(master).toMatchObject({ version: "1.4.0", channel: "staging", added: true, baked: true });

  // Staging goes on; the tag is on what was baked before.
  const id = await git("rev-parse", "HEAD");
  await commit("the next");
  expect(await publish("refs/heads/master")).toMatchObject({ version: "1.4.1", channel: "staging" });
  await git("checkout", "-q", id);
  for (const [name, channel] of [
    ["v1.4.0", "production"],
    ["autumn", null],
  ] as const) {
    await git("tag", name);
    const tagged = await publish(`refs/tags/${name}`);
    expect(tagged).toMatchObject({ version: "1.4.0", manifest: master.manifest, channel, added: false, baked: false });
    expect(await shown(`releases/week/${name}.json`)).toBe(master.manifest);
  }
  await expectEverywhere(master, ["production"]);
  expect(await deployed("week@autumn")).toMatchObject({ version: "1.4.0" });
  expect(await kiln("audit")).not.toContain("error");
});
