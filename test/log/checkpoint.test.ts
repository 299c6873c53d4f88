import { randomBytes } from "node:crypto";

import * as fc from "fast-check";
import { expect, test } from "vitest";

import { isKilnError } from "../../src/errors.ts";
import { openCheckpoint, readCheckpoint, signCheckpoint } from "../../src/log/checkpoint.ts";
import { emptyRoot } from "../../src/log/merkle.ts";
import { signNote } from "../../src/log/note.ts";
import { makeShelf } from "./shelf.ts";
import { makeSigner } from "./signer.ts";

const signer = makeSigner("log.example", Buffer.alloc(32, 1));
const log = { origin: "log.example", vkey: signer.vkey };
const root = Buffer.alloc(32, 5);
const refused = expect.objectContaining({ code: "CHECKPOINT_INVALID", exitStatus: 3 });

test("checkpoints that a public log signed and a witness cosigned are accepted", () => {
  const go = {
    origin: "go.sum database tree",
    vkey: "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
  };
  const plain = `go.sum database tree
65209736
5+uGFjx6xBZG8ip1+wi77v+grwbhhukIrxEUS8PXvRo=

— sum.golang.org Az3grnbssgK7ubgFX36gVETtNv0U23qxyAhAMai2QUfeGa3nB/akvkMdlUErfcZz7l/R3cVtYspg3dxXABkGZZKdsQ8=
`;
  expect(openCheckpoint(plain, go)).toEqual({
    origin: "go.sum database tree",
    size: 65_209_736,
    root: Buffer.from("5+uGFjx6xBZG8ip1+wi77v+grwbhhukIrxEUS8PXvRo=", "base64"),
    note: plain,
  });
  const cosigned = `go.sum database tree
15067302
gJyioq6dwR9n+NjEWORfYmH+ubeYm3kH42BBQ0bTpYI=

— sum.golang.org Az3grp1rvWOs5NKlr/xR4GLN/CDyzzakmt1o61uSxYKpK1SerqOP2ClbX/peKUZjYnyomH5Xz7GZG3TpB7OeKn4E2ww=
— test.example.com qTGhC/xIPQ0AXKHK6Y+9ypRfuvMZWPjRXM8NiOg5M1WREn07VQXyuIXM3NRNav3ieVFLUqDRK77PWDmL6w8w84UqeAw=
`;
  expect(openCheckpoint(Buffer.from(cosigned), go)).toMatchObject({ size: 15_067_302, note: cosigned });
  expect(() => openCheckpoint(plain.replace("65209736", "65209737"), go)).toThrow(refused);
  expect(() => openCheckpoint(plain, { ...go, origin: "sum.golang.org" })).toThrow(refused);
  expect(() => openCheckpoint(plain, { ...go, vkey: signer.vkey })).toThrow(refused);
});

test("a signed checkpoint has the spec's text and opens again", () => {
  const checkpoint = signCheckpoint({ origin: "log.example", size: 70_000, root }, signer);
  expect(checkpoint.note.startsWith(`log.example\n70000\n${root.toString("base64")}\n\n— log.example `)).toBe(true);
  expect(openCheckpoint(checkpoint.note, log)).toEqual(checkpoint);
  expect(openCheckpoint(Buffer.from(checkpoint.note), log)).toEqual(checkpoint);
  const largest = signCheckpoint({ origin: "log.example", size: Number.MAX_SAFE_INTEGER, root }, signer);
  expect(largest.size).toBe(Number.MAX_SAFE_INTEGER);
  expect(signCheckpoint({ origin: "log.example", size: 0, root: emptyRoot }, signer).size).toBe(0);
});

test("a checkpoint that its own key doesn't verify is never returned by signing", () => {
  const tree = { origin: "log.example", size: 1, root };
  const other = makeSigner("log.example", Buffer.alloc(32, 2));
  expect(() => signCheckpoint(tree, { ...signer, sign: other.sign })).toThrow(refused);
  expect(() => signCheckpoint(tree, { ...signer, sign: () => new Uint8Array(0) })).toThrow(refused);
  expect(() => signCheckpoint(tree, { ...signer, name: "other.example" })).toThrow(refused);
  for (const wrong of [
    { ...tree, size: -1 },
    { ...tree, size: 0.5 },
    { ...tree, size: 2 ** 53 },
    { ...tree, root: root.subarray(1) },
    { ...tree, origin: "a\nb" },
    { ...tree, origin: "" },
    { ...tree, size: 0 },
  ]) {
    expect(() => signCheckpoint(wrong, signer)).toThrow(refused);
  }
});

test("a signed note that isn't a checkpoint of this log is refused", () => {
  const hash = root.toString("base64");
  for (const text of [
    "\n",
    "log.example\n",
    "log.example\n5\n",
    `log.example\n5\n\n`,
    `other.example\n5\n${hash}\n`,
    `log.example/x\n5\n${hash}\n`,
    `log.example \n5\n${hash}\n`,
    `\nlog.example\n5\n${hash}\n`,
    ...["", "05", "-5", "+5", "5.0", "5 ", " 5", "0x5", "5e0", "٥", "9007199254740992", "1".repeat(400)].map(
      (size) => `log.example\n${size}\n${hash}\n`,
    ),
    `log.example\n5\n${hash.slice(0, -1)}\n`,
    `log.example\n5\n${hash} \n`,
    `log.example\n5\n${root.toString("hex")}\n`,
    `log.example\n5\n${Buffer.alloc(31).toString("base64")}\n`,
    `log.example\n5\n${Buffer.alloc(33).toString("base64")}\n`,
    `log.example\n0\n${hash}\n`,
    `log.example\n5\n${hash}\n\nmore\n`,
  ]) {
    expect(() => openCheckpoint(signNote(text, signer), log)).toThrow(refused);
  }
});

test("extension lines are allowed, as the spec says, and kept in the note", () => {
  const note = signNote(`log.example\n5\n${root.toString("base64")}\nextension\n`, signer);
  expect(openCheckpoint(note, log)).toEqual({ origin: "log.example", size: 5, root, note });
});

test("a checkpoint with any byte changed is refused", () => {
  const note = Buffer.from(signCheckpoint({ origin: "log.example", size: 123, root }, signer).note);
  for (let at = 0; at < note.length; at += 1) {
    const changed = Buffer.from(note);
    changed[at] = changed[at]! ^ 1;
    expect(() => openCheckpoint(changed, log)).toThrow(refused);
  }
});

test("no signed text makes opening throw anything but a refusal", () => {
  const line = fc.oneof(fc.constantFrom("log.example", "5", "0", "", root.toString("base64")), fc.string());
  fc.assert(
    fc.property(fc.array(line, { maxLength: 5 }), (lines) => {
      try {
        const opened = openCheckpoint(signNote(`${lines.join("\n")}\n`, signer), log);
        expect(opened.origin).toBe("log.example");
      } catch (error) {
        if (!isKilnError(error, "CHECKPOINT_INVALID")) throw error;
      }
    }),
  );
});

test("a store's checkpoint is read, and absent, oversized and foreign ones are told apart", async () => {
  const shelf = makeShelf();
  await expect(readCheckpoint(shelf, log)).rejects.toThrow(expect.objectContaining({ code: "STORE_NOT_FOUND" }));
  const checkpoint = signCheckpoint({ origin: "log.example", size: 9, root }, signer);
  shelf.objects.set("log/checkpoint", Buffer.from(checkpoint.note));
  expect(await readCheckpoint(shelf, log)).toEqual(checkpoint);
  await expect(readCheckpoint(shelf, { ...log, origin: "other.example" })).rejects.toThrow(refused);
  shelf.objects.set("log/checkpoint", randomBytes(200));
  await expect(readCheckpoint(shelf, log)).rejects.toThrow(refused);
  shelf.objects.set("log/checkpoint", Buffer.alloc(2_000_000, "a"));
  await expect(readCheckpoint(shelf, log)).rejects.toThrow(expect.objectContaining({ code: "STORE_CORRUPT" }));
});
