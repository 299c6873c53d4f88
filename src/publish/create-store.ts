// A new store: its trust documents, its log, and last kiln.json, which makes it one. A creation that stopped anywhere
// before can be done again with the same keys.

import { randomBytes } from "node:crypto";

import { keys } from "../artifact/pool.ts";
import { storeBytes } from "../artifact/store-document.ts";
import { trustDocuments } from "../artifact/trust-documents.ts";
import type { Trust } from "../artifact/trust.ts";
import { KilnError } from "../errors.ts";
import { createLog } from "../log/append.ts";
import { logOf } from "../log/checkpoint.ts";
import type { LogSigner } from "../sign/signers.ts";
import type { Store } from "../stores/store.ts";
import { requireConditions } from "./require-conditions.ts";

/** Throws STORE_EXISTS, STORE_UNSUITABLE, and what the store throws. `now`: milliseconds since 1970. */
export async function createStore(options: {
  readonly store: Store;
  readonly trust: Trust;
  readonly signer: LogSigner;
  readonly now: number;
  /** Where clients will reach it, when that isn't `https://<origin>/`. */
  readonly publicUrl?: string | undefined;
}): Promise<void> {
  const { store, trust, signer, now, publicUrl } = options;
  if ((await store.head(keys.store)) !== undefined) {
    throw new KilnError("STORE_EXISTS", `${store.url}: there is a store already`, {
      hint: "use it as it is, or choose another folder",
    });
  }
  await requireConditions(store, randomBytes(8).toString("hex"));
  for await (const [key, bytes] of trustDocuments(trust, now)) {
    await store.replace(key, bytes, (await store.head(key))?.etag ?? null);
  }
  if ((await store.head(keys.head)) === undefined) await createLog({ store, log: logOf(trust) }, signer);
  await store.create(
    keys.store,
    storeBytes({ kiln: 1, origin: trust.origin, ...(publicUrl === undefined ? {} : { publicUrl }) }),
  );
}
