// Trying again: a bounded number of times, with pauses that double and are spread at random, so that many clients which
// failed together don't come back together. Whoever wants to stop is heard at once.

import { setTimeout as sleep } from "node:timers/promises";

import { isKilnError, KilnError } from "../errors.ts";

export interface RetryOptions {
  readonly signal: AbortSignal;
  /** How often `work` runs at most; at least 1. */
  readonly attempts: number;
  /** Milliseconds of the first pause; each later one is twice as long, none over 64 times. */
  readonly pause: number;
  /** What happened may go away by itself. */
  readonly passes: (error: unknown) => boolean;
}

/** The result of the first `work` that doesn't throw, or the error of the last. Throws CANCELLED when `signal` aborts. */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    checkSignal(options.signal);
    try {
      return await work(attempt);
    } catch (error) {
      checkSignal(options.signal);
      if (attempt >= options.attempts || !options.passes(error)) throw error;
    }
    await pause(spread(options.pause * 2 ** Math.min(attempt - 1, 6)), options.signal);
  }
}

/** Waits `ms` milliseconds. Throws CANCELLED when `signal` aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  checkSignal(signal);
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    checkSignal(signal);
    throw error;
  }
}

/** Throws CANCELLED when `signal` is aborted. */
export function checkSignal(signal: AbortSignal): void {
  if (!signal.aborted) return;
  if (isKilnError(signal.reason, "CANCELLED")) throw signal.reason;
  throw new KilnError("CANCELLED", "interrupted", { cause: signal.reason });
}

/** Between half of `ms` and all of it. */
export function spread(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
}
