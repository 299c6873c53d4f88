import * as fc from "fast-check";
import { expect, test } from "vitest";

import { isKilnError } from "../../src/errors.ts";
import { bundlesToWrite, decodeBundle, encodeBundle, readEntries, readEntry } from "../../src/log/entries.ts";
import { makeShelf, type Shelf } from "./shelf.ts";

const entries = Array.from({ length: 1500 }, (_, index) => Buffer.from(`entry ${index} ${"x".repeat(index % 90)}`));

/** Appends the entries up to `to` to a shelf that holds the first `from`. */
function grow(shelf: Shelf, { from, to }: { from: number; to: number }): string[] {
  const partial = entries.slice(from - (from % 256), from);
  const written = bundlesToWrite({ from, partial, entries: entries.slice(from, to) });
  shelf.put(written);
  return written.map(({ key }) => key);
}

async function collect(shelf: Shelf, range: { from: number; to: number; size: number }): Promise<unknown[]> {
  const found = [];
  for await (const entry of readEntries(shelf, range)) found.push(entry);
  return found;
}

const bundle = (from: number, to: number) => encodeBundle(entries.slice(from, to));

const indexed = (from: number, to: number) =>
  entries.slice(from, to).map((bytes, offset) => ({ index: from + offset, bytes }));

test("a bundle is each entry after its length in two bytes", () => {
  expect(encodeBundle([Buffer.from("ab"), Buffer.alloc(0), Buffer.from("c")]).toString("hex")).toBe(
    "000261620000000163",
  );
  expect(encodeBundle([])).toEqual(Buffer.alloc(0));
});

test("what is encoded comes back when it is decoded, the largest entry too", () => {
  const largest = Buffer.alloc(65_535, 7);
  expect(decodeBundle(encodeBundle([largest, largest]), "k")).toEqual([largest, largest]);
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 300 }), (list) => {
      const encoded = encodeBundle(list);
      expect(decodeBundle(new Uint8Array(encoded), "k")).toEqual(list.map((bytes) => Buffer.from(bytes)));
    }),
    { numRuns: 50 },
  );
});

test("an entry above 65,535 bytes is refused before anything is encoded", () => {
  const large = Buffer.alloc(65_536);
  const tooLarge = expect.objectContaining({ code: "ENTRY_TOO_LARGE", exitStatus: 1 });
  expect(() => encodeBundle([large])).toThrow(tooLarge);
  expect(() => bundlesToWrite({ from: 0, partial: [], entries: [entries[0]!, large] })).toThrow(tooLarge);
});

test("decoding refuses whatever is cut off, and never anything else", () => {
  for (const hex of ["00", "0001", "000261", "00016100"]) {
    expect(() => decodeBundle(Buffer.from(hex, "hex"), "log/k")).toThrow(
      expect.objectContaining({ code: "STORE_CORRUPT", message: expect.stringContaining("log/k") }),
    );
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      try {
        expect(encodeBundle(decodeBundle(bytes, "k"))).toEqual(Buffer.from(bytes));
      } catch (error) {
        if (!isKilnError(error, "STORE_CORRUPT")) throw error;
      }
    }),
  );
});

test("an append writes only bundles that are new or wider", () => {
  const shelf = makeShelf();
  expect(grow(shelf, { from: 0, to: 3 })).toEqual(["log/tile/entries/000.p/3"]);
  expect(grow(shelf, { from: 3, to: 3 })).toEqual([]);
  expect(grow(shelf, { from: 3, to: 256 })).toEqual(["log/tile/entries/000"]);
  expect(grow(shelf, { from: 256, to: 257 })).toEqual(["log/tile/entries/001.p/1"]);
  expect(grow(shelf, { from: 257, to: 800 })).toEqual([
    "log/tile/entries/001",
    "log/tile/entries/002",
    "log/tile/entries/003.p/32",
  ]);
  expect(() => bundlesToWrite({ from: 5, partial: [], entries: [] })).toThrow(TypeError);
});

test("a log that grew in steps reads like one written at once, whatever range is asked for", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 5 }),
      fc.nat(),
      fc.nat(),
      async (steps, one, two) => {
        const shelf = makeShelf();
        let size = 0;
        for (const step of steps) {
          const to = Math.min(entries.length, size + step);
          grow(shelf, { from: size, to });
          size = to;
        }
        expect(await collect(shelf, { from: 0, to: size, size })).toEqual(indexed(0, size));
        const [from, to] = [one % (size + 1), two % (size + 1)].toSorted((a, b) => a - b) as [number, number];
        expect(await collect(shelf, { from, to, size })).toEqual(indexed(from, to));
      },
    ),
    { numRuns: 40 },
  );
});

test("only the bundles of the range are fetched, a few ahead, each once", async () => {
  const shelf = makeShelf();
  grow(shelf, { from: 0, to: 1500 });
  await collect(shelf, { from: 256, to: 512, size: 1500 });
  expect(shelf.asked).toEqual(["log/tile/entries/001"]);
  shelf.asked.length = 0;
  for await (const { index } of readEntries(shelf, { from: 0, to: 1500, size: 1500 })) if (index === 10) break;
  expect(shelf.asked.length).toBeLessThanOrEqual(5);
  shelf.asked.length = 0;
  await collect(shelf, { from: 700, to: 700, size: 1500 });
  expect(shelf.asked).toEqual([]);
});

test("a partial bundle that was removed is read from the full one, up to the size asked for", async () => {
  const shelf = makeShelf();
  grow(shelf, { from: 0, to: 300 });
  grow(shelf, { from: 300, to: 1000 });
  shelf.objects.delete("log/tile/entries/001.p/44");
  expect(await collect(shelf, { from: 250, to: 300, size: 300 })).toEqual(indexed(250, 300));
});

test("one entry is read from its own bundle alone", async () => {
  const shelf = makeShelf();
  grow(shelf, { from: 0, to: 600 });
  for (const index of [0, 255, 256, 599]) expect(await readEntry(shelf, { index, size: 600 })).toEqual(entries[index]);
  expect(shelf.asked).toEqual(["000", "000", "001", "002.p/88"].map((name) => `log/tile/entries/${name}`));
  await expect(readEntry(shelf, { index: 600, size: 600 })).rejects.toThrow(RangeError);
});

test("an absent or malformed bundle is a corrupt store, and the error names the key", async () => {
  const shelf = makeShelf();
  grow(shelf, { from: 0, to: 600 });
  const last = "log/tile/entries/002.p/88";
  const middle = "log/tile/entries/001";
  for (const [key, bytes] of [
    [last, undefined],
    [last, Buffer.alloc(0)],
    [last, bundle(512, 599)],
    [last, Buffer.concat([bundle(512, 600), Buffer.of(0, 0)])],
    [last, bundle(512, 600).subarray(0, -1)],
    [middle, undefined],
    [middle, bundle(256, 511)],
    [middle, bundle(256, 513)],
    [middle, Buffer.from("<html>not found</html>")],
    [middle, Buffer.alloc(17_000_000)],
  ] as const) {
    const broken = makeShelf();
    for (const [name, value] of shelf.objects) broken.objects.set(name, value);
    broken.objects.delete(key);
    if (bytes !== undefined) broken.objects.set(key, bytes);
    await expect(collect(broken, { from: 0, to: 600, size: 600 })).rejects.toThrow(
      expect.objectContaining({ code: "STORE_CORRUPT", message: expect.stringContaining(key) }),
    );
  }
});

test("a failure further ahead is thrown when its turn comes, and is nobody's when the reader leaves before", async () => {
  const shelf = makeShelf();
  grow(shelf, { from: 0, to: 1000 });
  shelf.objects.delete("log/tile/entries/002");
  const seen: number[] = [];
  const reading = (async () => {
    for await (const { index } of readEntries(shelf, { from: 0, to: 1000, size: 1000 })) seen.push(index);
  })();
  await expect(reading).rejects.toThrow(expect.objectContaining({ code: "STORE_CORRUPT" }));
  expect(seen).toHaveLength(512);
  for await (const { index } of readEntries(shelf, { from: 0, to: 1000, size: 1000 })) if (index === 5) break;
});

test("a range outside of the tree is a caller's fault", async () => {
  for (const [from, to] of [
    [0, 11],
    [-1, 5],
    [6, 5],
  ] as const) {
    await expect(collect(makeShelf(), { from, to, size: 10 })).rejects.toThrow(RangeError);
  }
});
