import { expect, test } from "vitest";

import { keys } from "../../src/artifact/pool.ts";
import { settle } from "../../src/log/append.ts";
import { logOf } from "../../src/log/checkpoint.ts";
import type { Bake } from "../../src/publish/bake-folder.ts";
import { publishAll } from "../../src/publish/batch.ts";
import { createStore } from "../../src/publish/create-store.ts";
import { promote } from "../../src/publish/promote.ts";
import { publishRelease } from "../../src/publish/release.ts";
import type { Store } from "../../src/stores/store.ts";
import { faultyStore } from "../faults/faulty-store.ts";
import { type MemoryStore, openMemoryStore } from "../faults/memory-store.ts";
import { bakeOf, context, publisher, signers, trust } from "../fixtures/publisher.ts";
import { checkStore } from "../simulation/whole.ts";

const staging = { channel: { channel: "staging" } };

test("a batch is in the log in the order given, group by group, one append each", async () => {
  const store = await newStore();
  const replaced: string[] = [];
  const bakes = Array.from({ length: 258 }, (_, at) =>
    bakeOf({ name: `app${at % 7}`, version: `1.0.${at}`, commit: at.toString(16).padStart(3, "0") }),
  );
  const answers = await publishAll(
    publisher(watchingReplace(store, replaced)),
    bakes.map((bake) => ({ bake, ...staging })),
  );
  expect(versionsOf(answers)).toEqual(bakes.map(({ manifest }) => manifest.version));
  expect(replaced.filter((key) => key === keys.head)).toHaveLength(2);
  expect(replaced.filter((key) => key === keys.catalog)).toHaveLength(2);
  await checkStore(store, releasesOf(answers));
});

test("a batch leaves the log that the same releases leave one after the other", async () => {
  const bakes = [
    bakeOf({ name: "app", version: "1.0.0", commit: "a", coverage: 90 }),
    bakeOf({ name: "app", version: "1.0.1", commit: "b", coverage: 80 }),
    bakeOf({ name: "app", version: "1.0.2", commit: "c", coverage: 91 }),
    bakeOf({ name: "app", version: "1.0.2", commit: "d", coverage: 95 }),
    bakeOf({ name: "app", version: "1.0.9", commit: "c", coverage: 95 }),
    bakeOf({ name: "lib", version: "1.0.0", commit: "a" }),
  ];
  const [batched, single] = [await newStore(), await newStore()];
  const answers = await publishAll(
    publisher(batched),
    bakes.map((bake) => ({ bake, ...staging })),
  );
  const one: string[] = [];
  for (const bake of bakes)
    one.push(
      await publishRelease(publisher(single), { bake, ...staging }).then(({ release }) => release.version, codeOf),
    );
  expect(versionsOf(answers)).toEqual(one);
  expect(one).toEqual(["1.0.0", "GATE_FAILED", "1.0.2", "IMMUTABLE_CONFLICT", "1.0.2", "1.0.0"]);
  await checkStore(batched, releasesOf(answers));
  // A refusal goes into the same append here, so the leaves come in the same order.
  const heads = [];
  for (const store of [batched, single]) heads.push((await settle({ store, log: logOf(trust) })).checkpoint.note);
  expect(heads[0]).toBe(heads[1]);
});

test("a release whose files changed takes no other with it, and the one that counted on it is published after all", async () => {
  const store = await newStore();
  const good = bakeOf({ name: "app", version: "1.0.0", commit: "a" });
  const spoilt: Bake = {
    ...bakeOf({ name: "app", version: "1.0.1", commit: "b" }),
    async *open() {
      yield Buffer.from("something else");
    },
  };
  const heir = bakeOf({ name: "app", version: "1.0.2", commit: "b" });
  const last = bakeOf({ name: "app", version: "1.0.3", commit: "c" });
  const other = bakeOf({ name: "lib", version: "1.0.0", commit: "a" });
  const answers = await publishAll(
    publisher(store),
    [good, spoilt, heir, last, other].map((bake) => ({ bake, ...staging })),
  );
  expect(versionsOf(answers)).toEqual(["1.0.0", "BAKE_CHANGED", "1.0.2", "1.0.3", "1.0.0"]);
  await checkStore(store, releasesOf(answers));
  // What waited kept its order: the channel shows the last of them.
  const shown = await promote(publisher(store), { name: "app", by: "channel", channel: "staging" }, "production");
  expect(shown.release.version).toBe("1.0.3");
});

test("a store that fails ends the batch: what was published is said, the rest has the store's error, and it can be done again", async () => {
  for (const operations of [3, 500, 700]) {
    const inner = await newStore();
    let left = operations;
    const store = faultyStore(inner, { fault: () => (left-- > 0 ? undefined : "not persisted") });
    const bakes = Array.from({ length: 66 }, (_, at) =>
      bakeOf({ name: `app${at % 5}`, version: `1.0.${at}`, commit: at.toString(16).padStart(3, "0") }),
    ).map((bake) => ({ bake, ...staging }));
    const answers = await publishAll(publisher(store), bakes);
    for (const version of versionsOf(answers)) expect(version).toMatch(/^\d+\.0\.\d+$|^STORE_UNREACHABLE$/);
    await checkStore(inner, releasesOf(answers));
    const again = await publishAll(publisher(inner), bakes);
    expect(again.map((answer) => answer instanceof Error)).not.toContain(true);
    await checkStore(inner, releasesOf(again));
  }
});

test("an interruption ends the batch", async () => {
  const store = await newStore();
  const ending = new AbortController();
  const bake = bakeOf({ name: "app", version: "1.0.0", commit: "a" });
  const open: Bake["open"] = (blob) => {
    ending.abort();
    return bake.open(blob);
  };
  const stopped = { ...publisher(store), context: { ...context(), signal: ending.signal } };
  await expect(publishAll(stopped, [{ bake: { ...bake, open } }])).rejects.toMatchObject({ code: "CANCELLED" });
});

async function newStore(): Promise<MemoryStore> {
  const store = openMemoryStore();
  await createStore({ store, trust, signer: signers.log, now: 0 });
  return store;
}

type Answers = Awaited<ReturnType<typeof publishAll>>;

function versionsOf(answers: Answers): string[] {
  return answers.map((answer) => (answer instanceof Error ? answer.code : answer.release.version));
}

function releasesOf(answers: Answers) {
  return answers.flatMap((answer) => (answer instanceof Error ? [] : [answer]));
}

function codeOf(error: unknown): string {
  return (error as { readonly code: string }).code;
}

function watchingReplace(store: Store, replaced: string[]): Store {
  return {
    ...store,
    async replace(key, body, etag) {
      const outcome = await store.replace(key, body, etag);
      if (outcome === "replaced") replaced.push(key);
      return outcome;
    },
  };
}
