// Waiting between lost races: a random while that grows, so that publishers who collided don't collide again; and shrinks once more for
// whoever lost many, so that newcomers don't overtake for ever.

import { setTimeout as sleep } from "node:timers/promises";

/** Lost races after which the wait shrinks. */
const many = 6;

/** Rejects with the signal's reason. */
export function randomPause(signal: AbortSignal): (attempt: number) => Promise<void> {
  let resumed = Infinity;
  return async (attempt) => {
    const tried = Math.max(0, performance.now() - resumed);
    await sleep(Math.random() * longestPause(attempt, tried), undefined, { signal });
    resumed = performance.now();
  };
}

/**
 * Milliseconds: 20 after the first lost race, 320 after six, and half of that for each further one. Where the last try took long, four
 * times as long as that: so many contenders on a slow machine or far from the store leave time for one of them.
 */
export function longestPause(attempt: number, tried: number): number {
  const beyond = Math.max(0, attempt - many);
  const grown = 10 * 2 ** (Math.min(attempt, many) - 1);
  return Math.max(20, Math.max(grown, 4 * tried) / 2 ** Math.min(beyond, 4));
}
