// Who meets whom in the simulations.

import { expect } from "vitest";

import { isKilnError } from "../../src/errors.ts";
import type { Bake } from "../../src/publish/bake-folder.ts";
import { createStore } from "../../src/publish/create-store.ts";
import type { Published } from "../../src/publish/group.ts";
import { publishRelease } from "../../src/publish/release.ts";
import type { Store } from "../../src/stores/store.ts";
import { type MemoryStore, openMemoryStore } from "../faults/memory-store.ts";
import { bakeOf, publisher, signers, trust } from "../fixtures/publisher.ts";
import { exploreAll, runSeed } from "./explore.ts";
import type { Fate, Run } from "./scheduler.ts";
import { checkStore } from "./whole.ts";

const bake = (version: string, commit: string, content = "") => bakeOf({ name: "app", version, commit, content });
const covered = (version: string, commit: string, coverage: number) =>
  bakeOf({ name: "app", version, commit, coverage });

/** Two bakes that are published to one channel at once. */
export const meetings = {
  "two names": [
    bakeOf({ name: "left", version: "1.0.0", commit: "b" }),
    bakeOf({ name: "right", version: "1.0.0", commit: "b" }),
  ],
  "two versions of one name": [bake("1.0.1", "b"), bake("1.0.2", "c")],
  "the same bake": [bake("1.0.1", "b"), bake("1.0.1", "b")],
  "one commit, other bytes": [bake("1.0.1", "b"), bake("1.0.2", "b", "of another toolchain")],
  "one version, two commits": [bake("1.0.1", "b"), bake("1.0.1", "c")],
  "a ratchet, and one that the other outdoes": [covered("1.0.1", "b", 91), covered("1.0.2", "c", 92)],
} as const satisfies Record<string, readonly [Bake, Bake]>;

/** Every interleaving of a meeting; with `fates`, one operation of one of the two may end in any of them. */
export async function everyInterleaving(title: keyof typeof meetings, fates: readonly Fate[] = ["done"]) {
  const template = await newStore();
  await publishRelease(publisher(template), { bake: covered("1.0.0", "a", 90), channel: { channel: "staging" } });
  const start = () => {
    const store = template.clone();
    return { store, publishers: meetings[title].map((bake) => publishing(bake, "staging")), snapshot: store.snapshot };
  };
  return exploreAll({ start, fates, faults: fates.length > 1 ? 1 : 0, check });
}

/** Random runs of ten publishers with faults: three names, some the same bake, some of one commit or one version. */
export async function randomRuns(seeds: { readonly from: number; readonly count: number }): Promise<void> {
  const template = await newStore();
  const publishers = Array.from({ length: 10 }, (_, at) => {
    const bake = bakeOf({ name: `app${at % 3}`, version: `1.0.${at % 7}`, commit: "abcde"[at % 5] as string });
    return publishing(bake, at % 2 === 0 ? "staging" : "production");
  });
  for (let seed = seeds.from; seed < seeds.from + seeds.count; seed++) {
    await runSeed({ seed, start: () => ({ store: template.clone(), publishers }), check });
  }
}

async function newStore(): Promise<MemoryStore> {
  const store = openMemoryStore();
  await createStore({ store, trust, signer: signers.log, now: 0 });
  return store;
}

const publishing = (bake: Bake, channel: string) => (store: Store) =>
  publishRelease(publisher(store), { bake, channel: { channel } });

/** Publishers may fail only as they should, and the store must be whole. */
async function check(store: Store, run: Run): Promise<void> {
  expect(run.backward).toEqual([]);
  for (const outcome of run.outcomes) {
    if (
      outcome?.status === "rejected" &&
      !isKilnError(outcome.reason, "IMMUTABLE_CONFLICT", "STORE_UNREACHABLE", "GATE_FAILED")
    ) {
      throw outcome.reason;
    }
  }
  const acknowledged = run.outcomes.flatMap((outcome) =>
    outcome?.status === "fulfilled" ? [outcome.value as Published] : [],
  );
  const refused = await checkStore(store, acknowledged);
  for (const outcome of run.outcomes) {
    if (outcome?.status !== "rejected" || !isKilnError(outcome.reason, "GATE_FAILED")) continue;
    expect(refused, "what was refused is logged").toContain(outcome.reason.message.split(":")[0]);
  }
}
