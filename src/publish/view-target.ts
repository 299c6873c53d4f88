// What views write, into a store that others write too: every document is swapped or made once. A lost race means look again.

import { isKilnError, KilnError } from "../errors.ts";
import { readDocument } from "../stores/read.ts";
import { replaceLimit, type Store } from "../stores/store.ts";
import type { Next, ViewTarget } from "../views/view.ts";

/** Lost races in a row after which something else is the matter. */
export const mostAttempts = 1000;

export function onceOnly(store: Store): ViewTarget {
  return {
    async once(key, bytes) {
      try {
        await store.create(key, bytes);
        return "made";
      } catch (error) {
        // Another publisher wrote it with the proof of another tree, as good as ours; or for another release.
        if (!isKilnError(error, "IMMUTABLE_CONFLICT")) throw error;
        return "kept";
      }
    },
    ...moving(store),
  };
}

export function overwriting(store: Store): ViewTarget {
  return {
    async once(key, bytes) {
      await mend(store, key, bytes);
      return "made";
    },
    ...moving(store),
  };
}

function moving(store: Store): Pick<ViewTarget, "swap" | "read" | "copy" | "link"> {
  return {
    swap: (key, next, guess) => swap(store, key, next, guess),
    read: async (key) => (await readDocument(store, key, replaceLimit))?.bytes,
    copy: (key, bytes, guess) => copy(store, key, { bytes, guess }),
    link: (key, from) => store.link(key, from),
  };
}

interface Copy {
  readonly bytes: Uint8Array;
  readonly guess: Uint8Array | undefined;
}

/** `guess`: what is likely to stand there. A wrong guess costs one more request. */
async function copy(store: Store, key: string, { bytes, guess }: Copy): Promise<"as guessed" | "other"> {
  const likely = guess && store.likelyEtag?.(guess);
  if (likely !== undefined && (await store.replace(key, bytes, likely)) === "replaced") return "as guessed";
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const etag = (await store.head(key))?.etag ?? null;
    if ((await store.replace(key, bytes, etag)) === "replaced") return "other";
  }
  throw contended(key);
}

/** What somebody spoilt is in the way of its own bytes: they replace it. */
export async function mend(store: Store, key: string, bytes: Uint8Array): Promise<void> {
  try {
    await store.create(key, bytes);
  } catch (error) {
    if (!isKilnError(error, "IMMUTABLE_CONFLICT")) throw error;
    await copy(store, key, { bytes, guess: undefined });
  }
}

async function swap(
  store: Store,
  key: string,
  next: Next,
  guess?: "absent" | Uint8Array,
): Promise<Uint8Array | undefined> {
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const guessed = attempt === 0 ? guessedDocument(store, guess) : undefined;
    const found = guessed === undefined ? await readDocument(store, key, replaceLimit) : guessed.document;
    const bytes = await next(found?.bytes);
    if (bytes === undefined) return found?.bytes;
    if ((await store.replace(key, bytes, found?.etag ?? null)) === "replaced") return bytes;
  }
  throw contended(key);
}

/** `undefined`: it must be read. */
function guessedDocument(
  store: Store,
  guess: "absent" | Uint8Array | undefined,
): { readonly document: { readonly bytes: Uint8Array; readonly etag: string } | undefined } | undefined {
  if (guess === "absent") return { document: undefined };
  const etag = guess && store.likelyEtag?.(guess);
  return guess === undefined || etag === undefined ? undefined : { document: { bytes: guess, etag } };
}

export function contended(key: string): KilnError {
  return new KilnError("STORE_CONTENDED", `${key}: got ${mostAttempts} lost races in a row, want one that is won`);
}
