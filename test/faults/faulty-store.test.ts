// The fault injector itself: a fault that isn't where it was planned would make every sweep worthless.

import { expect, test } from "vitest";

import { readDocument } from "../../src/stores/read.ts";
import { faultAt, faultyStore, type Operation } from "./faulty-store.ts";
import { openMemoryStore } from "./memory-store.ts";

test("without faults it is the store itself, and counts every operation before and after", async () => {
  const seen: string[] = [];
  const store = faultyStore(openMemoryStore(), {
    gate: ({ number, name, key }, moment) => void seen.push(`${number} ${name} ${key} ${moment}`),
  });
  await store.create("a", Buffer.from("1"));
  expect((await readDocument(store, "a"))?.bytes.toString()).toBe("1");
  expect(await Array.fromAsync(store.list(""))).toHaveLength(1);
  expect(seen).toEqual(
    ["1 create a", "2 get a", "3 list "].flatMap((operation) => [`${operation} before`, `${operation} after`]),
  );
});

test("a fault comes without the effect, or with it", async () => {
  for (const kind of ["not persisted", "persisted"] as const) {
    const inner = openMemoryStore();
    const store = faultyStore(inner, { fault: faultAt(2, kind) });
    await store.create("a", Buffer.from("1"));
    await expect(store.replace("b", Buffer.from("2"), null)).rejects.toMatchObject({ code: "STORE_UNREACHABLE" });
    expect((await inner.head("b")) !== undefined).toBe(kind === "persisted");
    expect(await store.replace("c", Buffer.from("2"), null)).toBe("replaced");
  }
});

test("a gate holds an operation up, and what it throws the operation throws", async () => {
  const opened = Promise.withResolvers<void>();
  const inner = openMemoryStore();
  const gate = ({ key }: Operation, moment: string) => {
    if (key === "held") return opened.promise;
    if (key === "refused" && moment === "before") throw new Error("no");
  };
  const store = faultyStore(inner, { gate });
  const held = store.create("held", Buffer.from("1"));
  await expect(store.create("refused", Buffer.from("1"))).rejects.toThrow("no");
  expect(inner.snapshot()).toBe(openMemoryStore().snapshot());
  opened.resolve();
  expect(await held).toBe("created");
});
