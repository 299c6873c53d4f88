// Documents that no repository's view owns, spoilt: who says so, naming the key, and what mends it. Those of the repositories are spoilt
// in test/views. Of the log nothing can be made anew but its checkpoint: all else is made of it.

import { expect, test } from "vitest";

import { poolKey } from "../../src/artifact/pool.ts";
import { isKilnError, type KilnError } from "../../src/errors.ts";
import { rebuildViews } from "../../src/publish/bring-up.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { readDocument } from "../../src/stores/read.ts";
import type { Store } from "../../src/stores/store.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { type MemoryStore, openMemoryStore } from "../faults/memory-store.ts";
import {
  type BuiltStore,
  buildStore,
  fillStore,
  makeBake,
  publishedAt,
  testContext,
} from "../fixtures/store-builder.ts";

interface Spoilt {
  /** What the next publisher says; absent: it isn't built upon, and the publish passes. */
  readonly publish?: string;
  readonly hint?: string;
  /** Whether a rebuild of the views mends it. */
  readonly isMended: boolean;
}

const rebuilt = { publish: "STORE_CORRUPT", hint: "kiln views rebuild", isMended: true };
const lost = { publish: "STORE_CORRUPT", hint: "restore it from a copy", isMended: false };
const aside = { isMended: true };

/** By key; the newest of those under a digest, and of the tiles. */
const documents: Readonly<Record<string, Spoilt>> = {
  "catalog/head.json": rebuilt,
  "catalog/shard/": rebuilt,
  "channels/billing/staging.json": aside,
  "channels/billing/production.json": aside,
  "releases/billing/1.0.0.json": aside,
  "releases/billing/v1.1.json": aside,
  "log/checkpoint": aside,
  "log/head": lost,
  // The head has what the next bundle begins with.
  "log/tile/entries/": { isMended: false },
  "log/tile/0/": { isMended: false },
  "kiln.json": { isMended: false },
};

async function keyOf(start: string, store: Store): Promise<string> {
  if (!start.endsWith("/")) return start;
  if (start === "catalog/shard/") {
    const catalog = (await readDocument(store, "catalog/head.json"))?.bytes.toString() ?? "";
    return `${start}${/"digest":"(\w+)"/.exec(catalog)?.[1]}.json`;
  }
  const width = (key: string) => Number(/\d+$/.exec(key)?.[0]);
  const found = await Array.fromAsync(store.list(start), ({ key }) => key);
  return found.toSorted((a, b) => width(b) - width(a))[0] ?? "";
}

async function refusal(work: Promise<unknown>): Promise<KilnError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (isKilnError(error)) return error;
    throw error;
  }
}

/** Of errors: what they are about, and what they say. */
async function wrongIn(store: Store, { trust }: BuiltStore): Promise<string[]> {
  try {
    const { findings } = await audit({ store, trust, since: undefined, context: testContext() });
    return findings.flatMap(({ severity, subject, message }) =>
      severity === "error" ? [`${subject} ${message}`] : [],
    );
  } catch (error) {
    if (isKilnError(error, "CHECKPOINT_INVALID")) return [error.message];
    throw error;
  }
}

test.for(Object.entries(documents))("%s: garbage, or cut off", async ([start, wanted]) => {
  const built = await buildStore(openMemoryStore());
  await fillStore(built.publisher);
  const key = await keyOf(start, built.store);
  const whole = (await readDocument(built.store, key))?.bytes ?? Buffer.of();
  expect(whole.length).toBeGreaterThan(9);
  for (const bytes of [Buffer.from("spoilt"), whole.subarray(0, -9)]) {
    const store = (built.store as MemoryStore).clone();
    await store.replace(key, bytes, (await store.head(key))?.etag ?? null);
    expect((await wrongIn(store, built)).join("\n")).toContain(key);
    const next = makeBake({ name: "billing", version: "1.2.0", commit: "d" });
    const publisher = { ...built.publisher, store: store.clone() };
    const said = await refusal(publishRelease(publisher, { bake: next, channel: { channel: "staging" } }));
    expect(said?.code).toBe(wanted.publish);
    if (said !== undefined) {
      expect(said.message).toContain(key);
      expect(said.hint).toContain(wanted.hint);
    }
    await refusal(rebuildViews({ ...built.publisher, store, now: publishedAt }));
    expect((await wrongIn(store, built)).length === 0).toBe(wanted.isMended);
  }
});

test("a document that names a later entry than the log has, or other proofs, is written anew by a rebuild", async () => {
  const built = await buildStore(openMemoryStore());
  const { store, publisher } = built;
  await fillStore(publisher);
  const key = "channels/billing/staging.json";
  const whole = (await readDocument(store, key))?.bytes.toString() ?? "";
  const changes = [
    (text: string) => text.replace(/"index":\d+/g, '"index":999999'),
    (text: string) => text.replace(/"proof":\["[^"]*"/, '"proof":["AAAA"'),
  ];
  for (const change of changes) {
    expect(change(whole)).not.toBe(whole);
    await store.replace(key, Buffer.from(change(whole)), (await store.head(key))?.etag ?? null);
    expect((await wrongIn(store, built)).join("\n")).toContain(key);
    await rebuildViews({ ...publisher, now: publishedAt });
    expect(await wrongIn(store, built)).toEqual([]);
  }
});

test("a bundle of an earlier release, where a later one's belongs, is found, and written anew by a rebuild", async () => {
  const built = await buildStore(openMemoryStore());
  const { store, publisher } = built;
  await fillStore(publisher);
  const [first, second] = ["1.0.0", "1.1.0"].map((version) => {
    const bake = makeBake({ name: "billing", version, commit: version === "1.0.0" ? "a" : "b" });
    return `${poolKey(bake.manifest.artifacts[0]!)}.sigstore.json`;
  });
  const older = (await readDocument(store, first!))!.bytes;
  await store.replace(second!, older, (await store.head(second!))?.etag ?? null);
  expect(await wrongIn(store, built)).toEqual([expect.stringContaining(second!)]);
  await rebuildViews({ ...publisher, now: publishedAt });
  expect(await wrongIn(store, built)).toEqual([]);
});
