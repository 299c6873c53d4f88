// The reader of .rpm files: whatever the bytes are, and however they come in, it answers or refuses.

import { createHash } from "node:crypto";

import fc from "fast-check";
import { expect, test } from "vitest";

import { headerBytes, parseHeader } from "../../src/artifact/rpm-header.ts";
import { headerStart, rpmReader, signatureIn, signedPrefix, unsignedPrefix } from "../../src/artifact/rpm.ts";
import { KilnError } from "../../src/errors.ts";
import { makeRpm, text } from "./made-rpm.ts";

const number = (tag: number, type: 3 | 4 | 5, ...numbers: number[]) => {
  const width = { 3: 2, 4: 4, 5: 8 }[type];
  const data = Buffer.alloc(width * numbers.length);
  for (const [at, one] of numbers.entries())
    data.writeUIntBE(one, at * width + Math.max(0, width - 6), Math.min(width, 6));
  return { tag, type, count: numbers.length, data };
};

test("a header says what was written, with numbers where rpm wants them", () => {
  const list = { tag: 1117, type: 8, count: 2, data: Buffer.from("a\0é\0") };
  const bytes = headerBytes([text(1000, "odd"), number(1006, 4, 7, 4_000_000_000), list, number(5009, 5, 2 ** 40)]);
  const header = parseHeader(bytes, "x");
  expect([header.text(1000), header.numbers(1006), header.texts(1117), header.numbers(5009)]).toEqual([
    "odd",
    [7, 4_000_000_000],
    ["a", "é"],
    [2 ** 40],
  ]);
  expect([header.text(1), header.texts(1006), header.numbers(1000), header.bytes(1000)]).toEqual([
    undefined,
    [],
    [],
    undefined,
  ]);
});

test("whatever pieces a package comes in, its parts are the same", () => {
  const bytes = makeRpm({ payload: Buffer.alloc(3000, "p") });
  const start = headerStart(bytes, "x")!;
  const end = bytes.length - 3000;
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 20 }), (sizes) => {
      const reader = rpmReader("x");
      let at = 0;
      for (const size of [...sizes, bytes.length]) {
        reader.push(bytes.subarray(at, at + size));
        at += size;
        expect(reader.done).toBe(at >= end);
      }
      const { prefix, header, headerState } = reader.parts();
      expect(prefix.equals(bytes.subarray(0, start))).toBe(true);
      expect(header).toEqual({ start, end });
      expect(headerState.copy().digest("hex")).toBe(
        createHash("sha256").update(bytes.subarray(start, end)).digest("hex"),
      );
    }),
    { numRuns: 50 },
  );
});

test("a signature takes the room that was kept for it, and nothing else", () => {
  const bytes = makeRpm();
  const prefix = bytes.subarray(0, headerStart(bytes, "x"));
  const packet = Buffer.alloc(566, "s");
  const signed = signedPrefix(prefix, packet, "x");
  expect(signed.length).toBe(prefix.length);
  expect(signatureIn(prefix, "x")).toBe(undefined);
  expect(signatureIn(signed, "x")?.equals(packet)).toBe(true);
  expect(unsignedPrefix(signed, "x").equals(unsignedPrefix(prefix, "x"))).toBe(true);
  // Signing what was signed gives what signing once gives.
  expect(signedPrefix(signed, packet, "x").equals(signed)).toBe(true);
});

test("a package without room for a signature is refused", () => {
  const bytes = makeRpm({ room: 100 });
  expect(() => signedPrefix(bytes.subarray(0, headerStart(bytes, "x")), Buffer.alloc(566), "x")).toThrow(
    /without room/,
  );
});

test("changed bytes are read or refused, never more than that", () => {
  const bytes = makeRpm({ header: [text(1000, "app"), number(1006, 4, 1, 2), text(1004, "a summary")] });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 6 }),
      fc.nat(bytes.length),
      (changes, length) => {
        const copy = Buffer.from(bytes);
        for (const [at, value] of changes) copy[at] = value;
        try {
          const reader = rpmReader("x");
          reader.push(copy.subarray(0, length));
          const { prefix, header } = reader.parts();
          signedPrefix(prefix, Buffer.alloc(566), "x");
          const parsed = parseHeader(copy.subarray(header.start, header.end), "x");
          for (const { tag } of parsed.entries) [parsed.texts(tag), parsed.numbers(tag), parsed.bytes(tag)].map(String);
        } catch (error) {
          expect(error).toBeInstanceOf(KilnError);
          expect((error as KilnError).code).toBe("PACKAGE_INVALID");
        }
      },
    ),
    { numRuns: 500 },
  );
});
