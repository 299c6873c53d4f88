// A channel as a Helm repository: its index lists the charts that the log's moves give, with the digests that their releases have.

import { allCharts, type ChartEntry } from "../../views/helm/chart-entry.ts";
import { indexBytes, indexKey, parseIndex } from "../../views/helm/chart-index.ts";
import { readPresent } from "../release-artifact.ts";
import type { DocumentsToCheck } from "./documents.ts";
import { checkPredicted, isOfLater, notOfLog } from "./predicted.ts";
import type { Repository } from "./repository.ts";

export function helmRepository(channel: string, options: DocumentsToCheck): Repository {
  const charts: ChartEntry[] = [];
  let newest = 0;
  return {
    add(name) {
      const own = allCharts(name.now);
      charts.push(...own);
      if (own.length > 0) newest = Math.max(newest, name.newest);
    },
    async check() {
      if (charts.length === 0) return [];
      const key = indexKey(channel);
      const bytes = (leaf: number) => indexBytes({ leaf, charts });
      await options.findings.checkAsync(key, () => checkPredicted({ key, newest, leafIn, bytes }, options));
      return [key];
    },
  };
}

const leafIn = (bytes: Uint8Array, key: string): number => parseIndex(bytes, key).leaf;

/** An index that the log doesn't give: it may list nothing. Throws VIEW_MISMATCH, STORE_CORRUPT. */
export async function checkUnlistedCharts(key: string, options: DocumentsToCheck): Promise<void> {
  const { leaf, charts } = parseIndex(await readPresent(options.store, key), key);
  if (charts.length > 0 && !(await isOfLater(leaf, options))) throw notOfLog(key);
}
