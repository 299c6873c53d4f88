import { expect, test } from "vitest";

import { everyInterleaving, randomRuns } from "../simulation/meetings.ts";

test.for(["two names", "two versions of one name", "a ratchet, and one that the other outdoes"] as const)(
  "every interleaving of two publishers keeps the store whole: %s",
  { timeout: 600_000 },
  async (title) => {
    const { states } = await everyInterleaving(title);
    expect(states).toBeGreaterThan(1000);
  },
);

test(
  "so does every interleaving in which one of them is stopped, or the store fails, anywhere",
  { timeout: 1_800_000 },
  async () => {
    const fates = ["done", "stopped", "halted", "lost", "refused"] as const;
    const { states } = await everyInterleaving("one version, two commits", fates);
    expect(states).toBeGreaterThan(1000);
  },
);

test("1000 random runs of ten publishers with faults keep the store whole", { timeout: 1_800_000 }, async () => {
  await randomRuns({ from: 1000, count: 1000 });
});
