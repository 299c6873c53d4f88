import { expect, test } from "vitest";

import { keys } from "../../src/artifact/pool.ts";
import { append, createLog, settle } from "../../src/log/append.ts";
import { readEntries } from "../../src/log/entries.ts";
import { readDocument } from "../../src/stores/read.ts";
import type { Store } from "../../src/stores/store.ts";
import { faultyStore } from "../faults/faulty-store.ts";
import { type MemoryStore, openMemoryStore } from "../faults/memory-store.ts";
import { makeSigner } from "./signer.ts";

const signer = makeSigner("append.kiln.test", Buffer.alloc(32, 7));
const log = { origin: "append.kiln.test", vkey: signer.vkey };

function entriesOf(from: number, { count, size }: { readonly count: number; readonly size: number }): Buffer[] {
  return Array.from({ length: count }, (_, at) => Buffer.from(`${from + at} `.padEnd(size, `entry ${from + at} `)));
}

/** Small entries stand in the head; of large ones a few are more than it has room for. */
const sorts = { small: { count: 3, size: 40 }, large: { count: 12, size: 60_000 } };
type Sort = keyof typeof sorts;

function appending(store: Store, sort: Sort) {
  const appender = { store, log, signer, signal: new AbortController().signal, pause: async () => {} };
  return append(appender, async ({ checkpoint }) => entriesOf(checkpoint.size, sorts[sort]));
}

async function emptyLog(): Promise<MemoryStore> {
  const store = openMemoryStore();
  await createLog({ store, log }, signer);
  return store;
}

async function entriesIn(store: Store): Promise<string[]> {
  const { checkpoint } = await settle({ store, log });
  const { size } = checkpoint;
  const found = await Array.fromAsync(readEntries(store, { from: 0, to: size, size }));
  return found.map(({ bytes }) => bytes.toString());
}

const stagedIn = (store: Store) => Array.fromAsync(store.list("log/staging/"), ({ key }) => key);

test("the head holds what an append adds; what is too long for it is staged", async () => {
  const store = await emptyLog();
  for (let at = 0; at < 100; at++) await appending(store, "small");
  expect(await stagedIn(store)).toEqual([]);
  await appending(store, "large");
  expect(await stagedIn(store)).toHaveLength(1);
  const expected = [...entriesOf(0, { count: 300, size: 40 }), ...entriesOf(300, sorts.large)].map(String);
  expect(await entriesIn(store)).toEqual(expected);
});

test("an append reads nothing but checkpoint and head", async () => {
  const store = await emptyLog();
  await appending(store, "small");
  const read: string[] = [];
  const gate = ({ name, key }: { readonly name: string; readonly key: string }, moment: string) => {
    if (moment === "before" && ["get", "head"].includes(name)) read.push(key);
  };
  await appending(faultyStore(store, { gate }), "small");
  expect(read).toEqual([keys.checkpoint, keys.head]);
});

const orders = (["small", "large"] as const).flatMap((first) =>
  (["small", "large"] as const).map((second) => [first, second] as const),
);

test.each(orders)("wherever an append stops, the next finishes it: %s, then %s", async (first, second) => {
  const base = await emptyLog();
  await appending(base, "small");
  await appending(base, first);
  const before = await entriesIn(base);
  const added = entriesOf(before.length, sorts[second]).map(String);
  for (let stop = 1; ; stop++) {
    const store = base.clone();
    let isStopped = false;
    const gate = ({ number }: { readonly number: number }) => {
      isStopped ||= number >= stop;
      if (isStopped) throw new Error("stopped");
    };
    await appending(faultyStore(store, { gate }), second).catch(() => undefined);
    const found = await entriesIn(store);
    expect([before, [...before, ...added]]).toContainEqual(found);
    await appending(store, "small");
    expect(await entriesIn(store)).toEqual([...found, ...entriesOf(found.length, sorts.small).map(String)]);
    if (!isStopped) break;
  }
});

test("a head whose entries are spoilt is no head", async () => {
  const store = await emptyLog();
  await appending(store, "small");
  const found = await readDocument(store, keys.head);
  const text = found?.bytes.toString() ?? "";
  const { added } = JSON.parse(text) as { added: { row: string } };
  const { row } = added;
  for (const spoilt of ["", "AAAA", row.slice(0, 40), `AAAA${row}`, Buffer.alloc(90).toString("base64")]) {
    await store.remove(keys.head, Infinity);
    await store.create(keys.head, Buffer.from(text.replace(row, spoilt)));
    await expect(settle({ store, log })).rejects.toMatchObject({
      code: "STORE_CORRUPT",
      message: expect.stringContaining(keys.head),
    });
  }
});
