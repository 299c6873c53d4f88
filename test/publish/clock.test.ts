// Whose clock is off the store's signs nothing.

import { expect, test } from "vitest";

import { checkClock } from "../../src/publish/clock.ts";

const at = 1_800_000_000_000;
const store = (earliest: number, latest: number) => ({
  url: "memory:",
  clock: async () => ({ earliest: at + earliest, latest: at + latest }),
});

test.each([
  ["the same time", 0, 0],
  ["a little behind", 4900, 4900],
  ["a little ahead", -4900, -4900],
  ["somewhere in what a slow answer leaves open", -60_000, 60_000],
])("%s is good", async (_, earliest, latest) => {
  await checkClock(store(earliest, latest), () => at);
});

test.each([
  ["6 s ahead of", -6000, -6000],
  ["9 s behind", 9000, 20_000],
])("%s is refused", async (what, earliest, latest) => {
  await expect(checkClock(store(earliest, latest), () => at)).rejects.toMatchObject({
    code: "CLOCK_WRONG",
    message: expect.stringContaining(what),
  });
});

test("a store that doesn't know its clock is believed", async () => {
  await checkClock({ url: "memory:" }, () => at);
  await checkClock({ url: "memory:", clock: async () => undefined }, () => at);
});
