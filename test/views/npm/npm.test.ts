// Packuments: what they list, that they come out the same however they were made, and that nothing is built on what somebody
// changed.

import { createPublicKey, verify } from "node:crypto";

import fc from "fast-check";
import { expect, test } from "vitest";

import { rebuildViews } from "../../../src/publish/bring-up.ts";
import { promote } from "../../../src/publish/promote.ts";
import { publishRelease } from "../../../src/publish/release.ts";
import { retire } from "../../../src/publish/retire.ts";
import { unyank, yank } from "../../../src/publish/yank.ts";
import { readDocument } from "../../../src/stores/read.ts";
import type { Store } from "../../../src/stores/store.ts";
import { audit } from "../../../src/verify/audit/audit.ts";
import { packumentAt, readPackument } from "../../../src/views/npm/packument.ts";
import { npmKeys } from "../../../src/views/npm/registry.ts";
import { openMemoryStore } from "../../faults/memory-store.ts";
import { npmBake, type NpmBakeOptions } from "../../fixtures/npm-bake.ts";
import { type BuiltStore, buildStore, makeBake, publishedAt, testContext } from "../../fixtures/store-builder.ts";

type Json = Record<string, any>; // oxlint-disable-line typescript/no-explicit-any

async function readJson(store: Store, key: string): Promise<Json> {
  return JSON.parse((await bytesOf(store, key)).toString()) as Json;
}

async function bytesOf(store: Store, key: string): Promise<Buffer> {
  const found = await readDocument(store, key);
  if (found === undefined) throw new Error(`no ${key}`);
  return found.bytes;
}

async function write(store: Store, key: string, bytes: Uint8Array): Promise<void> {
  await store.replace(key, bytes, (await store.head(key))?.etag ?? null);
}

const lib = (version: string, commit: string, packages: NpmBakeOptions["packages"] = { lib: "@acme/lib" }) =>
  npmBake({ name: "lib", version, commit, packages });

async function rebuild({ publisher }: BuiltStore): Promise<void> {
  await rebuildViews({ ...publisher, now: publishedAt });
}

async function npmObjects(store: Store): Promise<Record<string, string>> {
  const objects: Record<string, string> = {};
  for await (const { key } of store.list("npm/")) objects[key] = (await bytesOf(store, key)).toString();
  return objects;
}

async function expectSound({ store, trust }: BuiltStore): Promise<void> {
  const { findings } = await audit({ store, trust, since: undefined, context: testContext() });
  expect(findings).toEqual([]);
}

/** Three versions of one package; staging went on and back, production has the first. */
async function published(): Promise<BuiltStore> {
  const built = await buildStore(openMemoryStore());
  const { publisher } = built;
  await publishRelease(publisher, { bake: lib("1.0.0", "a"), channel: { channel: "staging" } });
  await publishRelease(publisher, { bake: lib("1.1.0-rc.1", "b") });
  await publishRelease(publisher, { bake: lib("1.1.0", "c"), channel: { channel: "staging" } });
  await promote(publisher, { name: "lib", by: "version", version: "1.0.0" }, "production");
  return built;
}

const packumentKey = npmKeys.packument("@acme/lib");

test("a packument has every version, in a channel or not, and the channels as dist-tags", async () => {
  const built = await published();
  const packument = await readJson(built.store, packumentKey);
  expect(Object.keys(packument["versions"])).toEqual(["1.0.0", "1.1.0", "1.1.0-rc.1"]);
  expect(packument["dist-tags"]).toEqual({ staging: "1.1.0", production: "1.0.0", latest: "1.0.0" });
  expect(packument["description"]).toBe("@acme/lib as of 1.0.0");
  const date = new Date(publishedAt).toISOString();
  expect(packument["time"]).toMatchObject({ created: date, modified: date, "1.1.0": date });
  expect(packument["versions"]["1.1.0"]).toMatchObject({ name: "@acme/lib", kilnRelease: "lib@1.1.0" });
  expect(packument["versions"]["1.1.0"].dist.tarball).toMatch(
    /^https:\/\/log\.example\/pool\/sha256\/..\/[0-9a-f]{64}\/acme-lib-1\.1\.0\.tgz$/,
  );
  expect(await readJson(built.store, npmKeys.distTags("@acme/lib"))).toEqual(packument["dist-tags"]);
  await expectSound(built);
});

test("each version has a registry's signature, which the published key verifies", async () => {
  const { store } = await published();
  const { keys: signingKeys } = await readJson(store, npmKeys.signingKeys);
  const { versions } = await readJson(store, packumentKey);
  for (const { name, version, dist } of Object.values<Json>(versions)) {
    const [{ keyid, sig }] = dist.signatures;
    const { key } = signingKeys.find((one: Json) => one["keyid"] === keyid);
    const publicKey = createPublicKey({ key: Buffer.from(key, "base64"), format: "der", type: "spki" });
    const text = Buffer.from(`${name}@${version}:${dist.integrity}`);
    expect(verify("sha256", text, publicKey, Buffer.from(sig, "base64"))).toBe(true);
  }
});

test("latest: the channel of that name, or production, or the highest version that a channel shows", async () => {
  const { publisher, store } = await buildStore(openMemoryStore());
  const latest = async () => (await readJson(store, packumentKey))["dist-tags"].latest;
  await publishRelease(publisher, { bake: lib("1.0.0", "a") });
  await publishRelease(publisher, { bake: lib("2.0.0-rc.1", "b") });
  expect(await latest()).toBe("1.0.0");
  await publishRelease(publisher, { bake: lib("1.9.0", "c"), channel: { channel: "staging" } });
  await publishRelease(publisher, { bake: lib("1.10.0", "d"), channel: { channel: "staging" } });
  expect(await latest()).toBe("1.10.0");
  await promote(publisher, { name: "lib", by: "version", version: "1.9.0" }, "staging");
  expect(await latest()).toBe("1.9.0");
  await promote(publisher, { name: "lib", by: "version", version: "1.0.0" }, "production");
  expect(await latest()).toBe("1.0.0");
  await promote(publisher, { name: "lib", by: "version", version: "2.0.0-rc.1" }, "latest");
  expect(await latest()).toBe("2.0.0-rc.1");
});

test("a release of several packages has a packument each; one that lacks a package takes its dist-tag away", async () => {
  const built = await buildStore(openMemoryStore());
  const { publisher, store } = built;
  const both = { core: "@acme/core", cli: "acme" };
  const channel = { channel: "staging" };
  await publishRelease(publisher, { bake: lib("1.0.0", "a", both), channel });
  await publishRelease(publisher, { bake: lib("2.0.0", "b", { cli: "acme" }), channel });
  await publishRelease(publisher, { bake: lib("2.1.0", "c", { cli: "acme" }), channel });
  expect((await readJson(store, npmKeys.packument("@acme/core")))["dist-tags"]).toEqual({ latest: "1.0.0" });
  expect((await readJson(store, npmKeys.packument("acme")))["dist-tags"]).toEqual({
    latest: "2.1.0",
    staging: "2.1.0",
  });
  await expectSound(built);
  const before = await npmObjects(store);
  await rebuild(built);
  expect(await npmObjects(store)).toEqual(before);
});

test("what was yanked is deprecated with its reason until that is taken back; what was retired is gone", async () => {
  const built = await published();
  const { publisher, store } = built;
  const versions = async () => (await readJson(store, packumentKey))["versions"];
  const before = await bytesOf(store, packumentKey);
  await yank(publisher, { name: "lib", version: "1.1.0-rc.1", reason: "it greets nobody" });
  expect((await versions())["1.1.0-rc.1"].deprecated).toBe("it greets nobody");
  await expectSound(built);
  const yanked = await npmObjects(store);
  await rebuild(built);
  expect(await npmObjects(store)).toEqual(yanked);
  await unyank(publisher, { name: "lib", version: "1.1.0-rc.1" });
  expect(await versions()).toEqual((JSON.parse(before.toString()) as Json)["versions"]);
  await expectSound(built);
  await retire(publisher, { releases: [{ name: "lib", version: "1.1.0-rc.1" }], reason: "nobody wants it" });
  expect(Object.keys(await versions())).toEqual(["1.0.0", "1.1.0"]);
  await expectSound(built);
  const retired = await npmObjects(store);
  await rebuild(built);
  expect(await npmObjects(store)).toEqual(retired);
});

test("a name that no registry could show is refused, and has no packument", async () => {
  const built = await buildStore(openMemoryStore());
  const bake = lib("1.0.0", "a", { lib: "Capitals" });
  const publishing = publishRelease(built.publisher, { bake, channel: { channel: "staging" } });
  await expect(publishing).rejects.toMatchObject({ code: "NAME_CLASH" });
  expect(await npmObjects(built.store)).toEqual({});
  await expectSound(built);
});

test("a release without npm packages asks the store for none", async () => {
  const built = await published();
  const asked: string[] = [];
  const watched: Store = {
    ...built.store,
    get: (key, range) => (asked.push(key), built.store.get(key, range)),
    head: (key) => (asked.push(key), built.store.head(key)),
  };
  const bake = makeBake({ name: "billing", version: "1.0.0", commit: "d" });
  await publishRelease({ ...built.publisher, store: watched }, { bake, channel: { channel: "staging" } });
  expect(asked.filter((key) => key.startsWith("npm/"))).toEqual([]);
});

test("made anew from the log, every document has the same bytes; also one that was lost and grew again", async () => {
  const built = await published();
  const { store, publisher } = built;
  const before = await npmObjects(store);
  expect(Object.keys(before)).toEqual([npmKeys.signingKeys, npmKeys.distTags("@acme/lib"), packumentKey]);
  await rebuild(built);
  expect(await npmObjects(store)).toEqual(before);
  await store.remove(packumentKey, Number.POSITIVE_INFINITY);
  await publishRelease(publisher, { bake: lib("1.2.0", "d"), channel: { channel: "staging" } });
  await expectSound(built);
  const grown = await npmObjects(store);
  await rebuild(built);
  expect(await npmObjects(store)).toEqual(grown);
});

const spoilt: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  garbage: () => Buffer.from("garbage"),
  "a truncation": (bytes) => bytes.subarray(0, bytes.length / 2),
  nothing: () => Buffer.alloc(0),
};

test.each(Object.keys(spoilt))("%s instead of a document is found, and a rebuild mends it", async (sort) => {
  const built = await published();
  const { store, trust } = built;
  const before = await npmObjects(store);
  for (const [key, text] of Object.entries(before)) {
    await write(store, key, spoilt[sort]!(Buffer.from(text)));
    const { findings } = await audit({ store, trust, since: undefined, context: testContext() });
    expect(findings.map(({ subject, severity }) => ({ subject, severity }))).toEqual([
      { subject: key, severity: "error" },
    ]);
    expect(findings[0]?.code).toMatch(/^(?:STORE_CORRUPT|VIEW_MISMATCH)$/);
    await rebuild(built);
    expect(await npmObjects(store)).toEqual(before);
  }
});

test("nothing is published onto a packument that can't be read, or that somebody changed", async () => {
  const { store, publisher } = await published();
  const whole = await bytesOf(store, packumentKey);
  const bake = lib("1.2.0", "d");
  await write(store, packumentKey, whole.subarray(0, 100));
  await expect(publishRelease(publisher, { bake })).rejects.toMatchObject({
    code: "STORE_CORRUPT",
    message: expect.stringContaining(packumentKey) as string,
    hint: expect.stringContaining("kiln views rebuild") as string,
  });
  await write(store, packumentKey, Buffer.from(whole.toString().replace("as of 1.1.0", "as of 6.6.6")));
  await expect(publishRelease(publisher, { bake })).rejects.toMatchObject({ code: "SIGNATURE_INVALID" });
  await write(store, packumentKey, whole);
  await publishRelease(publisher, { bake });
  expect(Object.keys((await readJson(store, packumentKey))["versions"])).toContain("1.2.0");
});

test("whatever the bytes are, a packument that isn't one is refused under its key", async () => {
  const signer = { keys: [], now: publishedAt };
  const document = fc.oneof(fc.uint8Array(), fc.json().map(Buffer.from));
  await fc.assert(
    fc.asyncProperty(document, async (bytes) => {
      await expect(readPackument(bytes, "npm/x", signer)).rejects.toMatchObject({
        code: "STORE_CORRUPT",
        message: expect.stringContaining("npm/x") as string,
      });
    }),
  );
});

test("the same packument serves a store that is reached elsewhere, and its signature still holds", async () => {
  const { store, trust } = await published();
  const moved = packumentAt(await bytesOf(store, packumentKey), packumentKey, "http://mirror.test/kiln/");
  const { versions } = JSON.parse(Buffer.from(moved).toString()) as Json;
  expect(versions["1.0.0"].dist.tarball).toMatch(/^http:\/\/mirror\.test\/kiln\/pool\/sha256\//);
  const signer = { keys: trust.openpgp.map(({ publicKey }) => publicKey), now: publishedAt };
  expect(await readPackument(moved, packumentKey, signer)).toMatchObject({ name: "@acme/lib", release: "lib" });
});

test("the audit finds an address that isn't the store's, and a packument that no release explains", async () => {
  const built = await published();
  const { store, trust } = built;
  const codes = async () =>
    (await audit({ store, trust, since: undefined, context: testContext() })).findings.map(
      ({ code, subject }) => `${code} ${subject}`,
    );
  const whole = await bytesOf(store, packumentKey);
  await write(store, packumentKey, packumentAt(whole, packumentKey, "http://evil.test/"));
  expect(await codes()).toEqual([`VIEW_MISMATCH ${packumentKey}`]);
  await write(store, packumentKey, whole);
  await write(store, "npm/evil", whole);
  expect(await codes()).toEqual(["OBJECT_UNKNOWN npm/evil"]);
});
