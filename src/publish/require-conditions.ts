// Whether a store keeps the two promises that everything rests on: an object is made once, and of two who replace one version
// of a document one loses. Some S3 servers answer "done" whatever the condition: publishers would overwrite one another there,
// and nobody would notice. It is asked once, when a store is created.

import { keys } from "../artifact/pool.ts";
import { isKilnError, KilnError } from "../errors.ts";
import type { Store } from "../stores/store.ts";

/** Throws STORE_UNSUITABLE; leaves nothing behind. `mark` makes the keys unlike any that are there. */
export async function requireConditions(store: Store, mark: string): Promise<void> {
  const [blob, document] = [keys.probe(mark, "blob"), keys.probe(mark, "document")];
  try {
    await store.create(blob, Buffer.from("one"));
    if (!(await refuses(() => store.create(blob, Buffer.from("two"))))) throw unsuitable(store, "made an object twice");
    await store.replace(document, Buffer.from("one"), null);
    const first = (await store.head(document))?.etag ?? "";
    if ((await store.replace(document, Buffer.from("two"), null)) === "replaced") {
      throw unsuitable(store, "made a document that was there");
    }
    await store.replace(document, Buffer.from("two"), first);
    if ((await store.replace(document, Buffer.from("three"), first)) === "replaced") {
      throw unsuitable(store, "replaced a version that was there no more");
    }
  } finally {
    for (const key of [blob, document]) await store.remove(key, Number.MAX_SAFE_INTEGER);
  }
}

async function refuses(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return false;
  } catch (error) {
    if (isKilnError(error, "IMMUTABLE_CONFLICT")) return true;
    throw error;
  }
}

function unsuitable({ url }: Store, got: string): KilnError {
  return new KilnError("STORE_UNSUITABLE", `store ${url}: got a server that ${got}, want one that keeps conditions`, {
    hint: "the server ignores If-None-Match or If-Match: use one that honours conditional writes",
  });
}
