// Opening a store for reading, by its address: all that a deploy, a verification and an audit do. Each sort is loaded when it
// is opened. What writes is in writable.ts, which kiln-deploy doesn't hold.

import { pathOf, sortOf, type StoreContext } from "./address.ts";
import type { ReadableStore } from "./store.ts";

/** Throws USAGE for an unknown address, STORE_NOT_FOUND, PERMISSION_DENIED. */
export async function openStore(url: string, context: StoreContext): Promise<ReadableStore> {
  switch (sortOf(url)) {
    case "folder":
      return (await import("./folder-reader.ts")).openFolderReader(pathOf(url, context));
    case "bucket":
      return (await import("./s3-reader.ts")).openS3Reader(url, context.signal);
    case "web":
      return (await import("./http.ts")).openHttpStore(url, context);
  }
}
