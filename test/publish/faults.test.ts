import { expect, test } from "vitest";

import { keys, poolKey } from "../../src/artifact/pool.ts";
import { openCatalog } from "../../src/commands/catalog-access.ts";
import { isKilnError } from "../../src/errors.ts";
import { createStore } from "../../src/publish/create-store.ts";
import type { Released } from "../../src/publish/decide.ts";
import type { Published } from "../../src/publish/group.ts";
import { promote } from "../../src/publish/promote.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { reserveVersion } from "../../src/publish/reserve.ts";
import type { Store } from "../../src/stores/store.ts";
import { findChannel, refusals } from "../../src/views/catalog.ts";
import { type MemoryStore, openMemoryStore } from "../faults/memory-store.ts";
import { bakeOf, besideKeys, publisher, signers, trust } from "../fixtures/publisher.ts";
import { type Fate, simulate } from "../simulation/scheduler.ts";
import { checkStore } from "../simulation/whole.ts";

const old = bakeOf({ name: "app", version: "1.0.0", commit: "a" });
const bake = bakeOf({ name: "app", version: "1.0.1", commit: "b" });
const publish = (store: Store) =>
  publishRelease(publisher(store), { bake, channel: { channel: "staging" }, alias: "v1" });

test.for(["refused", "lost", "stopped", "halted"] as const)(
  "whichever operation of a publish is %s, the store is whole and the next publish succeeds",
  async (fate) => {
    let operations = 0;
    for (let at = 0; at <= operations; at++) {
      const store = await storeWithRelease();
      operations = await publishWithFault({ store, at, fate });
      await checkStore(store, []);
      const { release } = await publish(store);
      expect(release.version).toBe("1.0.1");
      await checkStore(store, [{ release }]);
      for (const key of [poolKey(bake.manifest.artifacts[0] as never), ...besideKeys(bake)]) {
        expect(await store.head(key), key).toBeDefined();
      }
    }
    expect(operations).toBeGreaterThan(25);
  },
);

test("publishing the same bake again changes nothing", async () => {
  const store = await storeWithRelease();
  await publish(store);
  const before = store.snapshot();
  const again = await publish(store);
  expect(again).toMatchObject({ added: false, moved: null, release: { version: "1.0.1" } });
  expect(store.snapshot()).toBe(before);
});

test("the same version with other bytes is refused, and nothing is added to the log", async () => {
  const store = await storeWithRelease();
  const other = bakeOf({ name: "app", version: "1.0.0", commit: "f" });
  const head = await store.head(keys.head);
  await expect(publishRelease(publisher(store), { bake: other })).rejects.toMatchObject({ code: "IMMUTABLE_CONFLICT" });
  expect(await store.head(keys.head)).toEqual(head);
});

test("another bake of a commit that was released returns the first release", async () => {
  const store = await storeWithRelease();
  const other = bakeOf({ name: "app", version: "9.9.9", commit: "a", content: "by another compiler" });
  const { release, added } = await publishRelease(publisher(store), { bake: other });
  expect({ version: release.version, added }).toEqual({ version: "1.0.0", added: false });
});

test("a publish never moves a channel back to an ancestor, and a promote may", async () => {
  const store = await storeWithRelease();
  await publish(store);
  const channel = { channel: "staging", isAhead: async (shown: Released) => shown.version === "1.0.1" };
  const { moved } = await publishRelease(publisher(store), { bake: old, channel });
  expect(moved).toBe(null);
  const back = await promote(publisher(store), { name: "app", by: "version", version: "1.0.0" }, "staging");
  expect(back).toMatchObject({ from: "1.0.1", moved: true, release: { version: "1.0.0" } });
  const byAlias = await promote(publisher(store), { name: "app", by: "version", version: "v1" }, "production");
  expect(byAlias).toMatchObject({ from: null, moved: true, release: { version: "1.0.1" } });
  const byCommit = await promote(publisher(store), { name: "app", by: "commit", commit: "a000000" }, "production");
  expect(byCommit.release.version).toBe("1.0.0");
  await checkStore(store, []);
});

test("an alias never moves to another release", async () => {
  const store = await storeWithRelease();
  await publish(store);
  await expect(publishRelease(publisher(store), { bake: old, alias: "v1" })).rejects.toMatchObject({
    code: "IMMUTABLE_CONFLICT",
  });
});

test("two bakes at once reserve two versions, and a bake that asks again gets its own", async () => {
  const store = await storeWithRelease();
  const reserve = (commit: string) =>
    reserveVersion({
      store,
      trust,
      now: 1000,
      pause: async () => {},
      name: "app",
      claim: { commit, recipe: "kiln.yaml" },
      next: (taken) => `1.0.${taken.length}`,
    });
  const [first, second] = await Promise.all([reserve("b"), reserve("c")]);
  expect(new Set([first, second])).toEqual(new Set(["1.0.1", "1.0.2"]));
  expect(await reserve("b")).toBe(first);
  expect(await reserve("a".padEnd(40, "0"))).toBe("1.0.0");
});

async function storeWithRelease(): Promise<MemoryStore> {
  const store = openMemoryStore();
  await createStore({ store, trust, signer: signers.log, now: 0 });
  await publishRelease(publisher(store), { bake: old, channel: { channel: "staging" } });
  return store;
}

/** Publishes with one fault at the operation `at`; returns how many operations there were. */
async function publishWithFault(options: { store: Store; at: number; fate: Fate }): Promise<number> {
  const { store, at, fate } = options;
  let operation = 0;
  const choose = () => ({ publisher: 0, fate: operation++ === at ? fate : ("done" as const) });
  const { outcomes } = await simulate({ store, publishers: [publish], isGated: () => true, choose });
  const [outcome] = outcomes;
  if (outcome?.status === "rejected" && !isKilnError(outcome.reason, "STORE_UNREACHABLE")) throw outcome.reason;
  if (outcome?.status === "fulfilled") expect((outcome.value as Published).release.version).toBe("1.0.1");
  return operation;
}

test.for(["refused", "lost", "stopped", "halted"] as const)(
  "whichever operation of a publish that a gate refuses is %s, the refusal is logged once and nothing moves",
  async (fate) => {
    const low = bakeOf({ name: "app", version: "1.1.0", commit: "c", coverage: 80 });
    const refused = (store: Store) => publishRelease(publisher(store), { bake: low, channel: { channel: "staging" } });
    const template = await storeWithRelease();
    const high = bakeOf({ name: "app", version: "1.0.9", commit: "d", coverage: 90 });
    await publishRelease(publisher(template), { bake: high, channel: { channel: "staging" } });
    for (let at = 0, operations = 0; at <= operations; at++) {
      const store = template.clone();
      let operation = 0;
      const choose = () => ({ publisher: 0, fate: operation++ === at ? fate : ("done" as const) });
      const { outcomes } = await simulate({ store, publishers: [refused], isGated: () => true, choose });
      operations = operation;
      expect(outcomes[0]?.status).not.toBe("fulfilled");
      await checkStore(store, []);
      await expect(refused(store)).rejects.toMatchObject({ code: "GATE_FAILED" });
      expect(await checkStore(store, [])).toEqual(new Set(["app@1.1.0"]));
      const catalog = await openCatalog(store);
      expect(await Array.fromAsync(refusals(catalog, "app"))).toHaveLength(1);
      expect((await findChannel(catalog, "app", "staging"))?.version).toBe("1.0.9");
    }
  },
);
