// The copies of the public keys in the store, written anew from the pinned trust file: for whoever added a key to it, and when somebody
// spoilt them.

import { trustDocuments, trustedRootKey, trustedRootStart } from "../artifact/trust-documents.ts";
import type { Trust } from "../artifact/trust.ts";
import { readDocument } from "../stores/read.ts";
import type { Store } from "../stores/store.ts";
import { mend } from "./view-target.ts";

/** `now`: milliseconds since 1970. Since when the log's key counts stays as it is said, unless that lies ahead. */
export async function writeTrustCopies({
  store,
  trust,
  now,
}: {
  readonly store: Store;
  readonly trust: Trust;
  readonly now: number;
}): Promise<void> {
  const found = await readDocument(store, trustedRootKey);
  const start = found && trustedRootStart(found.bytes);
  const since = start === undefined || start > now ? now : start;
  for await (const [key, bytes] of trustDocuments(trust, since)) await mend(store, key, bytes);
}
