// The catalog's shards that readers may still ask for: those of the catalog as it is, of the last three, and of every one that
// stood since a moment ago. The catalog is a fold over the log, so which shards it had is computed again, and when by the store's
// clock is said by the log's bundles: each append made one.

import type { Digest } from "../../artifact/digest.ts";
import type { Leaf } from "../../artifact/leaf.ts";
import { tileWidth } from "../../log/tiles.ts";
import type { Store } from "../../stores/store.ts";
import { catalogReader, rowsOfLeaf } from "../../views/catalog.ts";
import { emptyTable, parsing, type Row, type Table, withRows } from "../../views/table.ts";

/** How many catalogs before the newest are kept at least. */
const catalogsKept = 3;

export interface CatalogFold {
  /** Takes in a sound leaf, in order. */
  add(index: number, leaf: Leaf): Promise<void>;
  /** Every shard that stays, once all leaves were taken in. */
  kept(): Promise<ReadonlySet<Digest>>;
}

/** `since`: the size of the log from which on every catalog counts. */
export function foldCatalogs(since: number): CatalogFold {
  const rows = new Map<string, Row>();
  const fresh = catalogReader(emptyTable, rows, async () => []);
  let pending = new Map<string, Row>();
  let table: Table = emptyTable;
  let bytes = new Map<Digest, Uint8Array>();
  const kept = new Set<Digest>();
  const settle = async (): Promise<void> => {
    const next = await withRows(
      table,
      pending,
      parsing(async (digest) => bytes.get(digest) ?? Buffer.of()),
    );
    table = next.table;
    const named = new Set(table.map(({ digest }) => digest));
    bytes = new Map([...bytes, ...next.shards].filter(([digest]) => named.has(digest)));
    for (const digest of named) kept.add(digest);
    pending = new Map();
  };
  return {
    async add(index, leaf) {
      // The one that stood before this leaf.
      if (index >= since) await settle();
      for (const [key, row] of await rowsOfLeaf(index, leaf, fresh)) {
        rows.set(key, row);
        pending.set(key, row);
      }
    },
    async kept() {
      await settle();
      return kept;
    },
  };
}

const bundleKey = /^log\/tile\/entries\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/;

/** The size that the log had at this moment by the store's clock, or less: of bundles made later nothing is counted. */
export async function sizeAt(
  store: Store,
  { moment, size }: { readonly moment: number; readonly size: number },
): Promise<number> {
  const before: number[] = [];
  let first = size;
  for await (const { key, modified } of store.list("log/tile/entries/")) {
    const [, path = "", partial] = bundleKey.exec(key) ?? [];
    if (path === "") continue;
    const end = Number(path.replace(/[x/]/g, "")) * tileWidth + Number(partial ?? tileWidth);
    if (modified > moment) first = Math.min(first, end);
    else before.push(end);
  }
  // Of appends before `first`, the third from the end: publishers may have stopped before they swapped the catalog.
  const older = before.filter((end) => end < first).toSorted((a, b) => b - a);
  return older[catalogsKept - 1] ?? 0;
}
