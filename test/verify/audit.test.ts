// The audit of a whole store where nothing was tampered with: what it says of a store that is right, behind, kept from
// before, served by a web server, or out of reach.

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { beforeAll, describe, expect, test } from "vitest";

import { keys } from "../../src/artifact/pool.ts";
import { KilnError } from "../../src/errors.ts";
import { logOf, openCheckpoint, readCheckpoint, signCheckpoint } from "../../src/log/checkpoint.ts";
import { promote } from "../../src/publish/promote.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { openFolderStore } from "../../src/stores/folder.ts";
import { openHttpStore } from "../../src/stores/http.ts";
import type { ReadableStore } from "../../src/stores/store.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { buildStore, fillStore, makeBake, testContext } from "../fixtures/store-builder.ts";
import { files, serve } from "../stores/web-server.ts";
import { type PublishedStore, publishedStore, takeOver, type TamperedStore } from "./tampered-store.ts";

let whole: PublishedStore;

beforeAll(async () => {
  whole = await publishedStore();
});

const auditOf = ({ store, trust }: Pick<TamperedStore, "trust"> & { readonly store: ReadableStore }) =>
  audit({ store, trust, since: undefined, context: testContext() });

test("a store that nobody touched is verified, with nothing to say", async () => {
  const result = await auditOf(takeOver(whole));
  expect(result).toMatchObject({ verdict: "verified", findings: [], leaves: 23, releases: 3 });
  expect(result.objects).toBe((await Array.fromAsync(whole.store.list(""))).length);
});

test("an empty store is verified", async () => {
  const { store, trust } = await buildStore(openMemoryStore());
  expect(await auditOf({ store, trust })).toMatchObject({ verdict: "verified", findings: [], leaves: 0, releases: 0 });
});

test("views that are behind are notes: a publisher stopped before them", async () => {
  const store = takeOver(whole);
  for (const key of await store.find(/^(?:catalog|channels|releases)\//)) await store.remove(key);
  const { verdict, findings } = await auditOf(store);
  expect(verdict).toBe("verified");
  expect(findings.map(({ code, severity, subject }) => `${severity} ${code} ${subject}`).toSorted()).toEqual([
    "note VIEW_BEHIND catalog/head.json",
    "note VIEW_BEHIND channels/billing/production.json",
    "note VIEW_BEHIND channels/billing/staging.json",
    "note VIEW_BEHIND releases/billing/1.0.0.json",
    "note VIEW_BEHIND releases/billing/1.1.0.json",
    "note VIEW_BEHIND releases/billing/v1.1.json",
    "note VIEW_BEHIND releases/website/2.0.0.json",
  ]);
});

test("files beside artifacts that aren't written yet are notes, until the catalog says that they were", async () => {
  const store = takeOver(whole);
  const sidecars = await store.find(/^pool\/.*website.*\.(?:asc|sigstore\.json)$/);
  for (const key of sidecars) await store.remove(key);
  const taken = await auditOf(store);
  expect(taken.verdict).toBe("refused");
  expect(taken.findings.map(({ code, subject }) => `${code} ${subject}`).toSorted()).toEqual(
    sidecars.map((key) => `OBJECT_MISSING ${key}`),
  );
  await store.remove(keys.catalog);
  const behind = await auditOf(store);
  expect(behind.verdict).toBe("verified");
  expect(behind.findings.map(({ code, severity }) => `${severity} ${code}`)).toEqual(
    Array.from({ length: sidecars.length + 1 }, () => "note VIEW_BEHIND"),
  );
});

describe("publishers don't wait for auditors", () => {
  // The moment at which somebody publishes a release under a new name, moves a channel that there is, and makes one.
  const moments = {
    "before the log is read": keys.head,
    "while the log is read": "log/tile/entries/000.p/23",
    "while the releases are read": keys.release("billing", "1.0.0"),
    "before the channels are read": keys.channel("billing", "production"),
  };
  test.for(Object.entries(moments))("%s", async ([, moment]) => {
    const { store, trust, publisher } = takeOver(whole);
    let isPublished = false;
    const live: ReadableStore = {
      ...store,
      get: async (key) => {
        if (key === moment && !isPublished) {
          isPublished = true;
          const bake = makeBake({ name: "other", version: "1.0.0", commit: "d" });
          await publishRelease(publisher, { bake, alias: "v1", channel: { channel: "production" } });
          await promote(publisher, { name: "billing", by: "version", version: "1.1.0" }, "production");
        }
        return store.get(key);
      },
    };
    const { verdict, findings, leaves } = await auditOf({ store: live, trust });
    expect(isPublished).toBe(true);
    expect({ verdict, leaves }).toEqual({ verdict: "verified", leaves: 23 });
    expect(findings.every(({ severity }) => severity === "note")).toBe(true);
    expect(findings.map(({ code }) => code)).toContain("LOG_GREW");
  });

  test("a document of a later tree counts only if the log has got as far", async () => {
    const { store, trust, publisher, read, write, find } = takeOver(whole);
    const log = new Map<string, Buffer>();
    for (const key of [keys.checkpoint, keys.head, keys.catalog]) log.set(key, await read(key));
    await promote(publisher, { name: "billing", by: "version", version: "1.1.0" }, "production");
    // The log is cut back; the channel's document and the pages are forgotten.
    for (const [key, bytes] of log) await write(key, bytes);
    expect(await find(/^log\/tile\/0\//)).toContain("log/tile/0/000.p/24");
    const { verdict, findings } = await auditOf({ store, trust });
    expect(verdict).toBe("refused");
    expect(findings.filter(({ severity }) => severity === "error")).toMatchObject([
      { code: "LOG_INCONSISTENT", subject: keys.channel("billing", "production") },
      { code: "VIEW_MISMATCH", subject: "web/billing/index.html" },
      { code: "VIEW_MISMATCH", subject: "index.html" },
    ]);
  });
});

test("a head that is ahead of the checkpoint is a note: a publisher stopped after the commit", async () => {
  const store = takeOver(whole);
  const before = await store.read(keys.checkpoint);
  const catalog = await store.read(keys.catalog);
  const bake = makeBake({ name: "other", version: "1.0.0", commit: "d" });
  const known = new Set(await store.find(/^/));
  const front = await store.read("index.html");
  await publishRelease(store.publisher, { bake });
  for (const key of await store.find(/^(?:releases|channels|pool|web)\//)) if (!known.has(key)) await store.remove(key);
  await store.write("index.html", front);
  await store.write(keys.checkpoint, before);
  await store.write(keys.catalog, catalog);
  const { verdict, findings } = await auditOf(store);
  expect(verdict).toBe("verified");
  expect(findings.map(({ code, severity }) => `${severity} ${code}`)).toEqual(["note APPEND_UNFINISHED"]);
});

test("a checkpoint that was kept: the log continues it, and only newer releases are read", async () => {
  const store = takeOver(whole);
  const since = await readCheckpoint(store.store, logOf(store.trust));
  await publishRelease(store.publisher, { bake: makeBake({ name: "other", version: "1.0.0", commit: "d" }) });
  const asked: string[] = [];
  const watched = { ...store.store, get: (key: string) => (asked.push(key), store.store.get(key)) };
  const result = await audit({ store: watched, trust: store.trust, since, context: testContext() });
  expect(result).toMatchObject({ verdict: "verified", findings: [], leaves: 29, releases: 1 });
  expect(asked.some((key) => key.includes("other-app-1.0.0.bin"))).toBe(true);
  expect(asked.filter((key) => /billing-|website-|^releases\/(?:billing|website)/.test(key))).toEqual([]);
});

test("a checkpoint that was kept of another log of the same key is no beginning of this one", async () => {
  const { store, trust, publisher } = takeOver(whole);
  const note = signCheckpoint({ origin: trust.origin, size: 7, root: Buffer.alloc(32, 1) }, publisher.signers.log).note;
  const since = openCheckpoint(note, logOf(trust));
  const { verdict, findings } = await audit({ store, trust, since, context: testContext() });
  expect(verdict).toBe("refused");
  expect(findings.map(({ code }) => code)).toEqual(["LOG_INCONSISTENT"]);
});

test("a checkpoint that was kept, and a log that was cut back behind it", async () => {
  const { store, trust, publisher } = takeOver(whole);
  const note = signCheckpoint(
    { origin: trust.origin, size: 99, root: Buffer.alloc(32, 1) },
    publisher.signers.log,
  ).note;
  const since = openCheckpoint(note, logOf(trust));
  const { verdict, findings } = await audit({ store, trust, since, context: testContext() });
  expect(verdict).toBe("refused");
  expect(findings.map(({ code }) => code)).toEqual(["LOG_INCONSISTENT"]);
});

test("a store that can't be reached in part is neither verified nor refused", async () => {
  for (const away of [
    /billing-app-1\.0\.0\.bin$/,
    /^log\/tile\/entries/,
    /^channels\//,
    /\/release\.json$/,
    /^log\/head/,
  ]) {
    const { store, trust } = takeOver(whole);
    const failing: ReadableStore = {
      ...store,
      get: async (key) => {
        if (away.test(key)) throw new KilnError("STORE_UNREACHABLE", `${key}: no answer`);
        return store.get(key);
      },
    };
    const { verdict, findings } = await auditOf({ store: failing, trust });
    const errors = findings.filter(({ severity }) => severity === "error");
    expect([...new Set(errors.map(({ code }) => code))], String(away)).toEqual(["STORE_UNREACHABLE"]);
    expect(verdict).toBe("incomplete");
  }
});

test("over HTTP everything is checked but what nothing refers to, and it says so", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kiln-audit-"));
  const path = join(folder, "store");
  await mkdir(path);
  const { signal } = new AbortController();
  const { trust, publisher } = await buildStore(await openFolderStore(path, signal));
  await fillStore(publisher);
  const server = await serve(files(path));
  try {
    const result = await auditOf({ store: openHttpStore(server.url, { signal }), trust });
    expect(result).toMatchObject({ verdict: "verified", leaves: 23, releases: 3, objects: null });
    expect(result.findings.map(({ code, severity }) => `${severity} ${code}`)).toEqual(["note OBJECTS_NOT_LISTED"]);
  } finally {
    await server.close();
    await rm(folder, { recursive: true });
  }
});
