import { createHash } from "node:crypto";

import * as fc from "fast-check";
import { expect, test } from "vitest";

import { emptyEdge, extendEdge, nodeHash, rootOf, subtreesOf } from "../../src/log/merkle.ts";
import { edgeAt, entriesPath, tilePath, tileReader, tilesToWrite } from "../../src/log/tiles.ts";
import { referenceRoot } from "./reference.ts";
import { makeShelf, type Shelf } from "./shelf.ts";

const leaves = Array.from({ length: 66_700 }, (_, index) => createHash("sha256").update(`leaf ${index}`).digest());

/** Appends the leaves up to `to` to a shelf that holds the tree of `from`, as an append does. */
async function grow(shelf: Shelf, { from, to }: { from: number; to: number }): Promise<string[]> {
  const written = await tilesToWrite({ from, leafHashes: leaves.slice(from, to), read: tileReader(shelf, from) });
  shelf.put(written);
  return written.map(({ key }) => key);
}

/** Every tile of a tree of `size`, by the definition: the hashes of 256^level leaves each. */
function tilesOf(size: number): Map<string, Buffer> {
  const tiles = new Map<string, Buffer>();
  let row: Buffer[] = leaves.slice(0, size);
  for (let level = 0; row.length > 0; level += 1) {
    const above: Buffer[] = [];
    for (let start = 0; start < row.length; start += 256) {
      const hashes = row.slice(start, start + 256);
      const name = `${String(start / 256).padStart(3, "0")}${hashes.length === 256 ? "" : `.p/${hashes.length}`}`;
      tiles.set(`log/tile/${level}/${name}`, Buffer.concat(hashes));
      if (hashes.length === 256) above.push(rootOf(extendEdge(emptyEdge, hashes)));
    }
    row = above;
  }
  return tiles;
}

test("paths are those of the spec", () => {
  expect(tilePath(0, 1_234_067, 256)).toBe("log/tile/0/x001/x234/067");
  expect(tilePath(2, 0, 1)).toBe("log/tile/2/000.p/1");
  expect(tilePath(1, 999, 255)).toBe("log/tile/1/999.p/255");
  expect(tilePath(0, 1000, 256)).toBe("log/tile/0/x001/000");
  expect(tilePath(0, 1_000_000, 256)).toBe("log/tile/0/x001/x000/000");
  expect(tilePath(0, 35_184_372_088_831, 256)).toBe("log/tile/0/x035/x184/x372/x088/831");
  expect(entriesPath(67, 112)).toBe("log/tile/entries/067.p/112");
  expect(entriesPath(1_234_067, 256)).toBe("log/tile/entries/x001/x234/067");
});

test("a tree of 65,836 leaves is made of the tiles that the spec's arithmetic asks for", async () => {
  const shelf = makeShelf();
  await grow(shelf, { from: 0, to: 65_836 });
  const keys = [...shelf.objects.keys()];
  expect(keys.filter((key) => /^log\/tile\/0\/[0-9]{3}$/.test(key))).toHaveLength(257);
  expect(keys.filter((key) => !/^log\/tile\/0\/[0-9]{3}$/.test(key))).toEqual([
    "log/tile/0/257.p/44",
    "log/tile/1/000",
    "log/tile/1/001.p/1",
    "log/tile/2/000.p/1",
  ]);
});

test("a tree of 256 leaves is a full tile and one hash above it", async () => {
  const shelf = makeShelf();
  expect(await grow(shelf, { from: 0, to: 256 })).toEqual(["log/tile/0/000", "log/tile/1/000.p/1"]);
  expect(shelf.objects.get("log/tile/1/000.p/1")).toEqual(referenceRoot(leaves.slice(0, 256)));
});

test("a tree that grew in steps has the same tiles as one made at once", async () => {
  const step = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 700 }), fc.constant(256));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const shelf = makeShelf();
      let size = 0;
      for (const more of steps) {
        await grow(shelf, { from: size, to: size + more });
        size += more;
        for (const [key, bytes] of tilesOf(size)) expect(shelf.objects.get(key)?.equals(bytes)).toBe(true);
      }
    }),
    { numRuns: 40 },
  );
});

test("a tree that grew in steps over 65,536 leaves has the same tiles as one made at once", async () => {
  const start = 65_536 - 300;
  const base = makeShelf();
  await grow(base, { from: 0, to: start });
  for (const steps of [[300], [299, 1, 1], [44, 256, 256], [299, 2, 255, 1, 600], [1100]]) {
    const shelf = makeShelf();
    for (const [key, bytes] of base.objects) shelf.objects.set(key, bytes);
    let size = start;
    for (const more of steps) {
      await grow(shelf, { from: size, to: size + more });
      size += more;
    }
    for (const [key, bytes] of tilesOf(size)) expect(shelf.objects.get(key)?.equals(bytes)).toBe(true);
    expect(rootOf(await edgeAt(size, tileReader(shelf, size)))).toEqual(
      rootOf(extendEdge(emptyEdge, leaves.slice(0, size))),
    );
  }
});

test("an append writes only tiles that are new or wider, and reads only the partial ones that grow", async () => {
  const shelf = makeShelf();
  await grow(shelf, { from: 0, to: 600 });
  shelf.asked.length = 0;
  expect(await grow(shelf, { from: 600, to: 601 })).toEqual(["log/tile/0/002.p/89"]);
  expect(shelf.asked).toEqual(["log/tile/0/002.p/88"]);
  shelf.asked.length = 0;
  expect(await grow(shelf, { from: 601, to: 769 })).toEqual([
    "log/tile/0/002",
    "log/tile/0/003.p/1",
    "log/tile/1/000.p/3",
  ]);
  expect(shelf.asked).toEqual(["log/tile/0/002.p/89", "log/tile/1/000.p/2"]);
  shelf.asked.length = 0;
  expect(await grow(shelf, { from: 769, to: 769 })).toEqual([]);
  expect(shelf.asked).toEqual([]);
});

test("the same append done twice, also after the tree has grown on, gives the same bytes", async () => {
  const shelf = makeShelf();
  await grow(shelf, { from: 0, to: 300 });
  await grow(shelf, { from: 300, to: 700 });
  for (const key of ["log/tile/0/001.p/44", "log/tile/1/000.p/1"]) shelf.objects.delete(key);
  const again = await tilesToWrite({
    from: 300,
    leafHashes: leaves.slice(300, 700),
    read: tileReader(shelf, 700),
  });
  for (const { key, bytes } of again) expect(shelf.objects.get(key)).toEqual(bytes);
});

test("an append to a log of 2^40 leaves names its tiles right", async () => {
  const level: Buffer[] = [leaves[0]!];
  while (level.length < 53) level.push(nodeHash(level.at(-1)!, level.at(-1)!));
  const from = 2 ** 40 - 1;
  const read = async (nodes: readonly { level: number }[]) => nodes.map((node) => level[node.level]!);
  const written = await tilesToWrite({ from, leafHashes: [leaves[0]!], read });
  expect(written.map(({ key }) => key)).toEqual([
    "log/tile/0/x004/x294/x967/295",
    "log/tile/1/x016/x777/215",
    "log/tile/2/x065/535",
    "log/tile/3/255",
    "log/tile/4/000",
    "log/tile/5/000.p/1",
  ]);
  expect(written.at(-1)?.bytes).toEqual(level[40]);
});

test("every complete subtree can be read, each tile being fetched once", async () => {
  const size = 1000;
  const shelf = makeShelf();
  await grow(shelf, { from: 0, to: size });
  const read = tileReader(shelf, size);
  const nodes = [];
  for (let level = 0; 2 ** level <= size; level += 1) {
    for (let index = 0; (index + 1) * 2 ** level <= size; index += 1) nodes.push({ level, index });
  }
  const hashes = await read(nodes);
  for (const [at, { level, index }] of nodes.entries()) {
    const subtree = extendEdge(emptyEdge, leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));
    expect(hashes[at]?.equals(rootOf(subtree))).toBe(true);
  }
  await read(nodes);
  expect(shelf.asked.toSorted()).toEqual([...shelf.objects.keys()].toSorted());
});

test("an edge read from tiles is the one that appending made", async () => {
  const shelf = makeShelf();
  await grow(shelf, { from: 0, to: 777 });
  expect(await edgeAt(777, tileReader(shelf, 777))).toEqual(extendEdge(emptyEdge, leaves.slice(0, 777)));
  expect(await edgeAt(0, tileReader(makeShelf(), 0))).toEqual(emptyEdge);
});

test("a partial tile that was removed is read from the full one, and only what belongs to the older tree", async () => {
  const shelf = makeShelf();
  await grow(shelf, { from: 0, to: 300 });
  await grow(shelf, { from: 300, to: 1000 });
  shelf.objects.delete("log/tile/0/001.p/44");
  const read = tileReader(shelf, 300);
  expect(await read([{ level: 0, index: 299 }])).toEqual([leaves[299]]);
  expect(rootOf(await edgeAt(300, read))).toEqual(rootOf(extendEdge(emptyEdge, leaves.slice(0, 300))));
  await expect(read([{ level: 0, index: 300 }])).rejects.toThrow(RangeError);
  await expect(read([{ level: 8, index: 1 }])).rejects.toThrow(RangeError);
});

test("an absent or malformed tile is a corrupt store, and the error names the key", async () => {
  const shelf = makeShelf();
  await grow(shelf, { from: 0, to: 300 });
  const partial = shelf.objects.get("log/tile/0/001.p/44")!;
  const full = shelf.objects.get("log/tile/0/000")!;
  const readWith = async (key: string, bytes: Buffer | undefined): Promise<unknown> => {
    const broken = makeShelf();
    for (const [name, value] of shelf.objects) broken.objects.set(name, value);
    broken.objects.delete(key);
    if (bytes !== undefined) broken.objects.set(key, bytes);
    return tileReader(
      broken,
      300,
    )([
      { level: 0, index: 0 },
      { level: 0, index: 290 },
      { level: 8, index: 0 },
    ]);
  };
  for (const [key, bytes] of [
    ["log/tile/0/001.p/44", undefined],
    ["log/tile/0/001.p/44", Buffer.alloc(0)],
    ["log/tile/0/001.p/44", partial.subarray(32)],
    ["log/tile/0/001.p/44", partial.subarray(1)],
    ["log/tile/0/001.p/44", Buffer.concat([partial, partial.subarray(0, 32)])],
    ["log/tile/0/000", undefined],
    ["log/tile/0/000", full.subarray(0, -32)],
    ["log/tile/0/000", Buffer.concat([full, Buffer.alloc(1)])],
    ["log/tile/0/000", Buffer.alloc(9_000_000)],
    ["log/tile/1/000.p/1", undefined],
    ["log/tile/1/000.p/1", Buffer.alloc(31)],
  ] as const) {
    await expect(readWith(key, bytes)).rejects.toThrow(
      expect.objectContaining({ code: "STORE_CORRUPT", message: expect.stringContaining(key) }),
    );
  }
});

test("a tile that couldn't be read is asked for again", async () => {
  const shelf = makeShelf();
  await grow(shelf, { from: 0, to: 10 });
  let failures = 1;
  const read = tileReader(
    {
      ...shelf,
      get: async (key) => {
        if (failures > 0) {
          failures -= 1;
          throw new Error("unreachable");
        }
        return shelf.get(key);
      },
    },
    10,
  );
  await expect(read([{ level: 0, index: 1 }])).rejects.toThrow("unreachable");
  expect(await read([{ level: 0, index: 1 }])).toEqual([leaves[1]]);
});

test("the hashes of an edge lie in one tile for each tile level", async () => {
  const shelf = makeShelf();
  await grow(shelf, { from: 0, to: 66_666 });
  shelf.asked.length = 0;
  await edgeAt(66_666, tileReader(shelf, 66_666));
  expect(subtreesOf(0, 66_666).length).toBeGreaterThan(3);
  expect(shelf.asked).toEqual(["log/tile/2/000.p/1", "log/tile/1/001.p/4", "log/tile/0/260.p/106"]);
});
