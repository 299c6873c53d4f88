import { beforeAll, test } from "vitest";

import { isKilnError } from "../../src/errors.ts";
import { createStore } from "../../src/publish/create-store.ts";
import { type Published, publishRelease } from "../../src/publish/release.ts";
import type { Store } from "../../src/stores/store.ts";
import { type MemoryStore, openMemoryStore } from "../faults/memory-store.ts";
import { runSeed } from "./explore.ts";
import { bakeOf, checkStore, publisher, signers, trust } from "./scenario.ts";
import type { Run } from "./scheduler.ts";

const seeds = Number(process.env["KILN_SEEDS"] ?? 100);
const from = Number(process.env["KILN_SEED"] ?? 0);

let template: MemoryStore;

beforeAll(async () => {
  template = openMemoryStore();
  await createStore({ store: template, trust, signer: signers.log, now: 0 });
});

test(`random runs of ten publishers with faults keep the store whole: seeds ${from} to ${from + seeds - 1}`, async () => {
  for (let seed = from; seed < from + seeds; seed++) await runSeed({ seed, start, check });
}, 600_000);

/** Ten bakes of three names: some the same, some of one commit, some that want the same version. */
function start() {
  const publishers = Array.from({ length: 10 }, (_, at) => {
    const bake = bakeOf({ name: `app${at % 3}`, version: `1.0.${at % 7}`, commit: "abcde"[at % 5] as string });
    const channel = { channel: at % 2 === 0 ? "staging" : "production" };
    return (gated: Store) => publishRelease(publisher(gated), { bake, channel });
  });
  return { store: template.clone(), publishers };
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
