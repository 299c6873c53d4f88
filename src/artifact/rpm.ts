// An .rpm file: a lead and a signature header (here: its prefix), then the header and the payload. rpmbuild leaves room in
// the signature header, and signing fills that room: so a signed package differs from the baked one within the prefix alone,
// is as long, and has its header at the same place. Whoever has both can tell that nothing else was touched.
// Spec: rpm's docs/manual/format_v4 and tags; header-only signatures, RSA, as rpm 4 and 6 take them.

import { createHash, type Hash } from "node:crypto";

import {
  dataOf,
  headerBytes,
  headerSize,
  introSize,
  invalid,
  parseHeader,
  type RpmEntry,
  type RpmHeader,
  uint32,
} from "./rpm-header.ts";

const leadSize = 96;
/** How every package begins. */
export const leadMagic = Buffer.from("edabeedb", "hex");

/** Longer than any that rpmbuild writes. */
const longestPrefix = 1024 * 1024;

/** Tags of the signature header. */
const tags = { region: 62, rsa: 268, reserved: 1008 } as const;
const binary = 7;

/** Where the header begins in the package that starts with these bytes; `undefined`: they are too few to say. Throws PACKAGE_INVALID. */
export function headerStart(bytes: Buffer, what: string): number | undefined {
  if (bytes.length < leadSize + introSize) return undefined;
  if (!bytes.subarray(0, 4).equals(leadMagic)) throw invalid(what, "got bytes that don't begin an rpm package");
  const size = headerSize(bytes.subarray(leadSize), what);
  const start = leadSize + size + (-size & 7);
  if (start > longestPrefix) throw invalid(what, `got a signature header of ${size} bytes`);
  return start;
}

/** The OpenPGP packet in a package's prefix that signs its header; `undefined`: it isn't signed. Throws PACKAGE_INVALID. */
export function signatureIn(prefix: Buffer, what: string): Buffer | undefined {
  return signatureHeader(prefix, what).bytes(tags.rsa);
}

/** The prefix with this signature of the header, as long as before. Throws PACKAGE_INVALID when there is no room. */
export function signedPrefix(prefix: Buffer, packet: Buffer, what: string): Buffer {
  return prefixWith([{ tag: tags.rsa, type: binary, count: packet.length, data: packet }], prefix, what);
}

/** The prefix as rpmbuild left it, before it was signed. Throws PACKAGE_INVALID. */
export function unsignedPrefix(prefix: Buffer, what: string): Buffer {
  return prefixWith([], prefix, what);
}

/** Tags that hold a signature of the vendor's, in any of the ways that there were. */
const signatures = new Set([tags.rsa, 267, 278, 1002, 1003, 1005, 1006]);
/** As rpmbuild leaves it. */
const roomKept = 4128;

/** The prefix of a package that was made elsewhere, without its vendor's signatures and with room for one. Throws PACKAGE_INVALID. */
export function roomyPrefix(prefix: Buffer, what: string): Buffer {
  const kept = signatureHeader(prefix, what)
    .entries.filter(({ tag }) => tag !== tags.region && tag !== tags.reserved && !signatures.has(tag))
    .map((entry) => ({ ...entry, data: dataOf(entry, what) }));
  const reserved = { tag: tags.reserved, type: binary, count: roomKept, data: Buffer.alloc(roomKept) };
  const all = [...kept, reserved].toSorted((a, b) => a.tag - b.tag);
  const trailer = uint32(tags.region, binary, -16 * (all.length + 1), 16);
  const header = regionBytes([{ tag: tags.region, type: binary, count: 16, data: trailer }, ...all]);
  return Buffer.concat([prefix.subarray(0, leadSize), header, Buffer.alloc(-header.length & 7)]);
}

/** `signature`: the entry, or none; the room that is kept for it fills what it leaves. */
function prefixWith(signature: readonly RpmEntry[], prefix: Buffer, what: string): Buffer {
  const { entries } = signatureHeader(prefix, what);
  const kept = entries
    .filter(({ tag }) => tag !== tags.region && tag !== tags.rsa && tag !== tags.reserved)
    .map((entry) => ({ ...entry, data: dataOf(entry, what) }));
  const count = kept.length + signature.length + 2;
  // The region says: all entries are of one piece. Its trailer is the last of the data.
  const trailer = uint32(tags.region, binary, -16 * count, 16);
  const entriesWith = (room: number): RpmEntry[] => {
    const all = [
      ...kept,
      ...signature,
      { tag: tags.reserved, type: binary, count: room, data: Buffer.alloc(room) },
    ].toSorted((a, b) => a.tag - b.tag);
    return [{ tag: tags.region, type: binary, count: 16, data: trailer }, ...all];
  };
  const size = headerSize(prefix.subarray(leadSize), what);
  const room = size - regionBytes(entriesWith(0)).length;
  if (room < 1) throw invalid(what, "got a signature header without room for a signature");
  const header = regionBytes(entriesWith(room));
  if (header.length !== size) throw invalid(what, "got a signature header that can't hold a signature in its place");
  return Buffer.concat([prefix.subarray(0, leadSize), header, Buffer.alloc(prefix.length - leadSize - size)]);
}

/** Index entries in their order, but the data of the first at the end: where rpm looks for the region's trailer. */
function regionBytes([region, ...others]: readonly RpmEntry[]): Buffer {
  if (region === undefined) throw new TypeError("no region");
  const bytes = headerBytes([...others, region]);
  const index = (place: number) => bytes.subarray(introSize + 16 * place, introSize + 16 * (place + 1));
  const last = Buffer.from(index(others.length));
  bytes.copyWithin(introSize + 16, introSize, introSize + 16 * others.length);
  last.copy(bytes, introSize);
  return bytes;
}

function signatureHeader(prefix: Buffer, what: string): RpmHeader {
  const start = headerStart(prefix, what);
  if (start === undefined || start !== prefix.length) throw invalid(what, "got a package that ends too early");
  const size = headerSize(prefix.subarray(leadSize), what);
  return parseHeader(prefix.subarray(leadSize, leadSize + size), what);
}

/** What is kept of a package that passed by, however large it is. */
export interface RpmParts {
  readonly prefix: Buffer;
  /** Bytes of the file: rpm-md's header-range. */
  readonly header: { readonly start: number; readonly end: number };
  /** SHA-256 that has taken in the header: what its signature signs. */
  readonly headerState: Hash;
}

export interface RpmReader {
  /** Takes in the next bytes of the file. Throws PACKAGE_INVALID. */
  push(piece: Uint8Array): void;
  /** Whether the header is over: what follows is payload. */
  readonly done: boolean;
  /** Throws PACKAGE_INVALID when the header isn't whole. */
  parts(): RpmParts;
}

export function rpmReader(what: string): RpmReader {
  const headerState = createHash("sha256");
  // Prefix and the header's intro: the rest is hashed and let go.
  let front = Buffer.alloc(0);
  let start: number | undefined;
  let end: number | undefined;
  let size = 0;
  const hash = (piece: Uint8Array, at: number): void => {
    if (start === undefined || end === undefined) return;
    headerState.update(piece.subarray(Math.max(0, start - at), Math.max(0, end - at)));
  };
  return {
    get done() {
      return end !== undefined && size >= end;
    },
    push(piece) {
      const at = size;
      size += piece.length;
      if (end !== undefined) return hash(piece, at);
      front = Buffer.concat([front, piece]);
      start ??= headerStart(front, what);
      if (start === undefined || front.length < start + introSize) return;
      end = start + headerSize(front.subarray(start), what);
      hash(front, 0);
      front = Buffer.from(front.subarray(0, start));
    },
    parts() {
      if (start === undefined || end === undefined || size < end) {
        throw invalid(what, "got a package that ends too early");
      }
      return { prefix: front, header: { start, end }, headerState };
    },
  };
}

/** The bytes with another start, which is as long as the one that it replaces. */
export async function* replacingStart(bytes: AsyncIterable<Uint8Array>, start: Uint8Array): AsyncGenerator<Uint8Array> {
  yield start;
  let left = start.length;
  for await (const piece of bytes) {
    const rest = piece.subarray(Math.min(left, piece.length));
    left -= piece.length - rest.length;
    if (rest.length > 0) yield rest;
  }
}
