import fc from "fast-check";
import { expect, test } from "vitest";

import { sideBySide } from "../../src/bake/side-by-side.ts";

/** Jobs that wait for earlier ones, in any order of names. */
const graphs = fc
  .array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 12 })
  .map((lists) => lists.map((list, at) => ({ after: at === 0 ? [] : [...new Set(list.map((n) => n % at))] })));

test("every job runs once, after those that it waits for, and never more than so many at once", async () => {
  await fc.assert(
    fc.asyncProperty(
      graphs,
      fc.integer({ min: 1, max: 4 }),
      fc.infiniteStream(fc.nat(3)),
      async (jobs, most, waits) => {
        const done: number[] = [];
        let running = 0;
        await sideBySide(jobs, { most, onFailure: () => undefined }, async ({ after }, place) => {
          running += 1;
          expect(running).toBeLessThanOrEqual(most);
          expect(after.every((before) => done.includes(before))).toBe(true);
          for (let turn = waits.next().value ?? 0; turn > 0; turn -= 1) await Promise.resolve();
          running -= 1;
          done.push(place);
        });
        expect(done.toSorted((a, b) => a - b)).toEqual([...jobs.keys()]);
      },
    ),
  );
});

test("after a failure nothing begins, the first one is what is thrown, and nothing is left running", async () => {
  const begun: number[] = [];
  let ended = 0;
  const stop = Promise.withResolvers<void>();
  const jobs = [{ after: [] }, { after: [] }, { after: [0] }, { after: [1] }];
  const work = sideBySide(jobs, { most: 2, onFailure: () => stop.resolve() }, async (_, place) => {
    begun.push(place);
    if (place === 0) throw new Error("first");
    await stop.promise;
    await Promise.resolve();
    ended += 1;
    throw new Error("because of the first");
  });
  await expect(work).rejects.toThrow("first");
  expect({ begun, ended }).toEqual({ begun: [0, 1], ended: 1 });
});
