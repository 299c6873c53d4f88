import { readFileSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";
import { expect, test } from "vitest";

import { openStepLog } from "../../src/bake/step-log.ts";
import { temporaryFolder } from "../system/made-repository.ts";

async function logOf(
  pieces: readonly Buffer[],
  secrets: readonly string[],
): Promise<{ text: string; lines: string[]; tail: readonly string[] }> {
  const path = join(temporaryFolder(), "log");
  const lines: string[] = [];
  const log = openStepLog({ path, secrets, onLine: (line) => lines.push(line) });
  for (const piece of pieces) log.write(piece);
  await log.close();
  return { text: readFileSync(path, "utf8"), lines, tail: log.tail() };
}

test("lines come whole, whatever the pieces; the last twenty are kept", async () => {
  const all = Array.from({ length: 50 }, (_, index) => `line ${index} é`);
  const bytes = Buffer.from(all.join("\n"));
  const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, index) =>
    bytes.subarray(index * 7, index * 7 + 7),
  );
  const { text, lines, tail } = await logOf(pieces, []);
  expect(lines).toEqual(all);
  expect(text).toBe(`${all.join("\n")}\n`);
  expect(tail).toEqual(all.slice(-20));
});

test("a secret never gets through, however the output is cut, even in a line without end", async () => {
  const secret = "s3cr3t-value-0123456789";
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(fc.constant(secret), fc.constant("\n"), fc.constant("x".repeat(70_000)), fc.string({ maxLength: 30 })),
        { maxLength: 6 },
      ),
      fc.infiniteStream(fc.integer({ min: 1, max: 9000 })),
      async (texts, sizes) => {
        const bytes = Buffer.from(texts.join(""));
        const pieces: Buffer[] = [];
        for (let at = 0; at < bytes.length;) {
          const size = sizes.next().value as number;
          pieces.push(bytes.subarray(at, at + size));
          at += size;
        }
        const { text, lines } = await logOf(pieces, [secret]);
        expect(text).not.toContain(secret);
        expect(lines.join("")).not.toContain(secret);
      },
    ),
    { numRuns: 60 },
  );
});

test("each line of a secret is hidden; the longer one first", async () => {
  const { text } = await logOf(
    [Buffer.from("begin first-line-of-key and second\nfirst-line\n")],
    ["first-line-of-key\nsecond", "first-line"],
  );
  expect(text).toBe("begin *** and ***\n***\n");
});
