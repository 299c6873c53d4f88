// Publishers as coroutines over one in-memory store: between two of their store operations nothing else happens, and a
// chooser says whose operation comes next and what becomes of it. Everything else is pure, so the same choices always
// give the same run: a failing run is replayed from its seed, or from its choices.

import { setImmediate as quiet } from "node:timers/promises";

import { digestOf } from "../../src/artifact/digest.ts";
import { KilnError } from "../../src/errors.ts";
import type { Store, StoredObject } from "../../src/stores/store.ts";
import { watched } from "./monotonic.ts";

/** done: as it should be · refused: it failed and left nothing · lost: it took effect, but the answer didn't come ·
 *  stopped: the publisher is dead before it · halted: dead right after it took effect */
export type Fate = "done" | "refused" | "lost" | "stopped" | "halted";

export interface Parked {
  readonly publisher: number;
  readonly operation: string;
}

export interface Choice {
  readonly publisher: number;
  readonly fate: Fate;
}

export interface Run {
  readonly choices: readonly Choice[];
  /** By publisher: what it returned or threw; `undefined`: it was stopped. */
  readonly outcomes: readonly (PromiseSettledResult<unknown> | undefined)[];
  /** Documents that went back, which none may. */
  readonly backward: readonly string[];
}

export interface Simulation {
  readonly store: Store;
  readonly publishers: readonly ((store: Store) => Promise<unknown>)[];
  /** Which operations are choice points; the others happen at once. */
  readonly isGated: (key: string) => boolean;
  /** What happens next; `undefined` breaks the run off. `history` differs when what a publisher has seen differs. */
  readonly choose: (parked: readonly Parked[], history: readonly string[]) => Choice | undefined;
}

interface Waiting extends Parked {
  readonly resume: (fate: Fate) => void;
}

export async function simulate({ store, publishers, isGated, choose }: Simulation): Promise<Run> {
  const waiting: Waiting[] = [];
  const history = publishers.map(() => "");
  const outcomes: (PromiseSettledResult<unknown> | undefined)[] = publishers.map(() => undefined);
  const choices: Choice[] = [];
  const backward: string[] = [];
  const followed = watched(store, (what) => void backward.push(what));

  for (const [publisher, publish] of publishers.entries()) {
    const gate = (operation: string) =>
      new Promise<Fate>((resume) => void waiting.push({ publisher, operation, resume }));
    const saw = (what: string) => void (history[publisher] = digestOf(history[publisher] + what));
    publish(gatedStore({ store: followed, isGated, gate, saw })).then(
      (value) => void (outcomes[publisher] = { status: "fulfilled", value }),
      (reason) => void (outcomes[publisher] = { status: "rejected", reason }),
    );
  }
  for (;;) {
    // One turn of the event loop drains every microtask: all publishers now wait for an operation, or have ended.
    await quiet();
    if (waiting.length === 0) return { choices, outcomes, backward };
    const choice = choose(waiting, history);
    if (choice === undefined) return { choices, outcomes, backward };
    choices.push(choice);
    const at = waiting.findIndex(({ publisher }) => publisher === choice.publisher);
    const [chosen] = waiting.splice(at, 1);
    if (choice.fate === "stopped" || choice.fate === "halted") {
      for (let other = waiting.length - 1; other >= 0; other--) {
        if (waiting[other]?.publisher === choice.publisher) waiting.splice(other, 1);
      }
    }
    chosen?.resume(choice.fate);
  }
}

const never = () => new Promise<never>(() => {});

function gatedStore(options: {
  readonly store: Store;
  readonly isGated: (key: string) => boolean;
  readonly gate: (operation: string) => Promise<Fate>;
  readonly saw: (what: string) => void;
}): Store {
  const { store, isGated, gate, saw } = options;
  const through = async <T>(operation: string, key: string, act: () => Promise<T>): Promise<T> => {
    if (!isGated(key)) return act();
    const fate = await gate(`${operation} ${key}`);
    if (fate === "stopped") return never();
    if (fate === "refused") throw lost(key);
    const result = await act();
    if (fate === "halted") return never();
    if (fate === "lost") throw lost(key);
    saw(
      `${operation} ${key} ${result === undefined ? "-" : typeof result === "string" ? result : (result as StoredObject).etag}`,
    );
    return result;
  };
  return {
    url: store.url,
    get: (key, range) => through("get", key, () => store.get(key, range)),
    head: (key) => through("head", key, () => store.head(key)),
    list: (prefix) => store.list(prefix),
    create: (key, body) => through("create", key, () => store.create(key, body)),
    link: (key, from) => through("link", key, () => store.link(key, from)),
    replace: (key, body, etag) => through("replace", key, () => store.replace(key, body, etag)),
    remove: (key, unchangedSince) => through("remove", key, () => store.remove(key, unchangedSince)),
  };
}

function lost(key: string): KilnError {
  return new KilnError("STORE_UNREACHABLE", `${key}: the store didn't answer`);
}
