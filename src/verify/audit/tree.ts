// The log's tree, rebuilt and held whole: 64 bytes a leaf, in memory that threads share. Every proof and every older root
// that a document in the store claims is compared with it.

import { type Edge, hashSize, nodeHash, type Node, rootOf, subtreesOf } from "../../log/merkle.ts";
import type { HashReader } from "../../log/proof.ts";

export interface Tree {
  /** Leaves. */
  readonly size: number;
  /** The hashes level by level, each level's complete subtrees in order. */
  readonly hashes: SharedArrayBuffer;
}

/** Room for a tree of `size` leaves; set its leaves, then `completeTree`. */
export function emptyTree(size: number): Tree {
  return { size, hashes: new SharedArrayBuffer(levelStart(size, Infinity) * hashSize) };
}

export function setLeaf(tree: Tree, index: number, leaf: Uint8Array): void {
  viewOf(tree).set(leaf, index * hashSize);
}

/** Hashes everything above the leaves. */
export function completeTree(tree: Tree): void {
  const view = viewOf(tree);
  for (let level = 1, count = half(tree.size); count > 0; level += 1, count = half(count)) {
    const below = levelStart(tree.size, level - 1) * hashSize;
    const start = levelStart(tree.size, level) * hashSize;
    for (let index = 0; index < count; index += 1) {
      const left = below + 2 * index * hashSize;
      const parent = nodeHash(
        view.subarray(left, left + hashSize),
        view.subarray(left + hashSize, left + 2 * hashSize),
      );
      view.set(parent, start + index * hashSize);
    }
  }
}

/** The hash of a complete subtree: part of the tree's memory. */
export function nodeIn(tree: Tree, { level, index }: Node): Buffer {
  const at = (levelStart(tree.size, level) + index) * hashSize;
  return viewOf(tree).subarray(at, at + hashSize);
}

/** The `width` hashes from `index` on of a level. */
export function rowIn(tree: Tree, { level, index }: Node, width: number): Buffer {
  const at = (levelStart(tree.size, level) + index) * hashSize;
  return viewOf(tree).subarray(at, at + width * hashSize);
}

/** The root of the tree when it had `size` leaves. */
export function rootAt(tree: Tree, size: number): Buffer {
  const edge: Edge = { size, hashes: subtreesOf(0, size).map((node) => nodeIn(tree, node)) };
  return rootOf(edge);
}

/** Reads hashes for `inclusionProof` and `consistencyProof`. */
export function treeReader(tree: Tree): HashReader {
  return async (nodes) => nodes.map((node) => nodeIn(tree, node));
}

const views = new WeakMap<SharedArrayBuffer, Buffer>();

function viewOf({ hashes }: Tree): Buffer {
  let view = views.get(hashes);
  if (view === undefined) {
    view = Buffer.from(hashes);
    views.set(hashes, view);
  }
  return view;
}

/** How many hashes lie before those of `level`. */
function levelStart(size: number, level: number): number {
  let start = 0;
  for (let below = 0, count = size; below < level && count > 0; below += 1, count = half(count)) start += count;
  return start;
}

function half(count: number): number {
  return Math.floor(count / 2);
}
