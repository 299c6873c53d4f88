// Dates in signed indexes only go forward, so one that a clock ahead of all others wrote would stand in everybody's way, and clients
// refuse a date that lies in the future: a publisher whose clock is off the store's signs nothing.

import { KilnError } from "../errors.ts";
import type { Store } from "../stores/store.ts";

/** Milliseconds: more than a store's answer takes, less than what clients forgive. */
const mostApart = 5000;

/** `now`: this machine's clock, milliseconds since 1970. Throws CLOCK_WRONG. */
export async function checkClock({ url, clock }: Pick<Store, "url" | "clock">, now: () => number): Promise<void> {
  const theirs = await clock?.();
  if (theirs === undefined) return;
  const ours = now();
  const apart = Math.round(Math.min(0, ours - theirs.earliest) + Math.max(0, ours - theirs.latest));
  if (Math.abs(apart) <= mostApart) return;
  const seconds = `${Math.abs(apart / 1000).toFixed(0)} s ${apart > 0 ? "ahead of" : "behind"}`;
  throw new KilnError("CLOCK_WRONG", `this machine's clock: got one ${seconds} that of ${url}, want at most 5 s`, {
    hint: "set the clock of this machine, or of the store's",
    details: { apart },
  });
}
