// The Merkle tree of the log (RFC 6962, section 2.1): hashes, the edge from which a tree grows, and the checks of proofs.
// An edge is a tree's compact range: the roots of its maximal complete subtrees, largest first, one for each bit of its size.
// Sizes and indexes go up to 2^53 - 1, so there is no 32-bit arithmetic here. Whatever is checked throws; nothing returns a boolean.

import { hash } from "node:crypto";

import { KilnError } from "../errors.ts";

/** Bytes of a hash. */
export const hashSize = 32;

/** The root of the tree without leaves: SHA-256 of nothing. */
export const emptyRoot: Buffer = hash("sha256", "", "buffer");

export interface Edge {
  /** Leaves. */
  readonly size: number;
  readonly hashes: readonly Buffer[];
}

export const emptyEdge: Edge = { size: 0, hashes: [] };

/** The complete subtree of 2^level leaves that starts at leaf index · 2^level. */
export interface Node {
  readonly level: number;
  readonly index: number;
}

// What is hashed is put together in these: every audit runs once per leaf and once per node through here, and with a reused
// input and the digest as a string that is three times as fast as with a Hash object and a Buffer each. Nobody can see them
// half-filled: nothing that uses them waits.
const leafInput = Buffer.alloc(1 + 65_536);
const nodeInput = Buffer.alloc(1 + 2 * hashSize);
leafInput[0] = 0;
nodeInput[0] = 1;

/** SHA-256(0x00 ‖ entry). */
export function leafHash(entry: Uint8Array): Buffer {
  const length = 1 + entry.length;
  const input = length <= leafInput.length ? leafInput.subarray(0, length) : Buffer.alloc(length);
  input.set(entry, 1);
  return digest(input);
}

/** SHA-256(0x01 ‖ left ‖ right); both are 32 bytes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  // A shorter one would be hashed with what an earlier call left behind it.
  if (left.length !== hashSize || right.length !== hashSize) {
    throw new TypeError(`a node of hashes of ${left.length} and ${right.length} bytes`);
  }
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + hashSize);
  return digest(nodeInput);
}

function digest(input: Uint8Array): Buffer {
  return Buffer.from(hash("sha256", input, "binary"), "binary");
}

/**
 * The edge of the tree with one leaf hash, or several, after those of `edge`. `onNode` is told each hash that is final
 * from now on: the leaves themselves (level 0) and every subtree that they complete.
 */
export function extendEdge(
  edge: Edge,
  leafHashes: Buffer | readonly Buffer[],
  onNode?: (level: number, index: number, hash: Buffer) => void,
): Edge {
  const hashes = [...edge.hashes];
  let size = edge.size;
  for (const leaf of Buffer.isBuffer(leafHashes) ? [leafHashes] : leafHashes) {
    let node = leaf;
    let index = size;
    onNode?.(0, index, node);
    for (let level = 1; index % 2 === 1; level += 1) {
      const left = hashes.pop();
      if (left === undefined) throw new TypeError(`an edge of ${edge.hashes.length} hashes for ${edge.size} leaves`);
      node = nodeHash(left, node);
      index = half(index);
      onNode?.(level, index, node);
    }
    hashes.push(node);
    size += 1;
  }
  return { size, hashes };
}

/** The root of the tree that has this edge. Throws PROOF_INVALID when no tree can have it: the edge of a store is anybody's. */
export function rootOf(edge: Edge): Buffer {
  const want = subtreesOf(0, edge.size).length;
  if (!isCount(edge.size) || edge.hashes.length !== want || edge.hashes.some((node) => node.length !== hashSize)) {
    const got = `${edge.hashes.length} hashes of ${edge.hashes.map((node) => node.length).join(", ")} bytes`;
    throw new KilnError("PROOF_INVALID", `edge of ${edge.size} leaves: got ${got}, want ${want} of ${hashSize}`);
  }
  return edge.size === 0 ? emptyRoot : joinSubtrees(edge.hashes);
}

/**
 * The complete subtrees that make up the leaves [begin, end), largest first. `begin` is a multiple of the first one's
 * width, as it is for every range that a tree or a proof splits into.
 */
export function subtreesOf(begin: number, end: number): Node[] {
  const nodes: Node[] = [];
  let start = begin;
  let width = 2 ** 53;
  for (let level = 53; level >= 0; level -= 1, width /= 2) {
    if (end - start < width) continue;
    nodes.push({ level, index: start / width });
    start += width;
  }
  return nodes;
}

/** The root over complete subtrees that follow one another, largest first; there is at least one. */
export function joinSubtrees(hashes: readonly Buffer[]): Buffer {
  return hashes.reduceRight((right, left) => nodeHash(left, right));
}

export interface Inclusion {
  /** Of the leaf, from 0. */
  readonly index: number;
  /** Of the tree, in leaves. */
  readonly size: number;
  /** The leaf's hash. */
  readonly leaf: Uint8Array;
  /** From the leaf's sibling up. */
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** Checks that the leaf is in the tree, at that index (RFC 9162, section 2.1.3.2). Throws PROOF_INVALID. */
export function verifyInclusion({ index, size, leaf, proof, root }: Inclusion): void {
  const refuse = refusal(`inclusion of leaf ${index} in the tree of ${size}`);
  if (!isCount(index) || !isCount(size) || index >= size) throw refuse("got an index outside of the tree");
  if (![leaf, ...proof].every(isHash)) throw refuse("got a hash that isn't of 32 bytes");
  let node = leaf;
  let position = index;
  let last = size - 1;
  for (const sibling of proof) {
    if (last === 0) throw refuse(`got ${proof.length} hashes, want fewer`);
    if (position % 2 === 1 || position === last) {
      node = nodeHash(sibling, node);
      // On the right border a subtree without a sibling goes up as it is.
      while (position % 2 === 0 && position !== 0) [position, last] = [half(position), half(last)];
    } else {
      node = nodeHash(node, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  if (last !== 0) throw refuse(`got ${proof.length} hashes, want more`);
  if (!isSame(node, root)) throw refuse(`got root ${hex(node)}, want ${hex(root)}`);
}

export interface Consistency {
  /** Size of the older tree, in leaves. */
  readonly first: number;
  readonly firstRoot: Uint8Array;
  /** Size of the newer tree. */
  readonly second: number;
  readonly secondRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Checks that the newer tree only added leaves to the older one (RFC 9162, section 2.1.4.2). Throws PROOF_INVALID. */
export function verifyConsistency({ first, firstRoot, second, secondRoot, proof }: Consistency): void {
  const refuse = refusal(`consistency of the tree of ${first} with the tree of ${second}`);
  if (!isCount(first) || !isCount(second) || first > second) throw refuse("got sizes that shrink");
  if (![firstRoot, secondRoot, ...proof].every(isHash)) throw refuse("got a hash that isn't of 32 bytes");
  if (first === 0 && !isSame(firstRoot, emptyRoot)) throw refuse(`got ${hex(firstRoot)} as the empty tree's root`);
  if (first === second && !isSame(firstRoot, secondRoot)) {
    throw refuse(`got roots ${hex(firstRoot)} and ${hex(secondRoot)}, want the same`);
  }
  if (first === 0 || first === second) {
    if (proof.length > 0) throw refuse(`got ${proof.length} hashes, want none`);
    return;
  }
  // Both roots are rebuilt from the largest subtree that ends where the older tree ends.
  let position = first - 1;
  let last = second - 1;
  while (position % 2 === 1) [position, last] = [half(position), half(last)];
  // When that is the whole older tree, the proof leaves it out.
  const [start, ...rest] = position === 0 ? [firstRoot, ...proof] : proof;
  if (start === undefined) throw refuse("got no hashes, want more");
  let older = start;
  let newer = start;
  for (const sibling of rest) {
    if (last === 0) throw refuse(`got ${proof.length} hashes, want fewer`);
    if (position % 2 === 1 || position === last) {
      older = nodeHash(sibling, older);
      newer = nodeHash(sibling, newer);
      while (position % 2 === 0 && position !== 0) [position, last] = [half(position), half(last)];
    } else {
      newer = nodeHash(newer, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  if (last !== 0) throw refuse(`got ${proof.length} hashes, want more`);
  if (!isSame(older, firstRoot)) throw refuse(`got older root ${hex(older)}, want ${hex(firstRoot)}`);
  if (!isSame(newer, secondRoot)) throw refuse(`got newer root ${hex(newer)}, want ${hex(secondRoot)}`);
}

function refusal(what: string): (problem: string) => KilnError {
  return (problem) => new KilnError("PROOF_INVALID", `${what}: ${problem}`);
}

function half(count: number): number {
  return Math.floor(count / 2);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isHash(value: Uint8Array): boolean {
  return value.length === hashSize;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString("hex");
}
