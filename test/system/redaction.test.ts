import fc from "fast-check";
import { expect, test } from "vitest";

import { createRedaction } from "../../src/system/redaction.ts";

function redacted(secret: string, text: string): string {
  const redaction = createRedaction();
  redaction.add(secret);
  return redaction.apply(text);
}

const secret = "a long token/with+signs & more of it, 0123456789 abcdefghijklmnopqrstuvwxyz";
const bytes = Buffer.from(secret);

test.each([
  ["itself", secret],
  ["base64", bytes.toString("base64")],
  ["base64url", bytes.toString("base64url")],
  ["hex", bytes.toString("hex")],
  ["upper-case hex", bytes.toString("hex").toUpperCase()],
  ["percent-encoded", encodeURIComponent(secret)],
])("a secret as %s is replaced whole", (_, form) => {
  expect(redacted(secret, `<${form}>`)).toMatch(/^<\*\*\*=*>$/);
});

test("the lines into which programs break an encoding are replaced one by one", () => {
  for (const [width, form] of [
    [76, bytes.toString("base64")],
    [60, bytes.toString("hex")],
  ] as const) {
    for (const line of form.match(new RegExp(`.{1,${width}}`, "g")) ?? []) {
      expect(redacted(secret, line)).toMatch(/^\*\*\*=*$/);
    }
  }
});

test("in the base64 of something longer at most the edges of a secret are left", () => {
  const text = fc.string({ unit: "binary", maxLength: 20 });
  fc.assert(
    fc.property(text, fc.string({ unit: "grapheme", minLength: 12, maxLength: 60 }), text, (before, inner, after) => {
      const encoded = Buffer.from(before + inner + after).toString("base64");
      const plain = Buffer.from(redacted(inner, encoded).replaceAll("***", ""), "base64").toString("utf8");
      return !plain.includes(inner.trim() || inner);
    }),
  );
});

test("each line of a secret that has several is replaced, and what is too short to be one isn't", () => {
  expect(redacted("first line\n  second line\r\nx", "first line, second line, x")).toBe("***, ***, x");
  expect(redacted("abc", "abc")).toBe("abc");
});
