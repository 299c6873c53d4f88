// Garbage collection: what goes, what stays, and that nobody who publishes, reads or deploys meanwhile is hurt by it. The store's
// clock is the test's.

import { describe, expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { keys, poolKey } from "../../src/artifact/pool.ts";
import type { Context } from "../../src/context.ts";
import { isKilnError, KilnError } from "../../src/errors.ts";
import { rebuildViews } from "../../src/publish/bring-up.ts";
import { collectGarbage } from "../../src/publish/gc/gc.ts";
import { promote } from "../../src/publish/promote.ts";
import type { Publisher } from "../../src/publish/publisher.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { retire } from "../../src/publish/retire.ts";
import { upload } from "../../src/publish/upload.ts";
import { readDocument } from "../../src/stores/read.ts";
import type { Store } from "../../src/stores/store.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { catalogReader, parseCatalog, releases } from "../../src/views/catalog.ts";
import { shardReader } from "../../src/views/shards.ts";
import { webKeys } from "../../src/views/web/keys.ts";
import { styleKey } from "../../src/views/web/page.ts";
import { faultAt, faultyStore } from "../faults/faulty-store.ts";
import { type MemoryStore, openMemoryStore } from "../faults/memory-store.ts";
import { buildStore, fillStore, makeBake, publishedAt, testContext } from "../fixtures/store-builder.ts";

const hour = 3_600_000;
const day = 24 * hour;

/** A store whose clock, and everybody's, is `clock.now`. */
async function scene() {
  const clock = { now: publishedAt };
  const store = openMemoryStore(() => clock.now);
  const { trust, publisher } = await buildStore(store);
  const context: Context = { ...testContext(), now: () => clock.now };
  const at = (other: Store): Publisher => ({ ...publisher, store: other, context });
  return {
    clock,
    store,
    trust,
    publisher: at(store),
    publishing: at,
    gc: async (options: { grace?: number; isDryRun?: boolean; store?: Store } = {}) => {
      const removed: string[] = [];
      const onRemoved = ({ key }: { readonly key: string }) => void removed.push(key);
      await collectGarbage({ store, trust, grace: 3 * day, isDryRun: false, onRemoved, context, ...options });
      return removed.toSorted();
    },
    audit: async () => {
      const { findings } = await audit({ store, trust, since: undefined, context: testContext() });
      return findings.map(({ code, severity, subject }) => `${severity} ${code} ${subject}`);
    },
  };
}

const named = (patch: number) => ({ name: "billing", version: `1.0.${patch}`, commit: `${patch}abc` });
const billing = (patch: number) => makeBake(named(patch));
const staging = { channel: { channel: "staging" } };

/** What a publish leaves that stopped before its commit. */
async function abandon({ store, publisher }: { readonly store: Store; readonly publisher: Publisher }, patch: number) {
  const { signers, context } = publisher;
  const bake = billing(patch);
  await upload({ store, signers, bake, context, onBytes: () => undefined });
  return bake;
}

const listed = async (store: Store) => (await Array.fromAsync(store.list(""))).map(({ key }) => key);

describe("what goes", () => {
  test("nothing of a store that is in order but what was in passing, however old it is", async () => {
    const { clock, store, publisher, gc, audit: findings } = await scene();
    await fillStore(publisher);
    clock.now += 100 * day;
    const before = await listed(store);
    const removed = await gc();
    expect(removed.filter((key) => !/^(?:log\/staging|catalog\/shard)\//.test(key))).toEqual([]);
    expect(removed.length).toBeGreaterThan(0);
    expect(await listed(store)).toEqual(before.filter((key) => !removed.includes(key)));
    expect(await findings()).toEqual([]);
    expect(await gc()).toEqual([]);
  });

  test("blobs of a publish that stopped, when they are older than the grace", async () => {
    const { clock, store, publisher, gc, audit: findings } = await scene();
    await fillStore(publisher);
    const { manifest } = await abandon({ store, publisher }, 9);
    const key = poolKey(manifest.artifacts[0]!);
    clock.now += 2 * day;
    expect(await gc()).toEqual([]);
    clock.now += 2 * day;
    const would = await gc({ isDryRun: true });
    expect(would).toContain(key);
    expect(await store.head(key)).toBeDefined();
    expect(await gc()).toEqual(would);
    expect(await store.head(key)).toBe(undefined);
    expect(await findings()).toEqual([]);
  });

  test("abandoned reservations and probes; nothing that it doesn't know", async () => {
    const { clock, store, publisher, gc } = await scene();
    await fillStore(publisher);
    const reserved = (until: number) =>
      Buffer.from(JSON.stringify({ kiln: 1, reserved: [{ version: "1", commit: "a", recipe: "kiln.yaml", until }] }));
    await store.replace(keys.reservations("billing"), reserved(clock.now + day), null);
    await store.replace(keys.reservations("website"), reserved(clock.now + 100 * day), null);
    await store.replace(keys.reservations("odd"), Buffer.from("?"), null);
    await store.create("probe-abc-blob", Buffer.from("one"));
    await store.create("notes/mine.txt", Buffer.from("mine"));
    clock.now += 10 * day;
    const removed = await gc();
    expect(removed.filter((key) => !/^(?:log\/staging|catalog\/shard)\//.test(key))).toEqual([
      "probe-abc-blob",
      "reservations/billing.json",
    ]);
  });

  test("styles that no page names any more, once they were superseded longer ago than the grace", async () => {
    const { clock, store, trust, publisher, gc, audit: findings } = await scene();
    await fillStore(publisher);
    const [earlier, odd] = ["body { color: red }", "body { color: blue }"].map((text) => Buffer.from(text));
    const [named, unnamed] = [webKeys.style(digestOf(earlier!)), webKeys.style(digestOf(odd!))];
    await store.create(named, earlier!);
    await store.create(unnamed, odd!);
    // As another Kiln wrote it.
    const key = webKeys.release("website", "2.0.0");
    const { bytes, etag } = (await readDocument(store, key))!;
    await store.replace(key, Buffer.from(bytes.toString().replaceAll(styleKey, named)), etag);
    clock.now += 100 * day;
    const ofPages = async () => (await gc()).filter((one) => one.startsWith("web/"));
    expect(await ofPages()).toEqual([unnamed]);
    const { pause, signers, publicUrl } = publisher;
    await rebuildViews({ store, trust, pause, signers, now: clock.now, publicUrl });
    expect(await findings()).toEqual([]);
    clock.now += 2 * day;
    expect(await ofPages()).toEqual([]);
    clock.now += 2 * day;
    expect(await ofPages()).toEqual([named]);
    expect(await findings()).toEqual([]);
    expect(await store.head(styleKey)).toBeDefined();
  });

  test("narrow tiles, once the full ones are there", async () => {
    const { clock, store, publisher, gc, audit: findings } = await scene();
    // 45 entries each.
    const attested = Array.from({ length: 40 }, (_, at) => `check-${at}`);
    const wide = (patch: number) =>
      makeBake({ ...named(patch), artifacts: { app: Buffer.from(`${patch}`) }, attested });
    for (let patch = 0; patch < 6; patch++) await publishRelease(publisher, { bake: wide(patch), ...staging });
    clock.now += 10 * day;
    const removed = await gc();
    expect(removed.filter((key) => key.startsWith("log/tile/")).length).toBeGreaterThan(9);
    expect(removed.filter((key) => /^log\/tile\/.*001/.test(key))).toEqual([]);
    expect(await findings()).toEqual([]);
    await publishRelease(publisher, { bake: billing(99), ...staging });
    expect(await findings()).toEqual([]);
    expect((await store.head("log/tile/entries/000"))?.size).toBeGreaterThan(0);
  });
});

describe("what is retired", () => {
  test("its artifacts go, once it has been retired for the grace; all that says what it was stays", async () => {
    const { clock, store, publisher, gc, audit: findings } = await scene();
    for (const patch of [1, 2]) await publishRelease(publisher, { bake: billing(patch), ...staging });
    clock.now += 100 * day;
    await retire(publisher, { releases: [{ name: "billing", version: "1.0.1" }], reason: "old" });
    expect((await gc()).filter((key) => key.startsWith("pool/"))).toEqual([]);
    clock.now += 4 * day;
    const { artifacts } = billing(1).manifest;
    const before = await listed(store);
    expect((await gc()).filter((key) => key.startsWith("pool/"))).toEqual(artifacts.map(poolKey).toSorted());
    const gone = before.filter((key) => key.startsWith("pool/")).length - artifacts.length;
    expect((await listed(store)).filter((key) => key.startsWith("pool/")).length).toBe(gone);
    expect(await findings()).toEqual(artifacts.map((one) => `note RELEASE_RETIRED ${poolKey(one)}`));
  });

  test("what another release names as well stays", async () => {
    const { clock, store, publisher, gc, audit: findings } = await scene();
    const artifacts = { app: Buffer.from("the same bytes") };
    const [first, second] = ["1.0.1", "1.0.2"].map((version) =>
      makeBake({ name: "billing", version, commit: version.slice(-1), artifacts }),
    );
    const one = { ...second!.manifest.artifacts[0]!, file: first!.manifest.artifacts[0]!.file };
    await publishRelease(publisher, { bake: first!, ...staging });
    await publishRelease(publisher, { bake: second!, ...staging });
    await retire(publisher, { releases: [{ name: "billing", version: "1.0.1" }], reason: "old" });
    clock.now += 10 * day;
    const removed = await gc();
    expect(removed).toContain(poolKey(one));
    expect(await store.head(poolKey(second!.manifest.artifacts[0]!))).toBeDefined();
    expect((await findings()).every((line) => line.startsWith("note RELEASE_RETIRED"))).toBe(true);
  });
});

describe("who is there meanwhile", () => {
  test("a reader of an older catalog finds its shards", async () => {
    const { clock, store, publisher, gc } = await scene();
    for (const patch of [1, 2, 3, 4, 5, 6]) await publishRelease(publisher, { bake: billing(patch), ...staging });
    clock.now += 100 * day;
    const { bytes } = (await readDocument(store, keys.catalog))!;
    for (const patch of [7, 8, 9, 10, 11]) await publishRelease(publisher, { bake: billing(patch), ...staging });
    clock.now += day;
    await gc();
    const older = catalogReader(parseCatalog(bytes, keys.catalog).table, new Map(), shardReader(store));
    expect(await Array.fromAsync(releases(older, "billing"))).toHaveLength(6);
    clock.now += 10 * day;
    await gc();
    const read = Array.fromAsync(
      releases(catalogReader(parseCatalog(bytes, keys.catalog).table, new Map(), shardReader(store)), "billing"),
    );
    await expect(read).rejects.toSatisfy((error) => isKilnError(error, "OBJECT_MISSING"));
  });

  test("a deploy that resolved a release before it was retired fetches it", async () => {
    const { clock, store, publisher, gc } = await scene();
    for (const patch of [1, 2]) await publishRelease(publisher, { bake: billing(patch), ...staging });
    clock.now += 100 * day;
    const resolved = billing(1).manifest.artifacts[0]!;
    await retire(publisher, { releases: [{ name: "billing", version: "1.0.1" }], reason: "old" });
    clock.now += 2 * day;
    await gc();
    expect(await store.head(poolKey(resolved))).toBeDefined();
  });

  test("a publish whose blobs lay there for days, with gc at each of its operations", async () => {
    const { clock, store, publisher, publishing, trust, gc } = await scene();
    await publishRelease(publisher, { bake: billing(1), ...staging });
    const bake = await abandon({ store, publisher }, 2);
    clock.now += 10 * day;
    const whole = store.clone();
    const count = await operationsOf(whole, (faulty) => publishRelease(publishing(faulty), { bake, ...staging }));
    expect(count).toBeGreaterThan(30);
    for (let number = 1; number <= count; number++) {
      const copy = store.clone();
      const gate = async (operation: { readonly number: number }, moment: "before" | "after") => {
        if (operation.number === number && moment === "before") await gc({ store: copy });
      };
      await publishRelease(publishing(faultyStore(copy, { gate })), { bake, ...staging });
      expect(await wrongIn(copy, trust), `gc before operation ${number}`).toEqual([]);
    }
  });

  test("gc, with a publish of what lay there for days at each of its operations", async () => {
    const { clock, store, publisher, publishing, trust, gc } = await scene();
    await publishRelease(publisher, { bake: billing(1), ...staging });
    const bake = await abandon({ store, publisher }, 2);
    clock.now += 10 * day;
    const count = await operationsOf(store.clone(), (faulty) => gc({ store: faulty }));
    expect(count).toBeGreaterThan(20);
    for (let number = 1; number <= count; number++) {
      const copy = store.clone();
      const gate = async (operation: { readonly number: number }, moment: "before" | "after") => {
        if (operation.number !== number || moment !== "before") return;
        await publishRelease(publishing(copy), { bake, ...staging });
      };
      await gc({ store: faultyStore(copy, { gate }) });
      expect(await wrongIn(copy, trust), `publish before operation ${number}`).toEqual([]);
    }
  });

  test("a publish that waited for half of the shortest grace uploads again before it commits", async () => {
    const { clock, store, publisher, publishing, trust, gc } = await scene();
    await publishRelease(publisher, { bake: billing(1), ...staging });
    const bake = billing(2);
    let waits = 0;
    // Before it looks at the log for its commit, it is held up; then gc runs, twelve hours after that at the latest.
    const gate = async ({ name, key }: { readonly name: string; readonly key: string }, moment: "before" | "after") => {
      if (name !== "create" || moment !== "after" || key !== poolKey({ sha256: bake.identity, file: "release.json" }))
        return;
      if ((waits += 1) === 1) clock.now += 20 * hour;
      else clock.now += 11 * hour;
      await gc({ grace: day });
    };
    await publishRelease(publishing(faultyStore(store, { gate })), { bake, ...staging });
    expect(waits).toBe(2);
    expect(await wrongIn(store, trust)).toEqual([]);
  });

  test("ended at any operation, it leaves a whole store, and the next one ends the work", async () => {
    const { clock, store, publisher, trust, gc } = await scene();
    await fillStore(publisher);
    await promote(publisher, { name: "billing", by: "version", version: "1.1.0" }, "production");
    await retire(publisher, { releases: [{ name: "billing", version: "1.0.0" }], reason: "old" });
    await abandon({ store, publisher }, 9);
    clock.now += 10 * day;
    const done = store.clone();
    const expected = await gc({ store: done });
    const count = await operationsOf(store.clone(), (faulty) => gc({ store: faulty }));
    for (let number = 1; number <= count; number++) {
      for (const kind of ["not persisted", "persisted"] as const) {
        const copy = store.clone();
        const ended = gc({ store: faultyStore(copy, { fault: faultAt(number, kind) }) });
        await expect(ended, `${kind} at ${number}`).rejects.toBeInstanceOf(KilnError);
        expect(await wrongIn(copy, trust), `${kind} at ${number}`).toEqual([]);
        await gc({ store: copy });
        // The clock's own probe may be left: it is young.
        const left = async (one: Store) => (await listed(one)).filter((key) => !key.startsWith("probe-"));
        expect(await left(copy)).toEqual(await left(done));
      }
    }
    expect(expected.length).toBeGreaterThan(10);
  });

  test("what can't be read ends it before anything is removed", async () => {
    const { clock, store, publisher, gc } = await scene();
    await publishRelease(publisher, { bake: billing(1), ...staging });
    await abandon({ store, publisher }, 2);
    clock.now += 10 * day;
    await store.remove(poolKey({ sha256: billing(1).identity, file: "release.json" }), Infinity);
    const before = store.snapshot();
    await expect(gc()).rejects.toSatisfy((error) => isKilnError(error, "OBJECT_MISSING"));
    expect(store.snapshot()).toBe(before);
  });
});

async function operationsOf(store: MemoryStore, work: (store: Store) => Promise<unknown>): Promise<number> {
  let count = 0;
  await work(faultyStore(store, { gate: ({ number }) => void (count = Math.max(count, number)) }));
  return count;
}

/** Errors that an audit finds. */
async function wrongIn(store: Store, trust: Publisher["trust"]): Promise<string[]> {
  const { findings } = await audit({ store, trust, since: undefined, context: testContext() });
  return findings.flatMap(({ severity, message }) => (severity === "error" ? [message] : []));
}
