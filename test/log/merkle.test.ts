import * as fc from "fast-check";
import { expect, test } from "vitest";

import {
  type Edge,
  emptyEdge,
  extendEdge,
  leafHash,
  nodeHash,
  rootOf,
  subtreesOf,
  verifyConsistency,
  verifyInclusion,
} from "../../src/log/merkle.ts";
import {
  numberedLeaves,
  referenceConsistency,
  referenceInclusion,
  referenceLeaf,
  referenceRoot,
  sha256,
} from "./reference.ts";

// The vectors of Certificate Transparency's own tests.
const entries = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
].map((hex) => Buffer.from(hex, "hex"));
const roots = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
].map((hex) => Buffer.from(hex, "hex"));
const unhex = (...hashes: string[]) => hashes.map((hash) => Buffer.from(hash, "hex"));

const refused = expect.objectContaining({ code: "PROOF_INVALID", exitStatus: 3 });

/** Runs a check; what it refuses is returned, what it accepts is `undefined`. */
function outcome(check: () => void): unknown {
  try {
    check();
    return undefined;
  } catch (error) {
    return error;
  }
}

test("the roots of Certificate Transparency's vectors come out, leaf by leaf", () => {
  let edge = emptyEdge;
  expect(rootOf(edge)).toEqual(roots[0]);
  for (const [index, entry] of entries.entries()) {
    edge = extendEdge(edge, leafHash(entry));
    expect(edge.size).toBe(index + 1);
    expect(rootOf(edge)).toEqual(roots[index + 1]);
  }
});

test("proofs of Certificate Transparency's vectors are accepted", () => {
  const proof = unhex(
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
  );
  verifyInclusion({ index: 0, size: 8, leaf: leafHash(entries[0]!), proof, root: roots[8]! });
  verifyConsistency({ first: 1, firstRoot: roots[1]!, second: 8, secondRoot: roots[8]!, proof });
  verifyInclusion({
    index: 5,
    size: 8,
    leaf: leafHash(entries[5]!),
    proof: unhex(
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    root: roots[8]!,
  });
  verifyConsistency({
    first: 6,
    firstRoot: roots[6]!,
    second: 8,
    secondRoot: roots[8]!,
    proof: unhex(
      "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
  });
  verifyConsistency({
    first: 2,
    firstRoot: roots[2]!,
    second: 5,
    secondRoot: roots[5]!,
    proof: unhex(
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
  });
});

test("every tree up to 600 leaves has the root that the definition gives, however its leaves arrive", () => {
  const leaves = numberedLeaves(600);
  let edge = emptyEdge;
  for (const [index, leaf] of leaves.entries()) {
    edge = extendEdge(edge, leaf);
    expect(rootOf(edge).equals(referenceRoot(leaves.slice(0, index + 1)))).toBe(true);
  }
  fc.assert(
    fc.property(fc.array(fc.nat(200), { maxLength: 6 }), (steps) => {
      let grown: Edge = emptyEdge;
      for (const step of steps) grown = extendEdge(grown, leaves.slice(grown.size, grown.size + step));
      expect(grown.hashes).toEqual(extendEdge(emptyEdge, leaves.slice(0, grown.size)).hashes);
    }),
  );
});

test("extending an edge leaves the old one as it was", () => {
  const leaves = numberedLeaves(8);
  const old = extendEdge(emptyEdge, leaves.slice(0, 7));
  const kept = [...old.hashes];
  extendEdge(old, leaves[7]!);
  expect(old).toEqual({ size: 7, hashes: kept });
});

test("an append tells every hash that it makes final, once", () => {
  const leaves = numberedLeaves(300);
  const told = new Map<string, Buffer>();
  const onNode = (level: number, index: number, hash: Buffer) => {
    expect(told.has(`${level}/${index}`)).toBe(false);
    told.set(`${level}/${index}`, hash);
  };
  extendEdge(extendEdge(emptyEdge, leaves.slice(0, 77), onNode), leaves.slice(77), onNode);
  let complete = 0;
  for (let level = 0; 2 ** level <= 300; level += 1) {
    for (let index = 0; (index + 1) * 2 ** level <= 300; index += 1, complete += 1) {
      const subtree = leaves.slice(index * 2 ** level, (index + 1) * 2 ** level);
      expect(told.get(`${level}/${index}`)?.equals(referenceRoot(subtree))).toBe(true);
    }
  }
  expect(told.size).toBe(complete);
});

test("leaf hashes are right for every length that comes along, also above what an entry may have", () => {
  for (const length of [0, 1, 31, 64, 65_535, 65_536, 65_537, 200_000, 3, 0]) {
    const entry = Buffer.alloc(length, length % 251);
    expect(leafHash(entry)).toEqual(referenceLeaf(entry));
    expect(leafHash(new Uint8Array(entry))).toEqual(referenceLeaf(entry));
  }
});

test("a node of anything but two hashes is refused rather than filled up with older bytes", () => {
  const [left, right] = numberedLeaves(2);
  expect(nodeHash(left!, right!)).toEqual(sha256(Buffer.of(1), left!, right!));
  for (const wrong of [Buffer.alloc(0), Buffer.alloc(31), Buffer.alloc(33)]) {
    expect(() => nodeHash(wrong, right!)).toThrow(TypeError);
    expect(() => nodeHash(left!, wrong)).toThrow(TypeError);
  }
});

test("an edge that no tree can have is refused, even when its hashes join to the right root", () => {
  const leaves = numberedLeaves(8);
  const halves = [referenceRoot(leaves.slice(0, 4)), referenceRoot(leaves.slice(4))];
  expect(nodeHash(halves[0]!, halves[1]!)).toEqual(referenceRoot(leaves));
  expect(outcome(() => rootOf({ size: 8, hashes: halves }))).toEqual(refused);
  expect(outcome(() => rootOf({ size: 0, hashes: [leaves[0]!] }))).toEqual(refused);
  expect(outcome(() => rootOf({ size: 3, hashes: [leaves[0]!] }))).toEqual(refused);
  expect(outcome(() => rootOf({ size: 1, hashes: [Buffer.alloc(31)] }))).toEqual(refused);
  expect(outcome(() => rootOf({ size: -1, hashes: [] }))).toEqual(refused);
  expect(outcome(() => rootOf({ size: 1.5, hashes: [leaves[0]!] }))).toEqual(refused);
  expect(outcome(() => rootOf({ size: 2 ** 60, hashes: [leaves[0]!] }))).toEqual(refused);
});

test("subtrees of a range follow one another, largest first, up to the largest size there is", () => {
  const size = Number.MAX_SAFE_INTEGER;
  const nodes = subtreesOf(0, size);
  expect(nodes).toHaveLength(53);
  let start = 0;
  for (const { level, index } of nodes) {
    expect(index * 2 ** level).toBe(start);
    start += 2 ** level;
  }
  expect(start).toBe(size);
});

test("every inclusion proof in every tree up to 65 leaves is accepted", () => {
  const leaves = numberedLeaves(65);
  for (let size = 1; size <= leaves.length; size += 1) {
    const tree = leaves.slice(0, size);
    const root = referenceRoot(tree);
    for (const [index, leaf] of tree.entries()) {
      verifyInclusion({ index, size, leaf, proof: referenceInclusion(index, tree), root });
    }
  }
});

test("every consistency proof between trees up to 65 leaves is accepted", () => {
  const leaves = numberedLeaves(65);
  const all = leaves.map((_, index) => referenceRoot(leaves.slice(0, index)));
  for (let second = 1; second < leaves.length; second += 1) {
    for (let first = 1; first <= second; first += 1) {
      const proof = referenceConsistency(first, leaves.slice(0, second));
      verifyConsistency({ first, firstRoot: all[first]!, second, secondRoot: all[second]!, proof });
    }
    verifyConsistency({ first: 0, firstRoot: all[0]!, second, secondRoot: all[second]!, proof: [] });
  }
});

const leaves = numberedLeaves(700);
const someTree = fc
  .integer({ min: 1, max: leaves.length })
  .chain((size) => fc.record({ size: fc.constant(size), index: fc.nat(size - 1) }));

/** All the ways to damage a list of hashes. */
function damaged(proof: readonly Buffer[], { at, bit }: { at: number; bit: number }): Buffer[][] {
  const flip = (hash: Buffer): Buffer => {
    const copy = Buffer.from(hash);
    const byte = Math.floor(bit / 8);
    copy[byte] = copy[byte]! ^ (1 << (bit % 8));
    return copy;
  };
  const place = proof.length === 0 ? 0 : at % proof.length;
  const lists: Buffer[][] = [
    [...proof, leaves[0]!],
    [leaves[0]!, ...proof],
    [...proof, ...proof, leaves[1]!],
    [...proof, Buffer.alloc(0)],
  ];
  if (proof.length > 0) {
    lists.push(
      proof.slice(0, -1),
      proof.slice(1),
      proof.map((hash, position) => (position === place ? flip(hash) : hash)),
      proof.map((hash, position) => (position === place ? hash.subarray(0, 31) : hash)),
      proof.map((hash, position) => (position === place ? Buffer.concat([hash, Buffer.of(0)]) : hash)),
    );
  }
  const reversed = proof.toReversed();
  if (!reversed.every((hash, position) => hash.equals(proof[position]!))) lists.push(reversed);
  return lists;
}

const damage = fc.record({ at: fc.nat(60), bit: fc.nat(255) });

test("an inclusion proof is refused with anything about it changed", () => {
  fc.assert(
    fc.property(someTree, damage, fc.nat(1000), ({ size, index }, how, other) => {
      const tree = leaves.slice(0, size);
      const right = {
        index,
        size,
        leaf: tree[index]!,
        proof: referenceInclusion(index, tree),
        root: referenceRoot(tree),
      };
      verifyInclusion(right);
      for (const proof of damaged(right.proof, how)) {
        expect(outcome(() => verifyInclusion({ ...right, proof }))).toEqual(refused);
      }
      for (const wrong of [other % (size + 3), -1, 0.5, Number.NaN, size, 2 ** 53, index + 2 ** 32]) {
        if (wrong === index) continue;
        expect(outcome(() => verifyInclusion({ ...right, index: wrong }))).toEqual(refused);
      }
      expect(outcome(() => verifyInclusion({ ...right, leaf: leaves[(index + 1) % 700]! }))).toEqual(refused);
      expect(outcome(() => verifyInclusion({ ...right, leaf: right.leaf.subarray(1) }))).toEqual(refused);
      expect(outcome(() => verifyInclusion({ ...right, root: leaves[(index + 1) % 700]! }))).toEqual(refused);
      expect(outcome(() => verifyInclusion({ ...right, root: Buffer.alloc(0) }))).toEqual(refused);
      for (const wrong of [0, -1, Number.NaN, 2 ** 53, size + 0.5, Infinity]) {
        expect(outcome(() => verifyInclusion({ ...right, size: wrong }))).toEqual(refused);
      }
    }),
    { numRuns: 60 },
  );
});

test("an inner node can't pass for a leaf", () => {
  const tree = leaves.slice(0, 4);
  const root = referenceRoot(tree);
  const node = referenceRoot(tree.slice(0, 2));
  const sibling = referenceRoot(tree.slice(2));
  verifyInclusion({ index: 0, size: 2, leaf: node, proof: [sibling], root });
  // Only because the size was the attacker's. With the checkpoint's size there is no such proof, and no entry hashes to it.
  expect(outcome(() => verifyInclusion({ index: 0, size: 4, leaf: node, proof: [sibling], root }))).toEqual(refused);
  const entry = Buffer.concat([tree[0]!, tree[1]!]);
  expect(outcome(() => verifyInclusion({ index: 0, size: 2, leaf: leafHash(entry), proof: [sibling], root }))).toEqual(
    refused,
  );
});

test("a consistency proof is refused with anything about it changed", () => {
  const pair = fc
    .integer({ min: 1, max: leaves.length })
    .chain((second) => fc.record({ second: fc.constant(second), first: fc.integer({ min: 1, max: second }) }));
  fc.assert(
    fc.property(pair, damage, ({ first, second }, how) => {
      const tree = leaves.slice(0, second);
      const right = {
        first,
        firstRoot: referenceRoot(tree.slice(0, first)),
        second,
        secondRoot: referenceRoot(tree),
        proof: referenceConsistency(first, tree),
      };
      verifyConsistency(right);
      for (const proof of damaged(right.proof, how)) {
        expect(outcome(() => verifyConsistency({ ...right, proof }))).toEqual(refused);
      }
      const forked = referenceRoot([...tree.slice(0, first - 1), referenceLeaf(Buffer.from("another"))]);
      expect(outcome(() => verifyConsistency({ ...right, firstRoot: forked }))).toEqual(refused);
      expect(outcome(() => verifyConsistency({ ...right, secondRoot: forked }))).toEqual(refused);
      expect(outcome(() => verifyConsistency({ ...right, firstRoot: right.firstRoot.subarray(1) }))).toEqual(refused);
      for (const wrong of [second + 1, -1, 0.5, Number.NaN, 2 ** 53]) {
        expect(outcome(() => verifyConsistency({ ...right, first: wrong }))).toEqual(refused);
      }
      for (const wrong of [first - 1, -1, Number.NaN, 2 ** 53, second + 0.5]) {
        expect(outcome(() => verifyConsistency({ ...right, second: wrong }))).toEqual(refused);
      }
      if (first > 1) {
        expect(outcome(() => verifyConsistency({ ...right, first: 0 }))).toEqual(refused);
      }
    }),
    { numRuns: 60 },
  );
});

test("from the empty tree every tree is consistent, without a proof and with the empty tree's root only", () => {
  const secondRoot = referenceRoot(leaves);
  const right = { first: 0, firstRoot: sha256(), second: 700, secondRoot, proof: [] };
  verifyConsistency(right);
  verifyConsistency({ ...right, second: 0, secondRoot: sha256() });
  expect(outcome(() => verifyConsistency({ ...right, firstRoot: secondRoot }))).toEqual(refused);
  expect(outcome(() => verifyConsistency({ ...right, proof: [secondRoot] }))).toEqual(refused);
  expect(outcome(() => verifyConsistency({ ...right, second: 0 }))).toEqual(refused);
});

test("no garbage makes a check throw anything but a refusal", () => {
  const hash = fc.uint8Array({ minLength: 0, maxLength: 34 });
  const count = fc.oneof(fc.nat(20), fc.double(), fc.maxSafeInteger());
  fc.assert(
    fc.property(count, count, hash, hash, fc.array(hash, { maxLength: 70 }), (a, b, one, two, proof) => {
      const inclusion = outcome(() => verifyInclusion({ index: a, size: b, leaf: one, proof, root: two }));
      expect([undefined, refused]).toContainEqual(inclusion);
      const consistency = outcome(() =>
        verifyConsistency({ first: a, firstRoot: one, second: b, secondRoot: two, proof }),
      );
      expect([undefined, refused]).toContainEqual(consistency);
    }),
  );
});
