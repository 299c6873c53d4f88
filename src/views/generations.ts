// What gc may take from a view: objects under digests that no document names any more. Three generations are kept, and all that were
// superseded less than the grace time ago: a client that read an older document finds what it named. When a generation was
// superseded is said by the store's own clock: that is when its successor's state was made.

import type { Digest } from "../artifact/digest.ts";
import { KilnError } from "../errors.ts";

/** How many generations are kept at least. */
const generationsKept = 3;

/** What a view tells gc. */
export interface Generations {
  /** What the keys of the view start with. */
  readonly prefix: string;
  /** The keys that the view makes once and never replaces: nothing else is ever removed. */
  readonly pattern: RegExp;
  /** Those of them that must stay. Throws STORE_CORRUPT for a document that can't be read: nothing is removed then. */
  kept(source: KeptSource): AsyncIterable<string>;
}

export interface KeptSource {
  /** Every channel that the log knows, of any name. */
  readonly channels: readonly string[];
  /** Armored public keys whose signatures on a view's own documents count. */
  readonly keys: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** By the store's clock: what was superseded later is kept. */
  readonly since: number;
  /** The keys that start with `prefix`, and when their objects were made or renewed. */
  list(prefix: string): AsyncIterable<{ readonly key: string; readonly modified: number }>;
  /** A document, or `undefined`. */
  read(key: string): Promise<Uint8Array | undefined>;
  /** An object by its digest; `undefined`: it is gone. Throws STORE_CORRUPT. */
  object(key: string, sha256: Digest): Promise<Uint8Array | undefined>;
  /** When the object was made or renewed, by the store's clock. */
  modified(key: string): Promise<number | undefined>;
}

interface Chain<State> {
  /** The state that the view's document names. */
  readonly newest: Digest;
  readonly key: (digest: Digest) => string;
  readonly parse: (bytes: Uint8Array, key: string) => State;
}

/** The states of the generations that are kept, newest first. Throws STORE_CORRUPT. */
export async function* keptStates<State extends { readonly before?: Digest | undefined }>(
  { newest, key, parse }: Chain<State>,
  source: KeptSource,
): AsyncGenerator<{ readonly digest: Digest; readonly state: State }> {
  let digest: Digest | undefined = newest;
  let isRecent = true;
  for (let count = 0; digest !== undefined && (count < generationsKept || isRecent); count++) {
    const at = key(digest);
    const bytes = await source.object(at, digest);
    if (bytes === undefined) {
      if (count === 0) {
        throw new KilnError("STORE_CORRUPT", `${at}: got no such object, which a view's document names`, {
          hint: "`kiln views rebuild` writes it anew from the log",
        });
      }
      // Dropped by an earlier gc, and so was what came before it.
      return;
    }
    const state = parse(bytes, at);
    yield { digest, state };
    // Its predecessor was superseded when this one was made.
    isRecent = ((await source.modified(at)) ?? Infinity) > source.since;
    digest = state.before;
  }
}
