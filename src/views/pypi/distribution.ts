// A wheel or sdist as a project's page lists it: where its file lies in the pool, its digest, and what an installer decides by
// before it fetches anything. All of it is said by the release: its manifest, its log entry, its yank.

import { z } from "zod";

import { coreMetadataOf } from "../../artifact/core-metadata.ts";
import { digestSchema } from "../../artifact/digest.ts";
import type { Artifact } from "../../artifact/manifest.ts";
import { poolKey } from "../../artifact/pool.ts";
import type { Shown } from "../shown.ts";

/** A digest, or that there is none: PEP 714's `core-metadata`. */
const metadataSchema = z.union([z.strictObject({ sha256: digestSchema }), z.literal(false)]);

/** A file of a page (PEP 691, PEP 700). A member that begins with `_` is the index's own. */
export const listedFileSchema = z.strictObject({
  filename: z.string(),
  /** Relative to the page. */
  url: z.string(),
  hashes: z.strictObject({ sha256: digestSchema }),
  size: z.int().nonnegative(),
  /** When the release was signed, by its log entry. */
  "upload-time": z.iso.datetime(),
  "requires-python": z.string().optional(),
  /**
   * Under this name alone (PEP 714), in both forms. Under the older one, pip 22.3 to 23.1 reads it too: in JSON it falls over it, and in
   * HTML it discards the wheel when its metadata spells the project's name in another way than whoever asked.
   */
  "core-metadata": metadataSchema,
  /** The reason. */
  yanked: z.string().min(1).optional(),
  /** As its metadata has it. */
  _version: z.string(),
  /** Name and version of the release. */
  _release: z.string(),
});

export type ListedFile = z.infer<typeof listedFileSchema>;

export interface Distribution {
  /** The project's name as every client asks for it. */
  readonly project: string;
  readonly file: ListedFile;
}

const recordSchema = z.looseObject({
  name: z.string(),
  version: z.string(),
  requires_python: z.string().optional(),
});

/** Every wheel and sdist of these releases; of two files with one name, that of the newer release which isn't yanked. */
export function allDistributions(shown: readonly Shown[]): Distribution[] {
  const files = new Map<string, Distribution>();
  const order = ({ yanked }: Shown) => (yanked === null ? 1 : 0);
  for (const one of shown.toSorted((a, b) => order(a) - order(b) || a.leaf - b.leaf)) {
    for (const artifact of one.manifest.artifacts) {
      const made = distributionOf(artifact, one);
      if (made !== undefined) files.set(artifact.file, made);
    }
  }
  return [...files.values()];
}

function distributionOf(artifact: Artifact, shown: Shown): Distribution | undefined {
  if (artifact.kind !== "wheel" && artifact.kind !== "sdist") return undefined;
  const record = recordSchema.safeParse(artifact.record);
  const project = record.success ? normalName(record.data.name) : undefined;
  if (!record.success || project === undefined) return undefined;
  const { manifest, release, yanked } = shown;
  const { version, requires_python: requiresPython } = record.data;
  const metadata = coreMetadataOf(artifact);
  const core = metadata === undefined ? false : { sha256: shaOf(artifact) };
  const file: ListedFile = {
    filename: artifact.file,
    url: `../../../../${urlPath(poolKey(artifact))}`,
    hashes: { sha256: artifact.sha256 },
    size: artifact.size,
    "upload-time": new Date(release.time * 1000).toISOString().replace(/\.\d+Z$/, "Z"),
    ...(requiresPython === undefined ? {} : { "requires-python": requiresPython }),
    "core-metadata": core,
    ...(yanked === null ? {} : { yanked }),
    _version: version,
    _release: `${manifest.name}@${manifest.version}`,
  };
  return { project, file };
}

/** Of a wheel whose metadata is known. */
function shaOf({ record }: Artifact): string {
  return z.looseObject({ core_metadata: z.looseObject({ sha256: z.string() }) }).parse(record).core_metadata.sha256;
}

/** A project's name in the one spelling that counts (PEP 503); `undefined`: no project has such a name. */
function normalName(name: string): string | undefined {
  const normal = name.replace(/[-_.]+/g, "-").toLowerCase();
  return /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(normal) ? normal : undefined;
}

/** Servers of buckets take a plus in a path for a space. */
function urlPath(key: string): string {
  return key.split("/").map(encodeURIComponent).join("/");
}
