// An index that grows piece by piece, against what the programs that clients unpack with make of it.

import { execFileSync } from "node:child_process";
import { gunzipSync } from "node:zlib";

import fc from "fast-check";
import { expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import {
  type CompressedIndex,
  emptyGzipIndex,
  emptyIndex,
  plainOf,
  withRecords,
} from "../../src/views/compressed-index.ts";

const format = {
  parse: (text: string) =>
    new Map(
      text
        .split("\n")
        .flatMap((line): [string, string][] => (line === "" ? [] : [[line.split(" ")[0] ?? "", `${line}\n`]])),
    ),
};
const record = (key: string, value: string): [string, string] => [key, `${key} ${value}\n`];

function unpack({ files }: CompressedIndex): Record<string, string> {
  return {
    gz: gunzipSync(files.gz).toString(),
    xz: execFileSync("xz", ["-dc"], { input: files.xz, maxBuffer: 1e9 }).toString(),
    zst: execFileSync("zstd", ["-dcq"], { input: files.zst, maxBuffer: 1e9 }).toString(),
  };
}

test("an empty index is a file that every program unpacks to nothing", () => {
  expect(unpack(emptyIndex)).toEqual({ gz: "", xz: "", zst: "" });
});

test("all forms unpack to the records in order, and the plain text's digest is theirs", async () => {
  const records = Array.from({ length: 1500 }, (_, number) =>
    record(`key${(number * 7919) % 1501}`, `value ${number}`),
  );
  const index = await withRecords(emptyIndex, new Map(records), format);
  expect(index.pieces.length).toBeGreaterThan(2);
  const want = records
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, text]) => text)
    .join("");
  expect(unpack(index)).toEqual({ gz: want, xz: want, zst: want });
  expect(await plainOf(index)).toEqual({ size: Buffer.byteLength(want), sha256: digestOf(want) });
});

test("whatever was added and removed in whatever order, the bytes are those of an index made at once", async () => {
  const step = fc.array(fc.tuple(fc.integer({ min: 0, max: 999 }), fc.option(fc.nat(9))), {
    minLength: 1,
    maxLength: 400,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
      let grown: CompressedIndex = emptyIndex;
      let count = 0;
      const model = new Map<string, string>();
      for (const changes of steps) {
        const next = new Map<string, string | undefined>();
        for (const [number, value] of changes) {
          const [key, text] = record(`k${number}`, String(value));
          next.set(key, value === null ? undefined : text);
          if (value === null) model.delete(key);
          else model.set(key, text);
        }
        const changed = await withRecords(grown, next, format);
        count += changed.more;
        grown = changed;
      }
      const atOnce = await withRecords(emptyIndex, model, format);
      expect({ ...grown, more: undefined }).toEqual({ ...atOnce, more: undefined });
      expect(atOnce.more).toBe(model.size);
      expect(count).toBe(model.size);
      const inGzip = await withRecords(emptyGzipIndex, model, format);
      expect(inGzip.files).toEqual({ gz: atOnce.files.gz });
      expect(await plainOf(inGzip)).toEqual(await plainOf(atOnce));
      const text = [...model]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([, line]) => line)
        .join("");
      expect(unpack(grown)).toEqual({ gz: text, xz: text, zst: text });
    }),
    { numRuns: 5 },
  );
});
