import { createHash, randomBytes } from "node:crypto";

import { expect, test } from "vitest";

import { hashInThread } from "../../src/system/hash-thread.ts";

const MiB = 1024 ** 2;
const sha256 = (...parts: readonly Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest("hex");
/** With memory of its own, as readers of large objects have it. */
const own = (bytes: Buffer) => Uint8Array.from(bytes);

test("many at once have the digests of their own bytes, and go on from them", async () => {
  const tail = Buffer.from("the end");
  const one = async (pieces: readonly Buffer[]) => {
    const hash = hashInThread();
    for (const piece of pieces) await hash.update(own(piece));
    hash.end();
    const got = [await hash.digestAfter(new Uint8Array()), await hash.digestAfter(tail)];
    return got.map((digest) => digest.toString("hex"));
  };
  const all = Array.from({ length: 12 }, (_, at) => Array.from({ length: at }, () => randomBytes(300_000 + at)));
  const got = await Promise.all(all.map(one));
  expect(got).toEqual(all.map((pieces) => [sha256(...pieces), sha256(...pieces, tail)]));
});

test("a piece is taken over, unless it is a part of more", async () => {
  const whole = new Uint8Array(MiB).fill(7);
  const part = Buffer.from(new Uint8Array(MiB).fill(8).buffer, 10, 100);
  const [first, second] = [Buffer.from(whole), Buffer.from(part)];
  const hash = hashInThread();
  await hash.update(whole);
  await hash.update(part);
  hash.end();
  expect((await hash.digestAfter(new Uint8Array())).toString("hex")).toBe(sha256(first, second));
  expect([whole.length, part.length]).toEqual([0, 100]);
});

test("who stops early is in nobody's way", async () => {
  const stopped = hashInThread();
  await stopped.update(new Uint8Array(MiB));
  stopped.end();
  const other = hashInThread();
  other.end();
  expect((await other.digestAfter(Buffer.from("x"))).toString("hex")).toBe(sha256(Buffer.from("x")));
});
