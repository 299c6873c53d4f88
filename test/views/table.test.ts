import fc from "fast-check";
import { expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { emptyTable, lookup, parsing, range, type Row, type Table, withRows } from "../../src/views/table.ts";

const rows = fc.dictionary(fc.string({ minLength: 1, maxLength: 6 }), fc.integer(), { maxKeys: 40 });

test("a table that grew row by row has the bytes of one that was built at once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(rows, { maxLength: 8 }), async (steps) => {
      const grown = shelf();
      let table: Table = emptyTable;
      const all = new Map<string, Row>();
      for (const step of steps) {
        const changes = new Map<string, Row>(Object.entries(step));
        for (const [key, row] of changes) all.set(key, row);
        table = await grown.add(table, changes);
      }
      const built = shelf();
      expect(table).toEqual(all.size === 0 ? emptyTable : await built.add(emptyTable, all));
      for (const [key, row] of all) expect(await lookup(table, key, grown.read)).toBe(row);
    }),
  );
});

test("thousands of rows lie in many shards, and one more row rewrites one or two of them", async () => {
  const { add, read, shards } = shelf();
  const many = new Map<string, Row>(Array.from({ length: 5000 }, (_, at) => [`name-${at} release 1.0.${at}`, { at }]));
  const table = await add(emptyTable, many);
  expect(table.length).toBeGreaterThan(8);
  const before = shards.size;
  const next = await add(table, new Map<string, Row>([["name-77 release 2.0.0", { at: -1 }]]));
  expect(shards.size - before).toBeLessThanOrEqual(2);
  const found = await Array.fromAsync(range(next, "name-77 ", read));
  expect(found.map(([key]) => key)).toEqual(["name-77 release 1.0.77", "name-77 release 2.0.0"]);
});

test("a range gives every row that starts with its prefix, in order, and no other", async () => {
  await fc.assert(
    fc.asyncProperty(rows, fc.string({ maxLength: 2 }), async (some, prefix) => {
      const { add, read } = shelf();
      const table = await add(emptyTable, new Map<string, Row>(Object.entries(some)));
      const want = Object.keys(some)
        .filter((key) => key.startsWith(prefix))
        .toSorted((a, b) => (a < b ? -1 : 1));
      expect((await Array.fromAsync(range(table, prefix, read))).map(([key]) => key)).toEqual(want);
    }),
  );
});

function shelf() {
  const shards = new Map<string, Uint8Array>();
  const read = parsing(async (digest) => {
    const bytes = shards.get(digest);
    if (bytes === undefined || digestOf(bytes) !== digest) throw new Error(`no shard ${digest}`);
    return bytes;
  });
  const add = async (table: Table, changes: ReadonlyMap<string, Row>) => {
    const next = await withRows(table, changes, read);
    for (const [digest, bytes] of next.shards) shards.set(digest, bytes);
    return next.table;
  };
  return { shards, read, add };
}
