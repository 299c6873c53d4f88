// What an audit must remember of every leaf and object, small enough for logs of any length: 16 bytes of SHA-256 under 16
// bytes of SHA-256, in one open table. Nobody can find two texts with the same fingerprint (2^64 hashes), so nobody can
// hide an object or a second release behind another.

import { hash } from "node:crypto";

import type { Digest } from "../../artifact/digest.ts";

/** 16 bytes. */
export type Fingerprint = Uint8Array;

export function fingerprintOf(text: string | Uint8Array): Fingerprint {
  // As a string, which is several times as fast as a Buffer of the whole hash: there are some five for each leaf.
  return Buffer.from(hash("sha256", text, "binary").slice(0, fingerprintSize), "binary");
}

/** A digest is a hash already: its start is as good. */
export function fingerprintOfDigest(digest: Digest): Fingerprint {
  return Buffer.from(digest.slice(0, 2 * fingerprintSize), "hex");
}

/** `fingerprintOf` for texts of which the same few come again and again: names, channels, versions. */
export function rememberingFingerprints(): typeof fingerprintOf {
  const known = new Map<string | Uint8Array, Fingerprint>();
  return (text) => {
    let fingerprint = known.get(text);
    if (fingerprint === undefined) {
      if (known.size >= rememberedTexts) known.clear();
      fingerprint = fingerprintOf(text);
      known.set(text, fingerprint);
    }
    return fingerprint;
  };
}

const rememberedTexts = 1024;

/** A leaf index in the room of a fingerprint. */
export function placeOf(index: number): Fingerprint {
  const place = Buffer.alloc(fingerprintSize);
  place.writeDoubleLE(index);
  return place;
}

/** The leaf index that `placeOf` put there. */
export function indexAt(place: Fingerprint): number {
  return Buffer.from(place.buffer, place.byteOffset, 8).readDoubleLE();
}

export interface FingerprintTable {
  /** How many there are. */
  readonly size: number;
  get(key: Fingerprint): Fingerprint | undefined;
  /** Sets it, whatever was there. */
  set(key: Fingerprint, value: Fingerprint): void;
  has(key: Fingerprint): boolean;
}

export const fingerprintSize = 16;
const slotSize = 2 * fingerprintSize;

/** An empty table: 32 bytes a slot, at least half of them used once it has grown. */
export function fingerprintTable(): FingerprintTable {
  let slots = 1024;
  let table = Buffer.alloc(slots * slotSize);
  let size = 0;
  const find = (key: Fingerprint): number => {
    // The key is a hash: any of its bits will do to spread it.
    let slot = Buffer.from(key.buffer, key.byteOffset, 4).readUInt32LE() % slots;
    for (;;) {
      const at = slot * slotSize;
      if (isEmpty(table, at) || isAt(table, at, key)) return at;
      slot = (slot + 1) % slots;
    }
  };
  const grow = (): void => {
    const old = table;
    slots *= 2;
    table = Buffer.alloc(slots * slotSize);
    for (let at = 0; at < old.length; at += slotSize) {
      if (!isEmpty(old, at)) old.copy(table, find(old.subarray(at, at + fingerprintSize)), at, at + slotSize);
    }
  };
  return {
    get size() {
      return size;
    },
    has: (key) => !isEmpty(table, find(key)),
    get(key) {
      const at = find(key);
      return isEmpty(table, at) ? undefined : table.subarray(at + fingerprintSize, at + slotSize);
    },
    set(key, value) {
      let at = find(key);
      if (isEmpty(table, at)) {
        size += 1;
        if (size > slots * 0.8) {
          grow();
          at = find(key);
        }
        table.set(key, at);
      }
      table.set(value, at + fingerprintSize);
    },
  };
}

/** No fingerprint begins with eight zero bytes, short of 2^64 hashes. */
function isEmpty(table: Buffer, at: number): boolean {
  return table.readUInt32LE(at) === 0 && table.readUInt32LE(at + 4) === 0;
}

function isAt(table: Buffer, at: number, key: Fingerprint): boolean {
  return table.compare(key, 0, fingerprintSize, at, at + fingerprintSize) === 0;
}
