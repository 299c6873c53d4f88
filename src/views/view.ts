// What a view is: a function from log leaves to documents. It reads only what log and pool say, writes only through its
// target, and taking a leaf in twice changes nothing. A new format is one file and one line in index.ts.

import type { Leaf } from "../artifact/leaf.ts";
import type { Manifest } from "../artifact/manifest.ts";
import type { ReleaseKey, Trust } from "../artifact/trust.ts";
import type { Generations } from "./generations.ts";
import type { ChangeSource, ChannelChange, Shown } from "./shown.ts";

/** Documents that a view writes at once. */
export const atOnce = 16;

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
  /** A document that is written once: what is there already stays (`kept`), unless the views are being rebuilt. */
  once(key: string, bytes: Uint8Array): Promise<"made" | "kept">;
  /**
   * A document that moves on: `next` says what it becomes, `undefined` leaves it. Called again after a lost race. Answers what stands
   * there then. `guess`: what was read just now, or that there is none yet, most likely; so it is tried unread.
   */
  swap(key: string, next: Next, guess?: "absent" | Uint8Array): Promise<Uint8Array | undefined>;
  /** A document as it is now. */
  read(key: string): Promise<Uint8Array | undefined>;
  /**
   * Makes the object these bytes, whatever it was: for copies of what a document names. `guess`: what it is likely to be. Answers whether it
   * was that.
   */
  copy(key: string, bytes: Uint8Array, guess?: Uint8Array): Promise<"as guessed" | "other">;
  /** Makes the object `key`, which says by a digest what its bytes are, those of the object `from`. Throws NOT_FOUND. */
  link(key: string, from: string): Promise<void>;
}

type Bytes = Uint8Array | undefined;
export type Next = (current: Bytes) => Bytes | Promise<Bytes>;

/** What signs for stock clients, and when. */
export interface ViewSigner {
  /** Armored public keys whose signatures on a view's own documents count. */
  readonly keys: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** For how many milliseconds what is signed for a channel counts, in formats that can say it; undefined: for ever. */
  validFor(channel: string): number | undefined;
  /** The text with its OpenPGP signature around it. */
  signText(text: string): Promise<string>;
  /** A detached, armored OpenPGP signature. `when`: the time that it has, milliseconds since 1970; by default now. */
  signBytes(bytes: Uint8Array, when?: number): Promise<string>;
}

/** What the views of stock clients need beside that. */
export interface RepositorySource extends ViewSource, ChangeSource {
  /** The log's name. */
  readonly origin: string;
  readonly signer: ViewSigner;
  /** Pinned, in the trust file's order. */
  readonly releaseKeys: readonly ReleaseKey[];
  /** The same. */
  readonly openpgpKeys: Trust["openpgp"];
  /** True while views are rebuilt: nothing that stands there is built upon. */
  readonly afresh: boolean;
  /** Where clients reach the store; ends in `/`. Only for what must hold absolute addresses. */
  readonly publicUrl: string;
  /**
   * What the leaves that are taken in do to channels. A view that has nothing of what a change shows or showed asks the store
   * nothing about it, unless all is made afresh.
   */
  readonly changes: readonly ChannelChange[];
  /** Whether none of a name's releases was logged before the views were settled. */
  isNew(name: string): Promise<boolean>;
  /** Where the aliases of a release are logged. */
  aliases(name: string, version: string): AsyncIterable<number>;
  /** Every release of a name, in order of the version's text; also what is yanked or retired. */
  releases(name: string): AsyncIterable<Shown>;
  /** An object that a view wrote, by its digest. Throws STORE_CORRUPT. */
  object(key: string, sha256: string): Promise<Uint8Array>;
}

/** The store that a mirror reads, and what of it the mirror has. */
export interface MirroredStore {
  /** A document as it is now. */
  read(key: string): Promise<Buffer | undefined>;
  /** An object that is named by its digest. Throws NOT_FOUND, STORE_CORRUPT. */
  object(key: string, sha256: string): Promise<Buffer>;
  /** The log's name. */
  readonly origin: string;
  /** Armored public keys whose signatures on a view's documents count. */
  readonly keys: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly channels: readonly string[];
  /** Every release of the names that there is news of; none where a mirror has only a part of them. */
  manifests(): AsyncIterable<Manifest>;
}

/** A view's document as it was when it was read, with what it names. */
export interface Standing {
  /** How many leaves it has taken in. */
  readonly size: number;
  /**
   * Writes what it names, then itself, unless the target's is as new. `source`: log and pool of the target. Throws NOT_FOUND when what
   * it names is there no more, and what a wrong digest or signature throws: then the target's stays as it is.
   */
  copy(target: ViewTarget, source: RepositorySource): Promise<void>;
}

/**
 * For when somebody else took in leaves at the same time: looks whether copies of what a pointer names were overtaken by older ones, and
 * mends them.
 */
export type Recheck = () => Promise<void>;

export interface View<Source = ViewSource> {
  readonly name: string;
  /**
   * Of a view whose documents are signed: reads them for a mirror, which has no key and takes them over. A mirror makes all other
   * views' documents itself.
   */
  mirror?(from: MirroredStore): AsyncIterable<Standing>;
  /**
   * Of such a view, where its documents can do without a signature in a mirror of a part: makes them of what is there, afresh.
   */
  takePart?(leaves: readonly TakenLeaf[], source: Source, target: ViewTarget): Promise<void>;
  /** Takes in leaves that lie in the source's tree, in log order. */
  take(leaves: readonly TakenLeaf[], source: Source, target: ViewTarget): Promise<Recheck | void>;
  /** Signs a channel's documents anew, with a new date, as they are. False: it has none. Only of views whose signatures expire. */
  refresh?(channel: string, source: Pick<RepositorySource, "signer">, target: ViewTarget): Promise<boolean>;
  /** For a view that names immutable objects of its own: which of them gc leaves. */
  readonly generations?: Generations;
}
