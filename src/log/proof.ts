// Proofs: which stored hashes an inclusion or consistency proof is made of (RFC 6962, sections 2.1.1 and 2.1.2), and the
// `.tlog-proof` text that carries one with its checkpoint (C2SP tlog-proof).
// Only complete subtrees are ever stored; the ragged right side of a tree is joined from them, so a stored hash never changes.

import { KilnError } from "../errors.ts";
import { type Edge, hashSize, joinSubtrees, type Node, subtreesOf } from "./merkle.ts";
import { decodeBase64, parseCount } from "./text.ts";

/** Fetches the hashes of complete subtrees, in the order asked for. */
export type HashReader = (nodes: readonly Node[]) => Promise<readonly Buffer[]>;

/** Reads what lies in the edge of the tree before an append from there: the left side of every proof of a new leaf. */
export function knowing({ size, hashes }: Edge, read: HashReader): HashReader {
  const known = new Map(subtreesOf(0, size).map(({ level, index }, at) => [`${level}/${index}`, hashes[at] as Buffer]));
  return async (nodes) => {
    const inEdge = ({ level, index }: Node) => known.get(`${level}/${index}`);
    const missing = await read(nodes.filter((node) => inEdge(node) === undefined));
    let taken = 0;
    return nodes.map((node) => inEdge(node) ?? (missing[taken++] as Buffer));
  };
}

interface Range {
  readonly begin: number;
  readonly end: number;
}

/** The proof that leaf `index` is in the tree of `size`, from its sibling up. Throws what `read` throws. */
export async function inclusionProof(of: { index: number; size: number }, read: HashReader): Promise<Buffer[]> {
  const { index, size } = of;
  if (!(index >= 0 && index < size)) throw new RangeError(`leaf ${index} of a tree of ${size}`);
  const siblings: Range[] = [];
  let [begin, end] = [0, size];
  while (end - begin > 1) {
    const middle = split(begin, end);
    if (index < middle) {
      siblings.unshift({ begin: middle, end });
      end = middle;
    } else {
      siblings.unshift({ begin, end: middle });
      begin = middle;
    }
  }
  return rootsOf(siblings, read);
}

/** The proof that the tree of `second` leaves grew from the tree of `first`. Throws what `read` throws. */
export async function consistencyProof(of: { first: number; second: number }, read: HashReader): Promise<Buffer[]> {
  const { first, second } = of;
  if (!(first >= 0 && first <= second)) throw new RangeError(`a tree of ${first} before a tree of ${second}`);
  if (first === 0) return [];
  const siblings: Range[] = [];
  let [begin, end] = [0, second];
  while (first < end) {
    const middle = split(begin, end);
    if (first <= middle) {
      siblings.unshift({ begin: middle, end });
      end = middle;
    } else {
      siblings.unshift({ begin, end: middle });
      begin = middle;
    }
  }
  // What remains ends where the older tree ends. The whole older tree goes without saying: the verifier has its root.
  if (begin > 0) siblings.unshift({ begin, end });
  return rootsOf(siblings, read);
}

/** Where a tree over [begin, end) splits: after the largest power of two that leaves something on the right. */
function split(begin: number, end: number): number {
  let width = 1;
  while (width * 2 < end - begin) width *= 2;
  return begin + width;
}

/** The roots of ranges, fetched in one go. */
async function rootsOf(ranges: readonly Range[], read: HashReader): Promise<Buffer[]> {
  const subtrees = ranges.map(({ begin, end }) => subtreesOf(begin, end));
  const hashes = await read(subtrees.flat());
  let taken = 0;
  return subtrees.map((nodes) => joinSubtrees(hashes.slice(taken, (taken += nodes.length))));
}

export interface Proof {
  /** Of the entry, from 0. */
  readonly index: number;
  readonly hashes: readonly Buffer[];
  /** The signed note, byte for byte. */
  readonly checkpoint: string;
}

const firstLine = "c2sp.org/tlog-proof@v1";

/** The text of a `.tlog-proof` file. */
export function formatProof({ index, hashes, checkpoint }: Proof): string {
  const lines = [firstLine, `index ${index}`, ...hashes.map((hash) => hash.toString("base64"))];
  return `${lines.join("\n")}\n\n${checkpoint}`;
}

/** Parses a `.tlog-proof`; neither proof nor checkpoint is verified. Unauthenticated `extra` data is passed over. Throws PROOF_INVALID. */
export function parseProof(text: string): Proof {
  const border = text.indexOf("\n\n");
  if (border === -1) throw refuse("got no blank line before the checkpoint");
  const [first, ...lines] = text.slice(0, border).split("\n");
  if (first !== firstLine) throw refuse(`got first line ${JSON.stringify(first?.slice(0, 60))}, want ${firstLine}`);
  if (lines[0]?.startsWith("extra ")) {
    if (decodeBase64(lines[0].slice("extra ".length)) === undefined) throw refuse("got extra data that isn't base64");
    lines.shift();
  }
  const [indexLine, ...hashLines] = lines;
  const index = indexLine?.startsWith("index ") ? parseCount(indexLine.slice("index ".length)) : undefined;
  if (index === undefined) throw refuse("got no line with the index");
  // A tree of 2^53 leaves needs no more.
  if (hashLines.length > 64) throw refuse(`got ${hashLines.length} hashes, want at most 64`);
  const hashes = hashLines.map((line, position) => {
    const hash = decodeBase64(line);
    if (hash?.length !== hashSize) throw refuse(`got hash ${position} that isn't ${hashSize} bytes in base64`);
    return hash;
  });
  return { index, hashes, checkpoint: text.slice(border + 2) };
}

function refuse(problem: string): KilnError {
  return new KilnError("PROOF_INVALID", `.tlog-proof: ${problem}`);
}
