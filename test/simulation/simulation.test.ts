import { expect, test } from "vitest";

import { everyInterleaving, randomRuns } from "./meetings.ts";

test.for(["the same bake", "one commit, other bytes", "one version, two commits"] as const)(
  "every interleaving of two publishers keeps the store whole: %s",
  { timeout: 400_000 },
  async (title) => {
    const { states } = await everyInterleaving(title);
    expect(states).toBeGreaterThan(100);
  },
);

// KILN_SEED=N replays the seed that a failure names.
test("random runs of ten publishers with faults keep the store whole", { timeout: 400_000 }, async () => {
  const seed = process.env["KILN_SEED"];
  await randomRuns(seed === undefined ? { from: 0, count: 200 } : { from: Number(seed), count: 1 });
});
