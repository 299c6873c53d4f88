// A channel as a Helm repository: what its index lists, and what of it an audit finds when somebody changed it. That helm reads it is
// shown in test/acceptance/helm.test.ts.

import { expect, test } from "vitest";
import { parse } from "yaml";

import { digestOf } from "../../src/artifact/digest.ts";
import { canonicalText } from "../../src/artifact/json.ts";
import { poolKey } from "../../src/artifact/pool.ts";
import { promote } from "../../src/publish/promote.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { unyank, yank } from "../../src/publish/yank.ts";
import { readDocument } from "../../src/stores/read.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { type BuiltStore, buildStore, makeBake, testContext } from "../fixtures/store-builder.ts";
import { rebuild } from "./rebuilt.ts";

const key = "charts/staging/index.yaml";
const staging = { channel: "staging" };

function bakeOf(name: string, version: string, more: Parameters<typeof record>[2] = {}) {
  const chart = { kind: "chart", file: `${name}-${version}.tgz`, record: record(name, version, more) };
  const commit = digestOf(`${name} ${version}`).slice(0, 40);
  return makeBake({ name, version, commit, artifacts: {}, others: { chart } });
}

function record(name: string, version: string, more: Record<string, string | number | object | undefined>) {
  return JSON.parse(canonicalText({ apiVersion: "v2", name, version, ...more })) as Record<string, string>;
}

async function text({ store }: BuiltStore): Promise<string> {
  return (await readDocument(store, key))?.bytes.toString() ?? "";
}

async function write({ store }: BuiltStore, bytes: Uint8Array | string): Promise<void> {
  await store.replace(key, Buffer.from(bytes), (await store.head(key))?.etag ?? null);
}

async function charts(built: BuiltStore): Promise<string[]> {
  const { entries } = parse(await text(built)) as { entries: Record<string, { version: string }[]> };
  return Object.entries(entries).flatMap(([name, versions]) => versions.map(({ version }) => `${name} ${version}`));
}

const findingsOf = async ({ store, trust }: BuiltStore) => {
  const { findings } = await audit({ store, trust, context: testContext(), since: undefined });
  return findings.map(({ code, subject }) => `${code} ${subject}`);
};

async function published(): Promise<BuiltStore> {
  const built = await buildStore(openMemoryStore());
  await publishRelease(built.publisher, { bake: bakeOf("web", "1.9.0"), channel: staging });
  await publishRelease(built.publisher, { bake: bakeOf("web", "1.10.0"), channel: staging });
  const odd = {
    appVersion: 1.16,
    description: "a \u2028 line, and ü",
    annotations: { "a/b": "c" },
    maintainers: [{ name: "Kiln examples", email: "examples@kiln.invalid" }, "nobody"],
    dependencies: [{ name: "web", version: ">=1", repository: "https://charts.invalid", "import-values": ["all"] }],
    keywords: "not a list",
    unheard: { of: true },
  };
  await publishRelease(built.publisher, { bake: bakeOf("db", "0.3.0", odd), channel: staging });
  return built;
}

test("the index lists every chart that the channel shows, newest first, in the types that Helm reads", async () => {
  const built = await published();
  expect(await charts(built)).toEqual(["db 0.3.0", "web 1.10.0", "web 1.9.0"]);
  const index = parse(await text(built)) as { entries: Record<string, object[]> };
  const { manifest } = bakeOf("db", "0.3.0");
  expect(index).toMatchObject({ apiVersion: "v1", generated: "2025-12-29T09:20:00Z" });
  const [artifact] = manifest.artifacts;
  expect(index.entries["db"]).toEqual([
    {
      apiVersion: "v2",
      name: "db",
      version: "0.3.0",
      appVersion: "1.16",
      description: "a \u2028 line, and ü",
      annotations: { "a/b": "c", "kiln/release": "db@0.3.0" },
      maintainers: [{ name: "Kiln examples", email: "examples@kiln.invalid" }],
      dependencies: [{ name: "web", version: ">=1", repository: "https://charts.invalid", "import-values": ["all"] }],
      urls: [`../../${poolKey(artifact!)}`],
      created: "2025-12-29T09:20:00Z",
      digest: artifact!.sha256,
    },
  ]);
  // Both JSON and YAML, the same in each.
  expect(JSON.parse(await text(built))).toEqual(index);
  expect(await findingsOf(built)).toEqual([]);
});

test("a channel that goes back lists nothing newer, and a promotion makes another repository", async () => {
  const built = await published();
  await promote(built.publisher, { name: "web", by: "version", version: "1.9.0" }, "staging");
  expect(await charts(built)).toEqual(["db 0.3.0", "web 1.9.0"]);
  await promote(built.publisher, { name: "web", by: "version", version: "1.10.0" }, "production");
  const found = await Array.fromAsync(built.store.list("charts/"), (object) => object.key);
  expect(found).toEqual(["charts/production/index.yaml", key]);
  expect(await findingsOf(built)).toEqual([]);
});

test("a chart that is yanked isn't listed, and is again when that is taken back", async () => {
  const built = await published();
  const whole = await text(built);
  await yank(built.publisher, { name: "web", version: "1.9.0", reason: "wrong" });
  expect(await charts(built)).toEqual(["db 0.3.0", "web 1.10.0"]);
  expect(await findingsOf(built)).toEqual([]);
  const yanked = await text(built);
  await built.store.remove(key, Infinity);
  await rebuild(built);
  expect(await text(built)).toBe(yanked);
  await unyank(built.publisher, { name: "web", version: "1.9.0" });
  expect(JSON.parse(await text(built))).toMatchObject({ entries: (JSON.parse(whole) as { entries: object }).entries });
  expect(await findingsOf(built)).toEqual([]);
});

test("what is spoilt is named by publishing, found by the audit, and mended by a rebuild, to the same bytes", async () => {
  const built = await published();
  const whole = await text(built);
  await built.store.remove(key, Infinity);
  expect(await findingsOf(built)).toEqual([`OBJECT_MISSING ${key}`]);
  await rebuild(built);
  expect(await text(built)).toBe(whole);
  for (const [version, bytes] of [
    ["2.0.0", "spoilt"],
    ["2.1.0", whole.slice(0, -9)],
  ] as const) {
    await write(built, bytes);
    expect(await findingsOf(built)).toEqual([`STORE_CORRUPT ${key}`]);
    await expect(
      publishRelease(built.publisher, { bake: bakeOf("web", version), channel: staging }),
    ).rejects.toMatchObject({
      code: "STORE_CORRUPT",
      message: expect.stringContaining(key),
      hint: expect.stringContaining("kiln views rebuild"),
    });
    await rebuild(built);
    expect(await charts(built)).toContain(`web ${version}`);
    expect(await findingsOf(built)).toEqual([]);
  }
});

test("an audit finds another digest, a chart that is withheld, and an index of a channel without charts", async () => {
  const built = await published();
  const whole = await text(built);
  const digest = /"digest":"([0-9a-f]{64})"/.exec(whole)?.[1] ?? "";
  await write(built, whole.replaceAll(digest, "0".repeat(64)));
  expect(await findingsOf(built)).toEqual([`VIEW_MISMATCH ${key}`]);
  await write(built, whole.replace(/\{[^\n]*"version":"1\.10\.0"\},\n/, ""));
  expect(await findingsOf(built)).toEqual([`VIEW_MISMATCH ${key}`]);
  await write(built, whole);
  await built.store.create("charts/other/index.yaml", Buffer.from(whole));
  expect(await findingsOf(built)).toEqual(["VIEW_MISMATCH charts/other/index.yaml"]);
});
