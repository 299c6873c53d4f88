// A chart as an index lists it: its Chart.yaml, as far as Helm knows its members, and where the package lies in the pool. Helm reads
// an index into fixed types, and one value of another type is the end of the whole index: so what isn't of its type is left out.

import { z } from "zod";

import { digestSchema } from "../../artifact/digest.ts";
import type { Artifact } from "../../artifact/manifest.ts";
import { poolKey } from "../../artifact/pool.ts";
import type { Shown } from "../shown.ts";

/** Says which release a chart is of. */
export const releaseAnnotation = "kiln/release";

/** YAML takes `1.16` for a number; Helm takes it for the text that it was written as. */
const text = z.preprocess(
  (value) => (typeof value === "number" || typeof value === "boolean" ? String(value) : value),
  z.string(),
);
const list = <T extends z.ZodType>(of: T) =>
  z.preprocess(
    (value) => (Array.isArray(value) ? value.filter((one) => of.safeParse(one).success) : value),
    z.array(of),
  );
const maybe = <T extends z.ZodType>(of: T) => of.optional().catch(undefined);

const maintainerSchema = z.object({ name: text, email: maybe(text), url: maybe(text) });

const dependencySchema = z.object({
  name: text,
  version: maybe(text),
  repository: text.catch(""),
  condition: maybe(text),
  tags: maybe(list(text)),
  enabled: maybe(z.boolean()),
  "import-values": maybe(z.array(z.json())),
  alias: maybe(text),
});

/** Helm's own, in its index (pkg/chart: Metadata). */
const metadataSchema = z.object({
  name: z.string(),
  home: maybe(text),
  sources: maybe(list(text)),
  version: z.string(),
  description: maybe(text),
  keywords: maybe(list(text)),
  maintainers: maybe(list(maintainerSchema)),
  icon: maybe(text),
  apiVersion: z.enum(["v1", "v2"]),
  condition: maybe(text),
  tags: maybe(text),
  appVersion: maybe(text),
  deprecated: maybe(z.boolean()),
  annotations: maybe(z.record(z.string(), text)),
  kubeVersion: maybe(text),
  dependencies: maybe(list(dependencySchema)),
  type: maybe(text),
});

export const chartEntrySchema = metadataSchema.extend({
  annotations: z.looseObject({ [releaseAnnotation]: z.string() }),
  /** Relative to the repository. */
  urls: z.tuple([z.string()]),
  created: z.iso.datetime(),
  digest: digestSchema,
});

export type ChartEntry = z.infer<typeof chartEntrySchema>;

/** Every chart of these releases but of those that are yanked; of two of one name and version, the newer release's. */
export function allCharts(shown: readonly Shown[]): ChartEntry[] {
  const charts = new Map<string, ChartEntry>();
  for (const { manifest, yanked } of shown.toSorted((a, b) => a.leaf - b.leaf)) {
    if (yanked !== null) continue;
    for (const artifact of manifest.artifacts) {
      const made = entryOf(artifact, manifest);
      if (made !== undefined) charts.set(`${made.name} ${made.version}`, made);
    }
  }
  return [...charts.values()];
}

function entryOf(artifact: Artifact, { name, version, source }: Shown["manifest"]): ChartEntry | undefined {
  const metadata = artifact.kind === "chart" ? metadataSchema.safeParse(artifact.record) : undefined;
  if (!metadata?.success) return undefined;
  return {
    ...metadata.data,
    annotations: { ...metadata.data.annotations, [releaseAnnotation]: `${name}@${version}` },
    urls: [`../../${poolKey(artifact).split("/").map(encodeURIComponent).join("/")}`],
    // The commit's time, which all files of the chart have too.
    created: new Date(source.time * 1000).toISOString().replace(/\.\d+Z$/, "Z"),
    digest: artifact.sha256,
  };
}

/** The name of the release that a chart is of. */
export function releaseNameOf({ annotations }: ChartEntry): string {
  const release = annotations[releaseAnnotation];
  return release.slice(0, release.indexOf("@"));
}
