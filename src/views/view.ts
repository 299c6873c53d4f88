// What a view is: a function from log leaves to documents. It reads only what log and pool say, writes only through its
// target, and taking a leaf in twice changes nothing. A new format is one file and one line in index.ts.

import type { Leaf } from "../artifact/leaf.ts";

export interface TakenLeaf {
  /** Its index in the log. */
  readonly index: number;
  readonly leaf: Leaf;
}

/** The log at one checkpoint, and the pool. Everything it returns is verified: by proof, or by digest. */
export interface ViewSource {
  /** The log key's whole id, 32 bytes. */
  readonly logId: Uint8Array;
  readonly checkpoint: { readonly note: string; readonly size: number; readonly root: Uint8Array };
  /** The entry's bytes. */
  entry(index: number): Promise<Uint8Array>;
  /** Hashes from the leaf to the checkpoint's root. */
  prove(index: number): Promise<readonly Uint8Array[]>;
  /** A document of the pool whose digest is `sha256`. Throws STORE_CORRUPT. */
  blob(blob: { readonly sha256: string; readonly file: string }): Promise<Uint8Array>;
  /** Where a release was logged; `undefined` when it wasn't. */
  releaseIndex(name: string, version: string): Promise<number | undefined>;
}

export interface ViewTarget {
  /** A document that is written once: what is there already stays, unless the views are being rebuilt. */
  once(key: string, bytes: Uint8Array): Promise<void>;
  /** A document that moves on: `next` says what it becomes, `undefined` leaves it. Called again after a lost race. */
  swap(key: string, next: (current: Uint8Array | undefined) => Uint8Array | undefined): Promise<void>;
}

export interface View {
  readonly name: string;
  /** Takes in leaves that lie in the source's tree, in log order. */
  take(leaves: readonly TakenLeaf[], source: ViewSource, target: ViewTarget): Promise<void>;
}
