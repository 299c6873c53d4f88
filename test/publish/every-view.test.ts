// Publishing, promoting, rolling back and yanking a release with a package of every format, with faults at the operations of the store,
// and beside another publisher. By default a sample; KILN_SWEEP=all takes every operation and many more runs, KILN_SEED=N one seed.

import { beforeAll, describe, expect, test } from "vitest";

import { isKilnError } from "../../src/errors.ts";
import { rebuildViews } from "../../src/publish/bring-up.ts";
import { promote } from "../../src/publish/promote.ts";
import type { Publisher } from "../../src/publish/publisher.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { yank } from "../../src/publish/yank.ts";
import type { Store } from "../../src/stores/store.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { faultyStore, type Operation } from "../faults/faulty-store.ts";
import { type MemoryStore, openMemoryStore } from "../faults/memory-store.ts";
import { everyFormat, signingOnce } from "../fixtures/every-format.ts";
import { buildStore, makeBake, publishedAt, testContext } from "../fixtures/store-builder.ts";
import { runSeed, seeded } from "../simulation/explore.ts";
import { type Fate, simulate } from "../simulation/scheduler.ts";
import { followed, isOfView, said } from "../views/every-view.ts";

const isWhole = process.env["KILN_SWEEP"] === "all";
const onlySeed = process.env["KILN_SEED"];

let publisher: Publisher;
const at = (store: Store): Publisher => ({ ...publisher, store });

const publish = (name: string, version: string) => (store: Store) =>
  publishRelease(at(store), { bake: everyFormat(name, version), channel: { channel: "staging" } });
const lead = (channel: string, version: string) => (store: Store) =>
  promote(at(store), { name: "tool", by: "version", version }, channel);
const yankFirst = (store: Store) => yank(at(store), { name: "tool", version: "1.0.0", reason: "wrong" });

/** In this order: each begins where the one before ended. */
const actions = {
  publish: publish("tool", "1.1.0"),
  promote: lead("production", "1.1.0"),
  "roll back": lead("staging", "1.0.0"),
  "go on": lead("staging", "1.1.0"),
  yank: yankFirst,
} as const;
type Action = keyof typeof actions;
const names = Object.keys(actions) as Action[];

/** The store before each action, and how many operations it takes. */
const templates = new Map<Action, { readonly store: MemoryStore; readonly operations: number }>();

beforeAll(async () => {
  const store = openMemoryStore();
  const built = await buildStore(store);
  publisher = { ...built.publisher, signers: signingOnce(built.signers) };
  await publish("tool", "1.0.0")(store);
  await publish("neighbour", "1.0.0")(store);
  const writers = new Map<string, Set<Action>>();
  for (const name of names) {
    const before = store.clone();
    let operations = 0;
    const gate = (operation: Operation, moment: "before" | "after") => {
      operations = Math.max(operations, operation.number);
      const [view = ""] = operation.key.split("/");
      if (moment === "before" && isWrite(operation)) writers.set(view, (writers.get(view) ?? new Set()).add(name));
    };
    await actions[name](faultyStore(store, { gate }));
    templates.set(name, { store: before, operations });
  }
  const views = new Set(Object.keys(await said(store)).map((key) => key.split("/")[0] ?? ""));
  expect([...views]).toEqual([
    "catalog",
    "channels",
    "charts",
    "dists",
    "index.html",
    "npm",
    "pypi",
    "releases",
    "rpm",
    "web",
  ]);
  // A sweep says something of a view only where the actions write it.
  const moves = names.filter((name) => name !== "yank");
  const some: Readonly<Record<string, readonly Action[]>> = {
    releases: ["publish", "yank"],
    channels: moves,
    "index.html": moves,
  };
  for (const view of views) expect([...(writers.get(view) ?? [])], view).toEqual(some[view] ?? names);
}, 60_000);

function isWrite({ name }: Operation): boolean {
  return name === "create" || name === "link" || name === "replace" || name === "remove";
}

const fates = ["refused", "lost", "stopped", "halted"] as const satisfies Fate[];

interface Case {
  readonly action: Action;
  /** By the number of the operation, from 0. */
  readonly faults: ReadonlyMap<number, Fate>;
}

describe("whatever becomes of any operation", () => {
  test("the next publisher brings every view to what the log says", async () => {
    const cases = names.flatMap((action) => {
      const { operations } = templates.get(action)!;
      expect(operations).toBeGreaterThan(30);
      const numbers = Array.from({ length: operations }, (_, number) => number);
      return numbers.flatMap((number) => fates.map((fate): Case => ({ action, faults: new Map([[number, fate]]) })));
    });
    for (const one of isWhole ? cases : sampled(cases, 36)) await runCase(one);
  }, 3_600_000);

  test("and of any second one", async () => {
    const random = seeded(7);
    const among = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T;
    for (let count = isWhole ? 2000 : 14; count > 0; count--) {
      const action = among(names);
      const { operations } = templates.get(action)!;
      const one = Math.floor(random() * operations);
      const faults = new Map<number, Fate>([
        [one, among(["refused", "lost"] as const)],
        // A try that failed may go on for longer than one that didn't.
        [one + 1 + Math.floor(random() * (operations - one)), among(fates)],
      ]);
      await runCase({ action, faults });
    }
  }, 3_600_000);
});

/** Evenly over the whole list, from a place that the day of the commit doesn't decide. */
function sampled<T>(list: readonly T[], count: number): T[] {
  const random = seeded(1);
  const step = list.length / count;
  return Array.from({ length: count }, (_, at) => list[Math.floor((at + random()) * step)] as T);
}

async function runCase({ action, faults }: Case): Promise<void> {
  const where = `${action} with ${[...faults].map(([number, fate]) => `${fate} at ${number}`).join(", ")}`;
  const store = templates.get(action)!.store.clone();
  const wrong: string[] = [];
  let operation = 0;
  const { outcomes, backward } = await simulate({
    store: followed(store, (what) => void wrong.push(what)),
    publishers: [actions[action]],
    isGated: () => true,
    choose: () => ({ publisher: 0, fate: faults.get(operation++) ?? "done" }),
  });
  const [outcome] = outcomes;
  if (outcome?.status === "rejected" && !isKilnError(outcome.reason, "STORE_UNREACHABLE")) throw outcome.reason;
  expect([...wrong, ...backward], where).toEqual([]);
  await checkViews(store, where);
}

describe("two at once, with faults", () => {
  const more = publish("tool", "1.2.0");
  const meetings = [
    ["two names", [more, publish("neighbour", "1.1.0")]],
    ["two versions", [more, publish("tool", "1.3.0")]],
    ["a release and a promotion", [more, lead("production", "1.0.0")]],
    ["a release and a way back", [more, lead("staging", "1.0.0")]],
    ["a release and a yank", [more, yankFirst]],
    ["a promotion and a yank", [lead("production", "1.1.0"), yankFirst]],
    ["a release and a rebuild", [more, (store: Store) => rebuildViews({ ...at(store), now: publishedAt })]],
  ] as const;

  test.for<readonly [string, readonly ((store: Store) => Promise<unknown>)[]]>(meetings)(
    "%s",
    { timeout: 3_600_000 },
    async ([title, publishers]) => {
      const start = (store: MemoryStore, wrong: string[]) => ({
        store: title.endsWith("rebuild") ? store : followed(store, (what) => void wrong.push(what)),
        publishers,
      });
      const seeds = Array.from({ length: isWhole ? 300 : 5 }, (_, seed) => seed);
      for (const seed of onlySeed === undefined ? seeds : [Number(onlySeed)]) {
        const store = templates.get("promote")!.store.clone();
        const wrong: string[] = [];
        await runSeed({
          seed,
          start: () => start(store, wrong),
          check: async (_, run) => {
            const reasons = run.outcomes.flatMap((one) => (one?.status === "rejected" ? [one.reason as unknown] : []));
            for (const reason of reasons) {
              if (!isKilnError(reason, "STORE_UNREACHABLE", "RELEASE_YANKED")) throw reason;
            }
            // A rebuild writes over what others have brought further, and makes it good.
            const backward = title.endsWith("rebuild") ? [] : run.backward;
            const isCut = title.endsWith("rebuild") && run.outcomes[1]?.status !== "fulfilled";
            if (isCut) await rebuildViews({ ...at(store), now: publishedAt });
            expect([...wrong, ...backward]).toEqual([]);
            await checkViews(store, `${title}, seed ${seed}`);
          },
        });
      }
    },
  );
});

/** Whoever comes next needs no repair step; then the views say what they would if they were made from nothing. */
async function checkViews(store: MemoryStore, where: string): Promise<void> {
  const wrong: string[] = [];
  const next = makeBake({ name: "next", version: "1.0.0", commit: "9" });
  await publishRelease(at(followed(store, (what) => void wrong.push(what))), { bake: next });
  expect(wrong, where).toEqual([]);
  const { findings } = await audit({ store, trust: publisher.trust, since: undefined, context: testContext() });
  expect(
    findings.flatMap(({ code, severity, message }) => (severity === "error" ? [`${code} ${message}`] : [])),
    where,
  ).toEqual([]);
  const fresh = store.clone();
  for await (const { key } of store.list("")) if (isOfView(key)) await fresh.remove(key, Infinity);
  await rebuildViews({ ...at(fresh), now: publishedAt });
  expect(await said(store), where).toEqual(await said(fresh));
}
