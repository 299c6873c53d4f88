// Channels' documents as they stand, each read once, and what they remember of earlier releases, once it is proven: see
// ../views/earlier.ts. One that is spoilt, or proves nothing, is as none: then log and pool are read.

import { digestOf } from "../artifact/digest.ts";
import { keys } from "../artifact/pool.ts";
import type { Trust } from "../artifact/trust.ts";
import { isKilnError } from "../errors.ts";
import { logOf, openCheckpoint } from "../log/checkpoint.ts";
import type { Head } from "../log/head.ts";
import { leafHash, verifyInclusion } from "../log/merkle.ts";
import { readDocument } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import { type Remembered, rememberedIn } from "../views/earlier.ts";

export interface Earlier {
  /** The channel's document; what it remembers is known from then on. */
  standing(name: string, channel: string): Promise<Uint8Array | undefined>;
  /** An entry of the log at its index. */
  readonly entries: ReadonlyMap<number, Uint8Array>;
  /** By digest. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

interface EarlierSource {
  readonly store: ReadableStore;
  readonly trust: Trust;
  readonly head: Head;
}

export function earlierIn({ store, trust, head }: EarlierSource): Earlier {
  const documents = new Map<string, Promise<Uint8Array | undefined>>();
  const entries = new Map<number, Uint8Array>();
  const blobs = new Map<string, Uint8Array>();
  const take = ({ checkpoint: note, move, release, manifest }: Remembered): void => {
    const { size, root } = openCheckpoint(note, logOf(trust));
    if (size > head.checkpoint.size) return;
    for (const { index, entry, proof } of [move, release]) {
      const bytes = Buffer.from(entry, "base64");
      const hashes = proof.map((hash) => Buffer.from(hash, "base64"));
      verifyInclusion({ index, size, leaf: leafHash(bytes), proof: hashes, root });
      entries.set(index, bytes);
    }
    const bytes = manifest === undefined ? undefined : Buffer.from(manifest, "base64");
    if (bytes !== undefined) blobs.set(digestOf(bytes), bytes);
  };
  const read = async (key: string): Promise<Uint8Array | undefined> => {
    const found = await readDocument(store, key);
    try {
      if (found !== undefined) for (const one of rememberedIn(found.bytes, key)) take(one);
    } catch (error) {
      if (!isKilnError(error, "STORE_CORRUPT", "CHECKPOINT_INVALID", "PROOF_INVALID")) throw error;
    }
    return found?.bytes;
  };
  return {
    entries,
    blobs,
    standing(name, channel) {
      const key = keys.channel(name, channel);
      const known = documents.get(key) ?? read(key);
      documents.set(key, known);
      return known;
    },
  };
}
