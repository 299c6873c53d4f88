// Two ways through the possible runs: all of them, without going twice where the store and what everybody has seen are
// the same; and many by seed, with faults.

import { digestOf } from "../../src/artifact/digest.ts";
import type { Store } from "../../src/stores/store.ts";
import { type Choice, type Fate, type Parked, type Run, simulate } from "./scheduler.ts";

type Publish = (store: Store) => Promise<unknown>;

/** The keys that are replaced; operations on all others commute, or are never read before a document names them. */
export function isMutable(key: string): boolean {
  return /^(?:log\/head|log\/checkpoint|catalog\/head\.json|channels\/|reservations\/)/.test(key);
}

/** Every run of `publishers`, each with `fates` at every choice, at most `faults` of them not "done". Returns how many. */
export async function exploreAll(options: {
  readonly start: () => { store: Store; publishers: readonly Publish[]; snapshot: () => string };
  readonly fates: readonly Fate[];
  readonly faults: number;
  readonly check: (store: Store, run: Run) => Promise<void>;
}): Promise<{ runs: number; states: number }> {
  const { start, fates, faults, check } = options;
  const seen = new Set<string>();
  const open: (readonly Choice[])[] = [[]];
  let runs = 0;
  for (let prefix = open.pop(); prefix !== undefined; prefix = open.pop()) {
    const { store, publishers, snapshot } = start();
    const taken: Choice[] = [];
    let ended = true;
    const choose = (parked: readonly Parked[], history: readonly string[]): Choice | undefined => {
      const planned = prefix[taken.length];
      const choice = planned ?? fresh();
      if (choice === undefined) ended = false;
      else taken.push(choice);
      return choice;

      function fresh(): Choice | undefined {
        const failed = taken.filter(({ fate }) => fate !== "done").length;
        const dead = taken
          .filter(({ fate }) => fate === "stopped" || fate === "halted")
          .map(({ publisher }) => publisher);
        const state = digestOf(`${snapshot()} ${history.join(" ")} ${failed} ${dead.join(" ")}`);
        if (seen.has(state)) return undefined;
        seen.add(state);
        const [first, ...others] = parked.flatMap(({ publisher }) =>
          (failed < faults ? fates : fates.slice(0, 1)).map((fate) => ({ publisher, fate })),
        );
        for (const other of others) open.push([...taken, other]);
        return first;
      }
    };
    const run = await simulate({ store, publishers, isGated: isMutable, choose });
    runs++;
    if (ended) await checked(() => check(store, run), `choices ${JSON.stringify(run.choices)}`);
  }
  return { runs, states: seen.size };
}

/** One random run. The same seed is the same run: a failure names it. */
export async function runSeed(options: {
  readonly seed: number;
  readonly start: () => { store: Store; publishers: readonly Publish[] };
  readonly check: (store: Store, run: Run) => Promise<void>;
}): Promise<void> {
  const { seed, start, check } = options;
  const random = seeded(seed);
  const { store, publishers } = start();
  const faultRate = random() < 0.3 ? 0 : random() * 0.15;
  // Somebody slow is often left waiting, so that whole publishes of others go by in between.
  const slow = Math.floor(random() * publishers.length);
  const choose = (parked: readonly Parked[]): Choice => {
    const quick = parked.filter(({ publisher }) => publisher !== slow);
    const among = quick.length > 0 && random() < 0.8 ? quick : parked;
    const { publisher } = among[Math.floor(random() * among.length)] as Parked;
    const faults: readonly Fate[] = ["refused", "lost", "stopped", "halted"];
    const fate = random() < faultRate ? (faults[Math.floor(random() * faults.length)] as Fate) : "done";
    return { publisher, fate };
  };
  const run = await simulate({ store, publishers, isGated: () => true, choose });
  await checked(() => check(store, run), `seed ${seed}`);
}

async function checked(check: () => Promise<void>, where: string): Promise<void> {
  try {
    await check();
  } catch (cause) {
    throw new Error(`${where}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** mulberry32: small, and the same everywhere. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
