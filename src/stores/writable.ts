// Opening a store for publishing, by its address. Each sort is loaded when it is opened.

import { KilnError } from "../errors.ts";
import { addresses, pathOf, sortOf, type StoreContext } from "./address.ts";
import type { Store } from "./store.ts";

/** Throws what `openStore` throws, STORE_READ_ONLY and DISK_FULL. */
export async function openWritableStore(url: string, context: StoreContext): Promise<Store> {
  switch (sortOf(url)) {
    case "folder":
      return (await import("./folder.ts")).openFolderStore(pathOf(url, context), context.signal);
    case "bucket":
      return (await import("./s3.ts")).openS3Store(url, context.signal);
    case "web":
      throw new KilnError("STORE_READ_ONLY", `store ${url}: got an address for reading, want one that can be written`, {
        hint: `publish to ${addresses.folder}, or to ${addresses.bucket}`,
      });
  }
}

/** Makes an empty store unless there is one, and opens it. A bucket must be there: it is made by whoever pays for it. */
export async function makeStore(url: string, context: StoreContext): Promise<Store> {
  if (sortOf(url) === "folder") await (await import("../system/durable.ts")).makeFolder(pathOf(url, context));
  return openWritableStore(url, context);
}
