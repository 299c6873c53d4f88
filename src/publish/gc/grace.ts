// How long gc leaves alone what nothing refers to, and what publishers do about it.

/** Milliseconds: no gc runs with less. */
export const shortestGrace = 24 * 3_600_000;

/** Milliseconds: a publish that didn't commit so long after its upload began uploads again, which renews the age of every blob. */
export const renewalAge = shortestGrace / 2;
