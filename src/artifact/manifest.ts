// The release manifest: name, version, source and artifacts of one bake. Its canonical JSON's digest *is* the release's
// identity, so it holds no signature, no wall-clock time and nothing of the machine but what the provenance names.
// It carries the records that indexes need: nothing ever reopens a package to index it.

import { z } from "zod";

import { KilnError } from "../errors.ts";
import { digestOf, digestSchema } from "./digest.ts";
import { gateSchema } from "./gate.ts";
import { canonicalBytes, parseStored } from "./json.ts";
import { fileNameSchema, nameSchema, versionSchema } from "./name.ts";

export const blobSchema = z.strictObject({
  /** The last segment of its pool key. */
  file: fileNameSchema,
  /** Bytes. */
  size: z.int().nonnegative(),
  sha256: digestSchema,
});

const artifactSchema = z.strictObject({
  /** What the recipe calls it. */
  name: nameSchema,
  /** One of the kinds, e.g. `deb`. */
  kind: nameSchema,
  /** `any`, or Node's platform and architecture: `linux-x64`. */
  platform: z.string().max(40),
  ...blobSchema.shape,
  /** What this kind's repositories list about it: control fields, package.json members … */
  record: z.record(z.string(), z.json()),
  /** CycloneDX 1.6 JSON. */
  sbom: blobSchema,
});

const attestationSchema = z.strictObject({
  /** A URI, as in the statement itself. */
  predicateType: z.string().max(200),
  /** The check whose results it holds. */
  check: nameSchema.optional(),
  /** Names of the artifacts that it is about, its subjects; absent: all. */
  artifacts: z.array(nameSchema).min(1).optional(),
  /** The in-toto statement. */
  statement: blobSchema,
});

const importedSchema = z.strictObject({
  /** Where they were got from, as whoever imported them says. */
  origin: z.string().max(1000).optional(),
  /** In their words. */
  note: z.string().max(1000).optional(),
  /** The files as they were handed over, in the order of the artifacts. */
  files: z
    .array(
      z.strictObject({
        artifact: nameSchema,
        /** As it was called. */
        name: z.string().max(255),
        size: z.int().nonnegative(),
        sha256: digestSchema,
      }),
    )
    .min(1),
});

/** Axis → value. */
const cellValuesSchema = z.record(z.string(), z.string());

const cellSchema = z.strictObject({
  values: cellValuesSchema,
  bakeKey: digestSchema,
  /** Names of the artifacts that it made. */
  artifacts: z.array(nameSchema),
});

export const manifestSchema = z.strictObject({
  kiln: z.literal(1),
  name: nameSchema,
  version: versionSchema,
  source: z.strictObject({
    /** Where the commit was cloned from, without credentials; null when the clone has no remote. */
    repository: z.string().nullable(),
    /** Full git commit id; null when the bake claims no commit (a dirty tree). */
    commit: z
      .string()
      .regex(/^[0-9a-f]{40}(?:[0-9a-f]{24})?$/)
      .nullable(),
    /** Path of the recipe within the repository. */
    recipe: z.string().max(300),
    /** SOURCE_DATE_EPOCH of the bake: the commit's time, in seconds since 1970. */
    time: z.int().nonnegative(),
  }),
  /** Of the bake; with several cells, of all their bake keys. */
  bakeKey: digestSchema,
  /** The cells of the recipe's matrix that were baked; absent without one. */
  cells: z.array(cellSchema).min(1).optional(),
  /** Cells that are still to be baked, elsewhere: such a bake isn't published alone. Absent when there are none. */
  missing: z.array(cellValuesSchema).min(1).optional(),
  /** Made elsewhere and taken in; absent: baked here. */
  imported: importedSchema.optional(),
  /** Sorted by name. */
  artifacts: z.array(artifactSchema).min(1),
  /** The in-toto statement whose subjects are all the artifacts: SLSA v1 provenance, or what is known of an import. */
  provenance: blobSchema,
  /** What is attested beside SBOMs and provenance; absent: nothing. */
  attestations: z.array(attestationSchema).min(1).max(99).optional(),
  /** How those checks ended that may fail, or that a gate asks about. */
  checks: z.record(nameSchema, z.enum(["passed", "failed"])).optional(),
  /** What is asked before the release is published, or a channel leads to it. */
  gates: z.array(gateSchema).min(1).optional(),
  /** How each artifact is put into service, by artifact name: an activator's specification. */
  activate: z.record(nameSchema, z.looseObject({ with: z.string() })),
});

export type Blob = z.infer<typeof blobSchema>;
export type BakedCell = z.infer<typeof cellSchema>;
export type Imported = z.infer<typeof importedSchema>;
export type Artifact = z.infer<typeof artifactSchema>;
export type Manifest = z.infer<typeof manifestSchema>;

/** File name of a manifest, in a bake's folder and in the pool. */
export const manifestFile = "release.json";

/** The bytes whose digest is the release's identity. */
export function manifestBytes(manifest: Manifest): Uint8Array {
  return canonicalBytes(manifest);
}

/** Parses the manifest stored under `key`. Throws STORE_CORRUPT: not a manifest, or not in its canonical form. */
export function parseManifest(bytes: Uint8Array, key: string): Manifest {
  const result = manifestSchema.safeParse(parseStored(bytes, key));
  if (!result.success) {
    throw new KilnError("STORE_CORRUPT", `${key}: ${z.prettifyError(result.error)}`, { cause: result.error });
  }
  if (digestOf(manifestBytes(result.data)) !== digestOf(bytes)) {
    throw new KilnError("STORE_CORRUPT", `${key}: got a manifest that isn't in canonical JSON`);
  }
  return result.data;
}

/** Every blob that a manifest names: artifacts, their SBOMs, the provenance, other attestations. */
export function blobsOf(manifest: Manifest): Blob[] {
  const pick = ({ file, size, sha256 }: Blob): Blob => ({ file, size, sha256 });
  return [
    ...manifest.artifacts.flatMap((artifact) => [pick(artifact), pick(artifact.sbom)]),
    pick(manifest.provenance),
    ...(manifest.attestations ?? []).map(({ statement }) => pick(statement)),
  ];
}
