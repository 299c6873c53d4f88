import * as fc from "fast-check";
import { expect, test } from "vitest";

import { isKilnError } from "../../src/errors.ts";
import { type Node, nodeHash, rootOf, verifyConsistency, verifyInclusion } from "../../src/log/merkle.ts";
import { consistencyProof, formatProof, type HashReader, inclusionProof, parseProof } from "../../src/log/proof.ts";
import { edgeAt } from "../../src/log/tiles.ts";
import { numberedLeaves, referenceConsistency, referenceInclusion, referenceRoot, sha256 } from "./reference.ts";

const leaves = numberedLeaves(400);
const subtrees = new Map<string, Buffer>();

/** Reads hashes of complete subtrees below `size`, as the definition gives them. */
function readerOf(size: number): HashReader {
  return async (nodes) =>
    nodes.map(({ level, index }) => {
      const [begin, end] = [index * 2 ** level, (index + 1) * 2 ** level];
      if (!Number.isInteger(index) || end > size) throw new Error(`${level}/${index} isn't complete in ${size}`);
      const known = subtrees.get(`${level}/${index}`) ?? referenceRoot(leaves.slice(begin, end));
      subtrees.set(`${level}/${index}`, known);
      return known;
    });
}

test("every inclusion proof in trees up to 70 leaves, and around 256, is the one that the definition gives", async () => {
  for (const size of [...Array(70).keys(), 254, 255, 256, 257, 258, 383].map((n) => n + 1)) {
    const tree = leaves.slice(0, size);
    const step = size > 71 ? 13 : 1;
    for (let index = size > 71 ? size % step : 0; index < size; index += step) {
      expect(await inclusionProof({ index, size }, readerOf(size))).toEqual(referenceInclusion(index, tree));
    }
  }
});

test("every consistency proof between trees up to 70 leaves, and around 256, is the one that the definition gives", async () => {
  for (const second of [...Array(70).keys(), 254, 255, 256, 257, 383].map((n) => n + 1)) {
    const tree = leaves.slice(0, second);
    for (let first = 1; first <= second; first += second > 71 ? 17 : 1) {
      expect(await consistencyProof({ first, second }, readerOf(second))).toEqual(referenceConsistency(first, tree));
    }
    expect(await consistencyProof({ first: second, second }, readerOf(second))).toEqual([]);
    expect(await consistencyProof({ first: 0, second }, readerOf(second))).toEqual([]);
  }
});

test("a proof asks for its hashes in one request", async () => {
  let requests = 0;
  const read: HashReader = async (nodes) => {
    requests += 1;
    return readerOf(300)(nodes);
  };
  await inclusionProof({ index: 3, size: 300 }, read);
  await consistencyProof({ first: 129, second: 300 }, read);
  expect(requests).toBe(2);
});

test("an index outside of the tree, or sizes that shrink, are a caller's fault", async () => {
  const read = readerOf(10);
  for (const index of [-1, 10, Number.NaN]) {
    await expect(inclusionProof({ index, size: 10 }, read)).rejects.toThrow(RangeError);
  }
  await expect(consistencyProof({ first: 11, second: 10 }, read)).rejects.toThrow(RangeError);
  await expect(consistencyProof({ first: -1, second: 10 }, read)).rejects.toThrow(RangeError);
});

test("proofs are right in trees of up to 2^53 - 1 leaves", async () => {
  // Leaves that are all alike make every complete subtree of a level alike.
  const level: Buffer[] = [leaves[0]!];
  while (level.length < 53) level.push(nodeHash(level.at(-1)!, level.at(-1)!));
  const read = async (nodes: readonly Node[]) => nodes.map((node) => level[node.level]!);
  const size = fc.oneof(
    fc.maxSafeNat(),
    fc.integer({ min: -5, max: 5 }).map((n) => 2 ** 52 + n),
    fc.constant(2 ** 53 - 1),
  );
  await fc.assert(
    fc.asyncProperty(size, size, async (a, b) => {
      const [first, second] = [Math.max(Math.min(a, b), 1), Math.max(a, b, 1)];
      const root = rootOf(await edgeAt(second, read));
      const index = Math.min(first, second - 1);
      const proof = await inclusionProof({ index, size: second }, read);
      verifyInclusion({ index, size: second, leaf: level[0]!, proof, root });
      const firstRoot = rootOf(await edgeAt(first, read));
      const consistency = await consistencyProof({ first, second }, read);
      verifyConsistency({ first, firstRoot, second, secondRoot: root, proof: consistency });
      expect(() =>
        verifyConsistency({ first, firstRoot, second, secondRoot: sha256(root), proof: consistency }),
      ).toThrow(expect.objectContaining({ code: "PROOF_INVALID" }));
    }),
  );
});

const checkpoint = "log.example\n5\nroot\n\n— log.example sig\n";

test("a proof file has the spec's form", () => {
  const text = formatProof({ index: 73894, hashes: leaves.slice(0, 2), checkpoint });
  expect(text).toBe(
    `c2sp.org/tlog-proof@v1
index 73894
${leaves[0]!.toString("base64")}
${leaves[1]!.toString("base64")}

${checkpoint}`,
  );
  expect(formatProof({ index: 0, hashes: [], checkpoint })).toBe(`c2sp.org/tlog-proof@v1\nindex 0\n\n${checkpoint}`);
});

test("what is formatted comes back when it is parsed", () => {
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.array(hash, { maxLength: 53 }), fc.string(), (index, hashes, note) => {
      expect(parseProof(formatProof({ index, hashes, checkpoint: note }))).toEqual({ index, hashes, checkpoint: note });
    }),
  );
});

test("extra data in a proof file is passed over", () => {
  const text = `c2sp.org/tlog-proof@v1\nextra aGVsbG8=\nindex 3\n\n${checkpoint}`;
  expect(parseProof(text)).toEqual({ index: 3, hashes: [], checkpoint });
});

test("a proof file that isn't exactly in the spec's form is refused", () => {
  const hash = leaves[0]!.toString("base64");
  const vectors = [
    "",
    "\n\n",
    "c2sp.org/tlog-proof@v1\nindex 0\n",
    `c2sp.org/tlog-proof@v2\nindex 0\n\n${checkpoint}`,
    `c2sp.org/tlog-proof@v1\n\n${checkpoint}`,
    `c2sp.org/tlog-proof@v1\r\nindex 0\r\n\r\n${checkpoint}`,
    ...["-1", "01", "1.0", "1e3", " 1", "1 ", "", "9007199254740992", "0x10", "10000000000000000000"].map(
      (index) => `c2sp.org/tlog-proof@v1\nindex ${index}\n\n${checkpoint}`,
    ),
    `c2sp.org/tlog-proof@v1\nindex 0\nindex 0\n\n${checkpoint}`,
    `c2sp.org/tlog-proof@v1\nindex 0\nextra aGVsbG8=\n\n${checkpoint}`,
    `c2sp.org/tlog-proof@v1\nextra ?\nindex 0\n\n${checkpoint}`,
    `c2sp.org/tlog-proof@v1\nindex 0\n${hash.slice(0, -1)}\n\n${checkpoint}`,
    `c2sp.org/tlog-proof@v1\nindex 0\n${hash} \n\n${checkpoint}`,
    `c2sp.org/tlog-proof@v1\nindex 0\n${Buffer.alloc(33).toString("base64")}\n\n${checkpoint}`,
    `c2sp.org/tlog-proof@v1\nindex 0\n${`${hash}\n`.repeat(65)}\n${checkpoint}`,
  ];
  for (const text of vectors) {
    expect(() => parseProof(text)).toThrow(expect.objectContaining({ code: "PROOF_INVALID" }));
  }
});

test("no garbage makes the parser throw anything but a refusal", () => {
  const good = formatProof({ index: 7, hashes: leaves.slice(0, 3), checkpoint });
  const spliced = fc
    .tuple(fc.nat(good.length), fc.nat(10), fc.string({ unit: "binary", maxLength: 8 }))
    .map(([at, cut, text]) => good.slice(0, at) + text + good.slice(at + cut));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), spliced), (text) => {
      try {
        expect(formatProof(parseProof(text))).toBe(text);
      } catch (error) {
        if (!isKilnError(error, "PROOF_INVALID")) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
