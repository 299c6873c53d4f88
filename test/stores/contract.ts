// The laws of a store, once, for every store there is. A sort of store runs them by giving an empty store to each test;
// the reading half takes a store whose content was put there some other way.

import { randomBytes } from "node:crypto";

import fc from "fast-check";
import { expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { readBlob, readDocument } from "../../src/stores/read.ts";
import {
  documentLimit,
  replaceLimit,
  type ReadableStore,
  type Store,
  type StoredObject,
} from "../../src/stores/store.ts";

type Make = () => Promise<Store>;
/** Returns a reader of a store that has these objects. */
type Fill = (content: Readonly<Record<string, Uint8Array>>) => Promise<ReadableStore>;

const bytes = (text: string) => new TextEncoder().encode(text);

export async function bodyOf(object: StoredObject | undefined): Promise<Buffer | undefined> {
  return object && Buffer.concat(await Array.fromAsync(object.body));
}

async function* inPieces(whole: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
}

export function readingContract(fill: Fill): void {
  test("an object is read whole, with its size", async () => {
    const store = await fill({ "a/b": bytes("hello"), empty: bytes("") });
    const object = await store.get("a/b");
    expect(object?.size).toBe(5);
    expect((await bodyOf(object))?.toString()).toBe("hello");
    expect(await store.head("a/b")).toMatchObject({ size: 5, etag: object?.etag });
    expect(await store.head("empty")).toMatchObject({ size: 0 });
    expect((await bodyOf(await store.get("empty")))?.length).toBe(0);
  });

  test("what isn't there is undefined, also below a key and above one", async () => {
    const store = await fill({ "a/b": bytes("hello") });
    for (const key of ["c", "a", "a/c", "a/b/c", "x/y/z"]) {
      expect(await store.get(key)).toBeUndefined();
      expect(await store.head(key)).toBeUndefined();
      expect(await readDocument(store, key)).toBeUndefined();
    }
  });

  test("every character that a key may have reaches its object, and other keys are refused", async () => {
    const key = "0/9A_Za~+z!-/.x".replace("/.x", "/x.y+1.2~rc^1!1_-");
    const store = await fill({ [key]: bytes("odd") });
    expect((await bodyOf(await store.get(key)))?.toString()).toBe("odd");
    for (const wrong of ["", "/", "a//b", "/a", "a/", "..", "a/../b", ".tmp/lock", "a/.b", "a b", "ä", "a%2e", "a\0"]) {
      await expect(store.get(wrong)).rejects.toMatchObject({ code: "NAME_INVALID" });
      await expect(store.head(wrong)).rejects.toMatchObject({ code: "NAME_INVALID" });
    }
    await expect(store.get("x".repeat(256))).rejects.toMatchObject({ code: "NAME_INVALID" });
    await expect(store.get("x/".repeat(600) + "x")).rejects.toMatchObject({ code: "NAME_INVALID" });
  });

  test("a range is the bytes from its start, up to the object's end", async () => {
    const small = randomBytes(1000);
    const large = randomBytes(documentLimit + 1000);
    const store = await fill({ small, large });
    const check = async (key: string, whole: Buffer, start: number, length: number) => {
      const object = await store.get(key, { start, length });
      expect(object?.size).toBe(whole.length);
      expect((await bodyOf(object))?.equals(whole.subarray(start, start + length))).toBe(true);
    };
    for (const [start, length] of [
      [0, 1],
      [0, 1000],
      [10, 20],
      [990, 100],
      [999, 1],
      [1000, 5],
      [5000, 5],
      [3, 0],
    ] as const) {
      await check("small", small, start, length);
    }
    for (const [start, length] of [
      [0, 10],
      [1, documentLimit],
      [documentLimit, 5000],
      [2 ** 20 - 1, 2 ** 20 + 2],
      [large.length, 1],
    ] as const) {
      await check("large", large, start, length);
    }
  });

  test("any range of any object", async () => {
    const whole = randomBytes(300);
    const store = await fill({ whole });
    const range = fc.record({ start: fc.integer({ min: 0, max: 400 }), length: fc.integer({ min: 0, max: 400 }) });
    await fc.assert(
      fc.asyncProperty(range, async ({ start, length }) => {
        const got = await bodyOf(await store.get("whole", { start, length }));
        expect(got?.toString("hex")).toBe(whole.subarray(start, start + length).toString("hex"));
      }),
      { numRuns: 50 },
    );
  });

  test("a large object is read in pieces, and a reader may leave early", async () => {
    const large = randomBytes(documentLimit + 3_000_001);
    const store = await fill({ large });
    const object = await store.get("large");
    let largest = 0;
    const pieces: Uint8Array[] = [];
    for await (const piece of object?.body ?? []) {
      largest = Math.max(largest, piece.length);
      pieces.push(piece);
    }
    expect(Buffer.concat(pieces).equals(large)).toBe(true);
    expect(largest).toBeLessThanOrEqual(4 * 1024 * 1024);
    for await (const piece of (await store.get("large"))?.body ?? []) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
  });

  test("a document over the limit is refused, one at the limit is read", async () => {
    const most = randomBytes(documentLimit);
    const store = await fill({ most, over: Buffer.concat([most, Buffer.from("x")]) });
    expect((await readDocument(store, "most"))?.bytes.equals(most)).toBe(true);
    await expect(readDocument(store, "over")).rejects.toMatchObject({ code: "STORE_CORRUPT" });
  });

  test("a blob comes to its end only if it is what its digest says", async () => {
    const blob = randomBytes(3_000_000);
    const store = await fill({ blob, empty: bytes("") });
    const want = { sha256: digestOf(blob), size: blob.length };
    expect(Buffer.concat(await Array.fromAsync(readBlob(store, "blob", want))).equals(blob)).toBe(true);
    expect(await Array.fromAsync(readBlob(store, "empty", { sha256: digestOf("") }))).toEqual([]);
    const other = digestOf("other");
    await expect(Array.fromAsync(readBlob(store, "blob", { sha256: other }))).rejects.toMatchObject({
      code: "STORE_CORRUPT",
      details: { key: "blob", got: want.sha256, want: other },
    });
    await expect(Array.fromAsync(readBlob(store, "blob", { ...want, size: 10 }))).rejects.toMatchObject({
      code: "STORE_CORRUPT",
    });
    await expect(Array.fromAsync(readBlob(store, "none", want))).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
}

/** What sorts of stores may differ in. */
interface Leeway {
  /** Milliseconds after which the store's clock certainly shows another time. */
  readonly tick: number;
  /** A bucket knows nothing of folders, nor of what it has before it is asked: only what Kiln does is a law there. */
  readonly sort: "folder" | "bucket";
}

// The coarsest clock of a file system ticks every 10 ms.
const usual: Leeway = { tick: 20, sort: "folder" };

export function writingContract(make: Make, { tick, sort }: Leeway = usual): void {
  const nextTick = () => new Promise((resolve) => setTimeout(resolve, tick));

  test("create makes an object once; the same bytes are a success, others a conflict", async () => {
    const store = await make();
    expect(await store.create("a/b/c", bytes("one"))).toBe("created");
    expect(await store.create("a/b/c", bytes("one"))).toBe("exists");
    for (const other of ["two", "on", "one!", ""]) {
      await expect(store.create("a/b/c", bytes(other))).rejects.toMatchObject({ code: "IMMUTABLE_CONFLICT" });
      await expect(store.create("a/b/c", inPieces(bytes(other), 1))).rejects.toMatchObject({
        code: "IMMUTABLE_CONFLICT",
      });
    }
    expect((await bodyOf(await store.get("a/b/c")))?.toString()).toBe("one");
  });

  test("a body may come in pieces of any size, and is read to its end whether the object is new or there", async () => {
    const store = await make();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 50 })), fc.nat(1_000_000), async (pieces, number) => {
        const whole = Buffer.concat(pieces);
        let ended = 0;
        async function* body() {
          yield* pieces;
          ended += 1;
        }
        const key = `any/${digestOf(`${number} ${whole.toString("hex")}`)}`;
        expect(["created", "exists"]).toContain(await store.create(key, body()));
        expect(await store.create(key, body())).toBe("exists");
        expect(ended).toBe(2);
        expect((await bodyOf(await store.get(key)))?.equals(whole)).toBe(true);
      }),
      { numRuns: 25 },
    );
    const large = randomBytes(20_000_003);
    expect(await store.create("large", inPieces(large, 65_536))).toBe("created");
    expect(await store.create("large", inPieces(large, 1_000_000))).toBe("exists");
    expect((await bodyOf(await store.get("large")))?.equals(large)).toBe(true);
    const changed = Buffer.from(large);
    changed[changed.length - 1]! ^= 1;
    await expect(store.create("large", inPieces(changed, 65_536))).rejects.toMatchObject({
      code: "IMMUTABLE_CONFLICT",
    });
  });

  test("when the body throws, its error passes through and nothing was made", async () => {
    const store = await make();
    const failure = Object.assign(new Error("the source is gone"), { code: "EACCES" });
    async function* broken() {
      yield bytes("first");
      throw failure;
    }
    await expect(store.create("broken", broken())).rejects.toBe(failure);
    expect(await store.get("broken")).toBeUndefined();
    expect(await Array.fromAsync(store.list(""))).toEqual([]);
    expect(await store.create("broken", bytes("whole"))).toBe("created");
    await expect(store.create("broken", broken())).rejects.toSatisfy(
      (error) => error === failure || error.code === "IMMUTABLE_CONFLICT",
    );
  });

  test("replace swaps only what has the etag that was read", async () => {
    const store = await make();
    expect(await store.replace("doc", bytes("1"), "no such etag")).toBe("lost");
    expect(await store.head("doc")).toBeUndefined();
    expect(await store.replace("doc", bytes("1"), null)).toBe("replaced");
    expect(await store.replace("doc", bytes("2"), null)).toBe("lost");
    const first = await readDocument(store, "doc");
    expect(await store.replace("doc", bytes("2"), first!.etag)).toBe("replaced");
    expect(await store.replace("doc", bytes("3"), first!.etag)).toBe("lost");
    const second = await store.head("doc");
    expect(second?.etag).not.toBe(first?.etag);
    expect(await store.replace("doc", bytes("3"), second!.etag)).toBe("replaced");
    expect((await readDocument(store, "doc"))?.bytes.toString()).toBe("3");
    expect((await store.get("doc", { start: 0, length: 1 }))?.etag).toBe((await store.head("doc"))?.etag);
  });

  test("a created object can be replaced, and a replaced one can't be created again", async () => {
    const store = await make();
    await store.create("doc", bytes("1"));
    expect(await store.replace("doc", bytes("2"), (await store.head("doc"))!.etag)).toBe("replaced");
    await expect(store.create("doc", bytes("1"))).rejects.toMatchObject({ code: "IMMUTABLE_CONFLICT" });
  });

  test("a document that goes back to earlier bytes is the earlier one, and a reader of the old one keeps it whole", async () => {
    const store = await make();
    await store.replace("doc", bytes("old"), null);
    const old = await store.get("doc");
    await store.replace("doc", bytes("newer"), old!.etag);
    expect((await bodyOf(old))?.toString()).toBe("old");
    await store.replace("doc", bytes("old"), (await store.head("doc"))!.etag);
    expect(await store.replace("doc", bytes("last"), old!.etag)).toBe("replaced");
  });

  test("link gives the bytes of one object to another, whatever that was, and makes it new", async () => {
    const store = await make();
    const large = randomBytes(9_000_000);
    await store.create("from/small", bytes("same"));
    await store.create("from/large", large);
    const { modified } = (await store.head("from/small"))!;
    await nextTick();
    await store.link("to/a/small", "from/small");
    expect((await store.head("to/a/small"))!.modified).toBeGreaterThan(modified);
    await store.link("to/large", "from/large");
    await store.create("to/other", bytes("spoilt"));
    await store.link("to/other", "from/small");
    await store.link("to/other", "from/small");
    for (const key of ["to/a/small", "to/other", "from/small"]) {
      expect((await bodyOf(await store.get(key)))?.toString()).toBe("same");
    }
    expect((await bodyOf(await store.get("to/large")))?.equals(large)).toBe(true);
    expect(await store.create("to/a/small", bytes("same"))).toBe("exists");
    expect(await store.remove("from/small", Infinity)).toBe("removed");
    expect((await bodyOf(await store.get("to/other")))?.toString()).toBe("same");
    expect(await Array.fromAsync(store.list("to/"), ({ key }) => key)).toEqual(["to/a/small", "to/large", "to/other"]);
    await expect(store.link("to/b", "from/none")).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await store.head("to/b")).toBeUndefined();
  });

  test("of many who replace one version, one wins", async () => {
    const store = await make();
    await store.replace("doc", bytes("start"), null);
    const { etag } = (await store.head("doc"))!;
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => store.replace("doc", bytes(`${index}`), etag)),
    );
    expect(answers.filter((answer) => answer === "replaced")).toHaveLength(1);
    const first = await Promise.all(
      Array.from({ length: 20 }, (_, index) => store.replace("new", bytes(`${index}`), null)),
    );
    expect(first.filter((answer) => answer === "replaced")).toHaveLength(1);
    const made = await Promise.all(Array.from({ length: 20 }, () => store.create("blob", bytes("same"))));
    expect(made.filter((answer) => answer === "created")).toHaveLength(1);
  });

  test("what is too large isn't replaced; over the limit of documents the newer bytes win, too", async () => {
    const store = await make();
    const huge = Buffer.allocUnsafe(replaceLimit + 1);
    await expect(store.replace("doc", huge, null)).rejects.toMatchObject({ code: "DOCUMENT_TOO_LARGE" });
    const over = Buffer.concat([randomBytes(documentLimit), Buffer.from("x")]);
    expect(await store.replace("doc", over, null)).toBe("replaced");
    const { etag } = (await store.head("doc"))!;
    expect(await store.replace("doc", Buffer.concat([over, over]), etag)).toBe("replaced");
    expect(await store.replace("doc", over, etag)).toBe("lost");
    expect((await store.head("doc"))?.size).toBe(2 * over.length);
  });

  test.runIf(sort === "folder")("a key is never a folder of another key", async () => {
    const store = await make();
    await store.create("a/b", bytes("1"));
    await expect(store.create("a/b/c", bytes("1"))).rejects.toMatchObject({ code: "NAME_INVALID" });
    await expect(store.create("a", bytes("1"))).rejects.toMatchObject({ code: "NAME_INVALID" });
    await expect(store.replace("a/b/c", bytes("1"), null)).rejects.toMatchObject({ code: "NAME_INVALID" });
    await expect(store.replace("a", bytes("1"), null)).rejects.toMatchObject({ code: "NAME_INVALID" });
    await expect(store.link("a", "a/b")).rejects.toMatchObject({ code: "NAME_INVALID" });
    expect((await Array.fromAsync(store.list(""))).map(({ key }) => key)).toEqual(["a/b"]);
  });

  test("keys that could leave the store are refused by everything that writes", async () => {
    const store = await make();
    for (const key of ["../out", "a/../../out", ".hidden", "a/.tmp/b", "/etc/x", "a\\b", "con:x", "x".repeat(256)]) {
      await expect(store.create(key, bytes("1"))).rejects.toMatchObject({ code: "NAME_INVALID" });
      await expect(store.replace(key, bytes("1"), null)).rejects.toMatchObject({ code: "NAME_INVALID" });
      await expect(store.link(key, "a")).rejects.toMatchObject({ code: "NAME_INVALID" });
      await expect(store.link("a", key)).rejects.toMatchObject({ code: "NAME_INVALID" });
      await expect(store.remove(key, 0)).rejects.toMatchObject({ code: "NAME_INVALID" });
    }
    await expect(Array.fromAsync(store.list("../"))).rejects.toMatchObject({ code: "NAME_INVALID" });
    expect(await store.create("x".repeat(255), bytes("1"))).toBe("created");
  });

  test("list gives every key with the prefix, in the order of bytes", async () => {
    const store = await make();
    const keys = [
      "a",
      "b/x",
      "b/y/z",
      "b.c",
      "b-/1",
      "b0",
      "bb/1",
      "b/x.y",
      "B/1",
      "log/tile/0/x001/067",
      "log/tile/0/000",
    ];
    for (const key of keys) await store.create(key, bytes(key));
    const listed = async (prefix: string) => (await Array.fromAsync(store.list(prefix))).map(({ key }) => key);
    for (const prefix of ["", "b", "b/", "b/x", "b/y", "b/y/", "b/y/z", "b/y/zz", "log/tile/0/", "none/", "B", "b."]) {
      expect(await listed(prefix)).toEqual(keys.filter((key) => key.startsWith(prefix)).toSorted());
    }
    for await (const { key, size, modified } of store.list("")) {
      expect(await store.head(key)).toMatchObject({ size, modified });
    }
  });

  test("the age of an object is the same however it is asked for", async () => {
    const store = await make();
    for (let number = 0; number < 10; number++) {
      await store.create("blob", bytes("1"));
      const modified = (await store.head("blob"))!.modified;
      expect((await store.get("blob"))?.modified).toBe(modified);
      expect(await Array.fromAsync(store.list(""))).toEqual([{ key: "blob", size: 1, modified }]);
      expect(await store.remove("blob", modified - 1)).toBe("kept");
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
  });

  test("remove spares what was changed or renewed since", async () => {
    const store = await make();
    await store.create("blob", bytes("1"));
    const { modified } = (await store.head("blob"))!;
    expect(await store.remove("blob", modified - 1)).toBe("kept");
    await nextTick();
    expect(await store.create("blob", bytes("1"))).toBe("exists");
    expect((await store.head("blob"))!.modified).toBeGreaterThan(modified);
    expect(await store.remove("blob", modified)).toBe("kept");
    expect(await store.remove("blob", (await store.head("blob"))!.modified)).toBe("removed");
    expect(await store.get("blob")).toBeUndefined();
    expect(await store.remove("blob", 0)).toBe("removed");
    expect(await store.remove("never/was", 0)).toBe("removed");
    expect(await store.create("blob", bytes("2"))).toBe("created");
  });

  // A bucket looks and removes in two requests.
  test.runIf(sort === "folder")(
    "an object that is created again while it is being removed is there in the end",
    async () => {
      const store = await make();
      for (let round = 0; round < 15; round++) {
        await store.create(`blob/${round}`, bytes("1"));
        const { modified } = (await store.head(`blob/${round}`))!;
        await new Promise((resolve) => setTimeout(resolve, 11));
        await Promise.all([
          store.remove(`blob/${round}`, modified),
          store.create(`blob/${round}`, inPieces(bytes("1"), 1)),
        ]);
        expect((await bodyOf(await store.get(`blob/${round}`)))?.toString()).toBe("1");
      }
    },
  );
}
