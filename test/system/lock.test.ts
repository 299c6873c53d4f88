// The kernel lock: between calls, between processes, and when one of them is killed.

import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { withLock } from "../../src/system/lock.ts";
import { startProgram } from "../stores/run-program.ts";

const { signal } = new AbortController();
let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-lock-"));
  file = join(folder, "lock");
});
afterEach(() => rm(folder, { recursive: true }));

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("calls of one process run one after the other, first come first served, whatever becomes of them", async () => {
  const order: number[] = [];
  let running = 0;
  const calls = Array.from({ length: 10 }, (_, number) =>
    withLock(file, { signal }, async () => {
      expect(++running).toBe(1);
      await pause(2);
      running -= 1;
      order.push(number);
      if (number % 3 === 0) throw new Error(`call ${number}`);
      return number;
    }),
  );
  const ended = await Promise.allSettled(calls);
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(ended.map((end) => (end.status === "fulfilled" ? end.value : String(end.reason)))).toEqual(
    order.map((number) => (number % 3 === 0 ? `Error: call ${number}` : number)),
  );
  expect((await stat(file)).size).toBe(0);
});

test("the lock of another process is waited for without blocking, and goes with it when it is killed", async () => {
  const holder = startProgram("programs/hold-lock.ts", [file]);
  expect(await holder.line()).toBe("locked");
  let ticks = 0;
  const ticking = setInterval(() => (ticks += 1), 10);
  const waiting = withLock(file, { signal }, async () => "mine");
  await pause(200);
  await holder.kill();
  expect(await waiting).toBe("mine");
  clearInterval(ticking);
  expect(ticks).toBeGreaterThan(10);
});

test("after its patience a call is told that the lock is busy", async () => {
  const holder = startProgram("programs/hold-lock.ts", [file]);
  await holder.line();
  await expect(withLock(file, { signal, patience: 100 }, async () => "mine")).rejects.toMatchObject({
    code: "BUSY",
    message: expect.stringContaining(file),
    hint: expect.anything(),
  });
  await holder.kill();
  expect(await withLock(file, { signal }, async () => "mine")).toBe("mine");
});

test("whoever wants to stop stops waiting", async () => {
  const holder = startProgram("programs/hold-lock.ts", [file]);
  await holder.line();
  const stop = new AbortController();
  const waiting = withLock(file, { signal: stop.signal }, async () => "mine");
  const behind = withLock(file, { signal: stop.signal }, async () => "mine");
  setTimeout(() => stop.abort(), 50);
  await expect(waiting).rejects.toMatchObject({ code: "CANCELLED" });
  await expect(behind).rejects.toMatchObject({ code: "CANCELLED" });
  await holder.kill();
});

test("a lock file that is removed while it is held is made again, and locks again", async () => {
  await withLock(file, { signal }, async () => rm(file));
  const holder = startProgram("programs/hold-lock.ts", [file]);
  await holder.line();
  await expect(withLock(file, { signal, patience: 50 }, async () => "mine")).rejects.toMatchObject({ code: "BUSY" });
  await holder.kill();
});

test("a file that isn't a lock is never taken for one", async () => {
  await writeFile(file, "SQLite format 3\0 or anything else");
  await expect(withLock(file, { signal }, async () => "mine")).rejects.toMatchObject({ code: "STORE_CORRUPT" });
});

test("a folder that isn't there is the system's own error", async () => {
  await expect(withLock(join(folder, "none", "lock"), { signal }, async () => 1)).rejects.toMatchObject({
    code: "ENOENT",
  });
});
