// Reading the catalog to show what exists. It is unsigned: what it says is for finding, `verify` is for believing.

import { keys } from "../artifact/pool.ts";
import { readDocument } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import { catalogReader, type CatalogReader, parseCatalog } from "../views/catalog.ts";
import { shardReader } from "../views/shards.ts";
import { emptyTable } from "../views/table.ts";

/** Throws STORE_CORRUPT. A store in which nothing was published has an empty catalog. */
export async function openCatalog(store: ReadableStore): Promise<CatalogReader> {
  const found = await readDocument(store, keys.catalog);
  const table = found === undefined ? emptyTable : parseCatalog(found.bytes, keys.catalog).table;
  return catalogReader(table, new Map(), shardReader(store));
}
