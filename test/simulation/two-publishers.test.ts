import { beforeAll, expect, test } from "vitest";

import { isKilnError } from "../../src/errors.ts";
import type { Bake } from "../../src/publish/bake-folder.ts";
import { createStore } from "../../src/publish/create-store.ts";
import { type Published, publishRelease } from "../../src/publish/release.ts";
import type { Store } from "../../src/stores/store.ts";
import { type MemoryStore, openMemoryStore } from "../faults/memory-store.ts";
import { exploreAll } from "./explore.ts";
import { bakeOf, checkStore, publisher, signers, trust } from "./scenario.ts";
import type { Run } from "./scheduler.ts";

const first = bakeOf({ name: "app", version: "1.0.0", commit: "a" });

/** Pairs of bakes that meet: what they publish, and to which channel. */
const meetings: Record<string, readonly [Bake, Bake]> = {
  "two names": [bakeOf({ name: "left", version: "1.0.0", commit: "b" }), bakeOf({ name: "right", version: "1.0.0", commit: "b" })],
  "two versions of one name, one channel": [
    bakeOf({ name: "app", version: "1.0.1", commit: "b" }),
    bakeOf({ name: "app", version: "1.0.2", commit: "c" }),
  ],
  "the same bake": [bakeOf({ name: "app", version: "1.0.1", commit: "b" }), bakeOf({ name: "app", version: "1.0.1", commit: "b" })],
  "one commit, other bytes": [
    bakeOf({ name: "app", version: "1.0.1", commit: "b" }),
    bakeOf({ name: "app", version: "1.0.2", commit: "b", content: "of another toolchain" }),
  ],
  "one version, two commits": [
    bakeOf({ name: "app", version: "1.0.1", commit: "b" }),
    bakeOf({ name: "app", version: "1.0.1", commit: "c" }),
  ],
};

let template: MemoryStore;

beforeAll(async () => {
  template = openMemoryStore();
  await createStore({ store: template, trust, signer: signers.log, now: 0 });
  await publishRelease(publisher(template), { bake: first, channel: { channel: "staging" } });
});

for (const [title, bakes] of Object.entries(meetings)) {
  test(`every interleaving of two publishers keeps the store whole: ${title}`, async () => {
    const { runs, states } = await exploreAll({ start: () => start(bakes), fates: ["done"], faults: 0, check });
    expect(states).toBeGreaterThan(50);
    expect(runs).toBeGreaterThan(20);
  });
}

test("every interleaving of two publishers, one of whom is stopped anywhere, keeps the store whole", async () => {
  const bakes = meetings["two versions of one name, one channel"] as readonly [Bake, Bake];
  const fates = ["done", "stopped", "halted", "lost", "refused"] as const;
  const { runs } = await exploreAll({ start: () => start(bakes), fates, faults: 1, check });
  expect(runs).toBeGreaterThan(200);
});

function start(bakes: readonly Bake[]) {
  const store = template.clone();
  const publishers = bakes.map(
    (bake) => (gated: Store) => publishRelease(publisher(gated), { bake, channel: { channel: "staging" } }),
  );
  return { store, publishers, snapshot: () => store.snapshot() };
}

async function check(store: Store, run: Run): Promise<void> {
  const acknowledged = run.outcomes.flatMap((outcome) =>
    outcome?.status === "fulfilled" ? [outcome.value as Published] : [],
  );
  for (const outcome of run.outcomes) {
    if (outcome?.status === "rejected" && !isKilnError(outcome.reason, "IMMUTABLE_CONFLICT", "STORE_UNREACHABLE")) {
      throw outcome.reason;
    }
  }
  await checkStore(store, acknowledged);
}
