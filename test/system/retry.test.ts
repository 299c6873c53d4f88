// Trying again: how often, for what, and that whoever wants to stop is heard.

import { expect, test } from "vitest";

import { KilnError } from "../../src/errors.ts";
import { pause, retry } from "../../src/system/retry.ts";

const { signal } = new AbortController();
const passing = new Error("later");
const options = { signal, attempts: 4, pause: 1, passes: (error: unknown) => error === passing };

async function count(outcome: (attempt: number) => unknown, more: Partial<typeof options> = {}) {
  let attempts = 0;
  const result = await retry(
    async (attempt) => {
      attempts += 1;
      expect(attempt).toBe(attempts);
      const value = outcome(attempt);
      if (value instanceof Error) throw value;
      return value;
    },
    { ...options, ...more },
  ).catch((error: unknown) => error);
  return { attempts, result };
}

test("work is tried again while what it throws may pass, and no more often than it may", async () => {
  expect(await count(() => "done")).toEqual({ attempts: 1, result: "done" });
  expect(await count((attempt) => (attempt < 3 ? passing : "done"))).toEqual({ attempts: 3, result: "done" });
  expect(await count(() => passing)).toEqual({ attempts: 4, result: passing });
  const fatal = new Error("no");
  expect(await count((attempt) => (attempt === 2 ? fatal : passing))).toEqual({ attempts: 2, result: fatal });
});

test("an interruption ends the pause, and no further attempt is made", async () => {
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 20);
  const { attempts, result } = await count(() => passing, { signal: stop.signal, pause: 600_000 });
  expect(attempts).toBe(1);
  expect(result).toMatchObject({ code: "CANCELLED" });
  expect(await count(() => "done", { signal: stop.signal })).toMatchObject({
    attempts: 0,
    result: { code: "CANCELLED" },
  });
  await expect(pause(600_000, stop.signal)).rejects.toMatchObject({ code: "CANCELLED" });
});

test("why it was interrupted is kept", async () => {
  const reason = new KilnError("CANCELLED", "stopped by SIGTERM");
  await expect(pause(1, AbortSignal.abort(reason))).rejects.toBe(reason);
});
