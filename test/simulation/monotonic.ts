// A store that refuses to go back: every document that readers follow only ever grows. What a reader saw, it never unsees.

import { keys } from "../../src/artifact/pool.ts";
import type { Store } from "../../src/stores/store.ts";
import { parseCatalog } from "../../src/views/catalog.ts";
import { parseChannelDocument } from "../../src/views/documents.ts";

/** Calls `report` when a document is replaced by one that is older, or no newer. */
export function watched<S extends Store>(store: S, report: (what: string) => void): S {
  const reached = new Map<string, number>();
  return {
    ...store,
    async replace(key: string, body: Uint8Array, etag: string | null) {
      const answer = await store.replace(key, body, etag);
      const now = positionOf(key, body);
      if (answer === "replaced" && now !== undefined) {
        const before = reached.get(key) ?? -1;
        if (now <= before) report(`${key} went from ${before} to ${now}`);
        reached.set(key, now);
      }
      return answer;
    },
  };
}

/** How far into the log a document has come; undefined for documents that readers don't follow. */
function positionOf(key: string, body: Uint8Array): number | undefined {
  if (key === keys.checkpoint) return Number(Buffer.from(body).toString().split("\n")[1]);
  if (key === keys.catalog) return parseCatalog(body, key).size;
  if (key.startsWith("channels/")) return parseChannelDocument(body, key).move.index;
  if (key === keys.head) {
    return Number(
      String((JSON.parse(Buffer.from(body).toString()) as { checkpoint: string }).checkpoint).split("\n")[1],
    );
  }
  return undefined;
}
