// `charts/<channel>/`: a channel of all names as a Helm repository. index.yaml is its one document, swapped, and never for what an older
// leaf decided. The packages lie in the pool, each with its .prov beside it. Which charts there are is said by the log's moves
// alone: see ../shown.ts.

import type { ChannelChange, Shown } from "../shown.ts";
import type { RepositorySource, View } from "../view.ts";
import { allCharts, releaseNameOf } from "./chart-entry.ts";
import { indexBytes, indexKey, parseIndex } from "./chart-index.ts";

export const helmView: View<RepositorySource> = {
  name: "helm",
  async take(_, source, target) {
    const channels = Map.groupBy(source.changes, ({ channel }) => channel);
    for (const [channel, changes] of channels) {
      const change = chartChange(changes);
      const isTouched = change.names.size > 0;
      if (!isTouched && !source.afresh) continue;
      const key = indexKey(channel);
      await target.swap(key, (found) => {
        // A channel that never had a chart is no repository.
        if (found === undefined && change.charts.length === 0) return undefined;
        const before = found === undefined || source.afresh ? undefined : parseIndex(found, key);
        if (before !== undefined && before.leaf >= change.leaf) return undefined;
        const kept = before?.charts.filter((chart) => !change.names.has(releaseNameOf(chart))) ?? [];
        const bytes = indexBytes({ leaf: change.leaf, charts: [...kept, ...change.charts] });
        return found !== undefined && Buffer.compare(found, bytes) === 0 ? undefined : bytes;
      });
    }
  },
};

/** What the names that have charts, or had some, show now. */
function chartChange(changes: readonly ChannelChange[]) {
  const touched = changes.filter(({ now, before }) => [...now, ...before].some(hasCharts));
  return {
    leaf: Math.max(0, ...touched.map(({ newest }) => newest)),
    names: new Set(touched.map(({ name }) => name)),
    charts: touched.flatMap(({ now }) => allCharts(now)),
  };
}

/** Also when it is yanked: that takes its charts out of the index. */
function hasCharts({ manifest }: Shown): boolean {
  return manifest.artifacts.some(({ kind }) => kind === "chart");
}
