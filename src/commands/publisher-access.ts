// Opens everything that a command needs to publish: the store for writing, the pinned trust file, the keys.

import { publicUrlOf } from "../artifact/store-document.ts";
import type { Context } from "../context.ts";
import { KilnError } from "../errors.ts";
import { checkKeys } from "../publish/allowed.ts";
import { checkClock } from "../publish/clock.ts";
import { randomPause } from "../publish/pause.ts";
import type { Publisher } from "../publish/publisher.ts";
import { remembering } from "../stores/remembered.ts";
import { openWritableStore } from "../stores/writable.ts";
import { type Configuration, requireStore } from "./configuration.ts";
import { openKeys } from "./keys-access.ts";
import { readStoreDocument, readTrust } from "./store-access.ts";

/** Throws what opening the store, the trust file and the keys throws: before anything is written. */
export async function openPublisher(configuration: Configuration, context: Context): Promise<Publisher> {
  const store = remembering(await openWritableStore(requireStore(configuration), context));
  const document = await readStoreDocument(store);
  await checkClock(store, context.now);
  const { origin } = document;
  if (document.mirror !== undefined) {
    throw new KilnError("STORE_MIRROR", `store ${store.url}: got a mirror, want the store that it mirrors`, {
      hint: "name that one with --store; `kiln sync` brings the mirror up to it",
    });
  }
  const trust = await readTrust(configuration, context, origin);
  const { signers } = await openKeys(configuration, context, origin);
  checkKeys({ signers, trust }, "log", "release");
  return { store, trust, signers, context, pause: randomPause(context.signal), publicUrl: publicUrlOf(document) };
}
