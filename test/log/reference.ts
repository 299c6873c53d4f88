// The definitions of RFC 6962, section 2.1, written down as they stand there: slow, recursive, and what the log's own
// code is compared with.

import { createHash } from "node:crypto";

export function sha256(...parts: Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function referenceLeaf(entry: Uint8Array): Buffer {
  return sha256(Buffer.of(0), entry);
}

/** MTH over leaf hashes. */
export function referenceRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0]!;
  const k = largestPowerBelow(leaves.length);
  return sha256(Buffer.of(1), referenceRoot(leaves.slice(0, k)), referenceRoot(leaves.slice(k)));
}

/** PATH(m, D[n]). */
export function referenceInclusion(m: number, leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length === 1) return [];
  const k = largestPowerBelow(leaves.length);
  return m < k
    ? [...referenceInclusion(m, leaves.slice(0, k)), referenceRoot(leaves.slice(k))]
    : [...referenceInclusion(m - k, leaves.slice(k)), referenceRoot(leaves.slice(0, k))];
}

/** PROOF(m, D[n]), 0 < m. */
export function referenceConsistency(m: number, leaves: readonly Buffer[]): Buffer[] {
  return subproof(m, leaves, "whole");
}

function subproof(m: number, leaves: readonly Buffer[], part: "whole" | "rest"): Buffer[] {
  if (m === leaves.length) return part === "whole" ? [] : [referenceRoot(leaves)];
  const k = largestPowerBelow(leaves.length);
  return m <= k
    ? [...subproof(m, leaves.slice(0, k), part), referenceRoot(leaves.slice(k))]
    : [...subproof(m - k, leaves.slice(k), "rest"), referenceRoot(leaves.slice(0, k))];
}

function largestPowerBelow(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** Leaf hashes that are all different and the same in every run. */
export function numberedLeaves(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => referenceLeaf(Buffer.from(`entry ${index}`)));
}
