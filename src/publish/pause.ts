// Waiting between lost races: a random while that grows, so that publishers who collided don't collide again.

import { setTimeout as sleep } from "node:timers/promises";

/** At most 10 ms after the first lost race, 640 ms after many. Rejects with the signal's reason. */
export function randomPause(signal: AbortSignal): (attempt: number) => Promise<void> {
  return (attempt) => sleep(Math.random() * 10 * 2 ** Math.min(attempt - 1, 6), undefined, { signal });
}
