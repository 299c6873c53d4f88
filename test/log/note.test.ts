import * as fc from "fast-check";
import { expect, test } from "vitest";

import { isKilnError } from "../../src/errors.ts";
import { formatNote, openNote, parseNote, signNote } from "../../src/log/note.ts";
import { makeSigner } from "./signer.ts";

// The example keys and notes of golang.org/x/mod/sumdb/note.
const text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const peterKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const peterSeed = Buffer.from("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz", "base64").subarray(1);
const peterLine =
  "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const enochKey = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const enochLine =
  "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";
const note = `${text}\n${peterLine}`;

const refused = expect.objectContaining({ code: "CHECKPOINT_INVALID", exitStatus: 3 });

test("the note that Go's implementation signs comes out byte for byte, and opens", () => {
  const peter = makeSigner("PeterNeumann", peterSeed);
  expect(peter.vkey).toBe(peterKey);
  expect(signNote(text, peter)).toBe(note);
  expect(openNote(note, peterKey)).toBe(text);
  expect(openNote(Buffer.from(note), peterKey)).toBe(text);
  expect(openNote(new Uint8Array(Buffer.from(note)), peterKey)).toBe(text);
});

test("signatures by unknown keys don't disturb, wherever they stand and however many of sixteen", () => {
  expect(openNote(`${text}\n${peterLine}${enochLine}`, peterKey)).toBe(text);
  expect(openNote(`${text}\n${enochLine}${peterLine}`, peterKey)).toBe(text);
  expect(openNote(`${text}\n${peterLine}${enochLine}`, enochKey)).toBe(text);
  const postQuantum = `— later.example ${Buffer.alloc(5000, 9).toString("base64")}\n`;
  expect(openNote(`${text}\n${postQuantum.repeat(15)}${peterLine}`, peterKey)).toBe(text);
  // Same name with another ID, and same ID under another name: both are other keys.
  const renamed = peterLine.replace("PeterNeumann", "CarmenSandiego");
  const otherId = peterLine.replace("x08g", "xxxx");
  expect(openNote(`${text}\n${renamed}${otherId}${peterLine}`, peterKey)).toBe(text);
  expect(() => openNote(`${text}\n${renamed}${otherId}`, peterKey)).toThrow(refused);
});

test("a note without a signature by the key is refused, and the error says whose it has", () => {
  expect(() => openNote(`${text}\n${enochLine}`, peterKey)).toThrow(
    expect.objectContaining({
      code: "CHECKPOINT_INVALID",
      message: expect.stringMatching(/EnochRoot\+af0cfe78.*PeterNeumann\+c74f20a3/),
    }),
  );
});

test("a bad signature by the known key is refused, also beside a good one", () => {
  const bad = peterLine.replace("x08go/ZJ", "x08go/ZK");
  const short = `— PeterNeumann ${Buffer.from("c74f20a301", "hex").toString("base64")}\n`;
  for (const lines of [bad, short, peterLine + bad, bad + peterLine, peterLine + short]) {
    expect(() => openNote(`${text}\n${lines}`, peterKey)).toThrow(refused);
  }
  expect(openNote(`${text}\n${peterLine}${peterLine}`, peterKey)).toBe(text);
});

test("a note changed by one bit is refused, and never read as something else", () => {
  const bytes = Buffer.from(note);
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7));
    expect(() => openNote(changed, peterKey)).toThrow(refused);
  }
});

test("notes that aren't exactly in the spec's form are refused", () => {
  for (const malformed of [
    "",
    "\n",
    "\n\n",
    text,
    `${text}\n`,
    `${text}\n${peterLine.slice(0, -1)}`,
    `${text}\n${peterLine}Unexpected line.\n`,
    `${text}\n${peterLine}\n`,
    `${text}\n\n`,
    `\u0001${text}\n${peterLine}`,
    `${text}\t\n\n${peterLine}`,
    note.replaceAll("\n", "\r\n"),
    `${text}\n${peterLine.replace("— ", "- ")}`,
    `${text}\n${peterLine.replace("— ", "—  ")}`,
    `${text}\n${peterLine.replace("PeterNeumann", "Peter Neumann")}`,
    `${text}\n${peterLine.replace("PeterNeumann", "Peter\u00a0Neumann")}`,
    `${text}\n${peterLine.replace("PeterNeumann", "Peter+Neumann")}`,
    `${text}\n${peterLine.replace("PeterNeumann ", " ")}`,
    `${text}\n${peterLine.replace("nAM=\n", "nAM\n")}`,
    `${text}\n${peterLine.replace("nAM=\n", "nAN=\n")}`,
    `${text}\n${peterLine.replace("nAM=\n", "nAM= \n")}`,
    `${text}\n${peterLine.replaceAll("/", "_")}`,
    `${text}\n— PeterNeumann x08gow==\n`,
    `${text}\n— PeterNeumann\n`,
    `${text}\n${peterLine.repeat(101)}`,
    `${"x".repeat(1_000_000)}\n\n${peterLine}`,
    `\uD800${text}\n${peterLine}`,
  ]) {
    expect(() => openNote(malformed, peterKey)).toThrow(refused);
  }
  expect(() => openNote(Buffer.concat([Buffer.of(0xff), Buffer.from(note)]), peterKey)).toThrow(refused);
});

test("a byte order mark is part of the text, not passed over", () => {
  const marked = `\uFEFF${note}`;
  expect(() => openNote(Buffer.from(marked), peterKey)).toThrow(refused);
  expect(parseNote(Buffer.from(marked)).text).toBe(`\uFEFF${text}`);
});

test("the text ends at the last blank line, so that blank lines within it can be signed", () => {
  const peter = makeSigner("PeterNeumann", peterSeed);
  const poem = "one\n\n— not a signature\n\ntwo\n";
  expect(openNote(signNote(poem, peter), peterKey)).toBe(poem);
});

test("what is formatted comes back when it is parsed", () => {
  const line = fc.string({ unit: "grapheme", maxLength: 20 }).filter((one) => !/\p{Cc}/u.test(one));
  const signature = fc.record({
    name: fc.stringMatching(/^[A-Za-z0-9./-]{1,20}$/),
    keyId: fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
    signature: fc.uint8Array({ minLength: 1, maxLength: 90 }).map((bytes) => Buffer.from(bytes)),
  });
  fc.assert(
    fc.property(fc.array(line), fc.array(signature, { minLength: 1, maxLength: 16 }), (lines, signatures) => {
      const whole = { text: `${lines.join("\n")}\n`, signatures };
      expect(parseNote(formatNote(whole))).toEqual(whole);
      expect(parseNote(Buffer.from(formatNote(whole)))).toEqual(whole);
    }),
  );
});

test("no garbage makes the parsers throw anything but a refusal", () => {
  const spliced = fc
    .tuple(fc.nat(note.length), fc.nat(10), fc.string({ unit: "binary", maxLength: 8 }))
    .map(([at, cut, junk]) => note.slice(0, at) + junk + note.slice(at + cut));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), spliced, fc.uint8Array({ maxLength: 300 })), (junk) => {
      try {
        expect(openNote(junk, peterKey)).toBe(text);
      } catch (error) {
        if (!isKilnError(error, "CHECKPOINT_INVALID")) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
