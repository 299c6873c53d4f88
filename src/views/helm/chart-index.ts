// index.yaml: the charts of a channel, in one document. It is written as JSON, which is YAML, a chart on each line: Helm reads that
// several times faster than YAML of the usual form. Spec: Helm's "The Chart Repository Guide", pkg/repo (IndexFile).

import { compare, parse } from "semver";
import { z } from "zod";

import { yamlOf } from "../../artifact/chart-provenance.ts";
import { canonicalText, parseStored } from "../../artifact/json.ts";
import { KilnError } from "../../errors.ts";
import { type ChartEntry, chartEntrySchema } from "./chart-entry.ts";

export const indexKey = (channel: string) => `charts/${channel}/index.yaml`;

/** Says which leaf decided the index. */
const leafAnnotation = "kiln/leaf";

const rebuildHint = "`kiln views rebuild` writes it anew from the log";

const indexSchema = z.strictObject({
  apiVersion: z.literal("v1"),
  generated: z.iso.datetime(),
  annotations: z.strictObject({ [leafAnnotation]: z.string().regex(/^\d+$/) }),
  entries: z.record(z.string(), z.array(chartEntrySchema)),
});

export interface ChartIndex {
  /** Index of the newest leaf that decides what stands here. */
  readonly leaf: number;
  readonly charts: readonly ChartEntry[];
}

/** The same charts give the same bytes, in whatever order they come. */
export function indexBytes({ leaf, charts }: ChartIndex): Buffer {
  const byName = Map.groupBy(charts.toSorted(newestFirst), ({ name }) => name);
  const entries = [...byName].map(([name, versions]) => {
    const lines = versions.map((version) => yamlOf(canonicalText(version)));
    return `${JSON.stringify(name)}:[\n${lines.join(",\n")}\n]`;
  });
  // The time that a publish took place says nothing of the charts, and would make every index another.
  const generated = charts.map(({ created }) => created).reduce((a, b) => (a > b ? a : b), "1970-01-01T00:00:00Z");
  const head = `"apiVersion":"v1","generated":"${generated}","annotations":{"${leafAnnotation}":"${leaf}"}`;
  return Buffer.from(`{${head},"entries":{\n${entries.join(",\n")}\n}}\n`);
}

function newestFirst(a: ChartEntry, b: ChartEntry): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  const [one, other] = [parse(a.version), parse(b.version)];
  const byVersion = one === null || other === null ? 0 : compare(other, one);
  return byVersion || (`${a.version} ${a.digest}` < `${b.version} ${b.digest}` ? 1 : -1);
}

/** Throws STORE_CORRUPT, which names `key`. */
export function parseIndex(bytes: Uint8Array, key: string): ChartIndex {
  const result = indexSchema.safeParse(parseStored(bytes, key, rebuildHint));
  if (!result.success) {
    throw new KilnError("STORE_CORRUPT", `${key}: ${z.prettifyError(result.error)}`, { hint: rebuildHint });
  }
  const { annotations, entries } = result.data;
  return { leaf: Number(annotations[leafAnnotation]), charts: Object.values(entries).flat() };
}
