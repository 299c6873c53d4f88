// What lies in a yum repository: its keys, and the working state of a generation, whose digest is the generation's name. The state says
// all that repomd.xml says, and repomd.xml names the state: so one signature covers both, and either can be held against the other.

import { z } from "zod";

import { type Digest, digestSchema } from "../../artifact/digest.ts";
import { parseStored } from "../../artifact/json.ts";
import type { Blob } from "../../artifact/manifest.ts";
import { poolKey } from "../../artifact/pool.ts";
import { KilnError } from "../../errors.ts";
import { gzipPieceSchema } from "../compressed-index.ts";

/** The indexes of a repository. */
export const indexes = ["primary", "filelists", "other"] as const;
export type IndexName = (typeof indexes)[number];

/** The two ways in: by the pointer to a generation, or by the plain address with all packages below it. */
export type Way = "generation" | "plain";

const below = (channel: string, way: Way, digest: Digest) =>
  way === "plain" ? `rpm/${channel}/` : `rpm/${channel}/generations/${digest}/`;

export const yumKeys = (channel: string) => ({
  pointer: `rpm/${channel}/mirrorlist`,
  repoFile: `rpm/${channel}/kiln.repo`,
  state: (digest: Digest) => `rpm/${channel}/state/${digest}.json`,
  generation: (digest: Digest) => below(channel, "generation", digest),
  repomd: (way: Way, digest: Digest) => `${below(channel, way, digest)}repodata/repomd.xml`,
  signature: (way: Way, digest: Digest) => `${below(channel, way, digest)}repodata/repomd.xml.asc`,
  index: (way: Way, digest: Digest, path: string) => below(channel, way, digest) + path,
  /** Below the plain address. */
  package: (blob: Pick<Blob, "file" | "sha256">) => `rpm/${channel}/${poolKey(blob)}`,
});

/** What leads from a repository's address to the folder of the pool. */
export const poolBase: Readonly<Record<Way, string>> = { generation: "../../../../", plain: "" };

const indexSchema = z.strictObject({
  /** Bytes before the first piece: they say how many packages there are. */
  head: z.int().positive(),
  pieces: z.array(gzipPieceSchema),
  /** As it is compressed. */
  size: z.int().positive(),
  sha256: digestSchema,
  plain: z.strictObject({ size: z.int().positive(), sha256: digestSchema }),
});

const stateSchema = z.strictObject({
  kiln: z.literal(1),
  /** Leaves taken in. */
  size: z.int().nonnegative(),
  /** Seconds since 1970. */
  date: z.int().nonnegative(),
  /** The generation that this one follows, unless it is the first. */
  before: digestSchema.optional(),
  packages: z.int().nonnegative(),
  /** `plain`: the primary index with locations below the plain address. */
  indexes: z.strictObject({ primary: indexSchema, plain: indexSchema, filelists: indexSchema, other: indexSchema }),
});

export type YumState = z.infer<typeof stateSchema>;
export type StoredIndex = z.infer<typeof indexSchema>;

export const yumHint = "`kiln views rebuild` writes it anew from the log";

/** Throws STORE_CORRUPT, which names `key`. */
export function parseYumState(bytes: Uint8Array, key: string): YumState {
  const result = stateSchema.safeParse(parseStored(bytes, key, yumHint));
  if (result.success) return result.data;
  throw new KilnError("STORE_CORRUPT", `${key}: ${z.prettifyError(result.error)}`, { hint: yumHint });
}

/** The index that a way in has under this name. */
export function indexOf({ indexes: all }: YumState, way: Way, name: IndexName): StoredIndex {
  return all[name === "primary" && way === "plain" ? "plain" : name];
}

/** Where an index lies below the repository's address. */
export function indexPath(name: IndexName, { sha256 }: Pick<StoredIndex, "sha256">): string {
  return `repodata/${sha256}-${name}.xml.gz`;
}

/** A head of an index, and what ends it. */
export function frameOf(name: IndexName, packages: number): { readonly head: string; readonly tail: string } {
  const [root, more] = {
    primary: ["metadata", ' xmlns:rpm="http://linux.duke.edu/metadata/rpm"'],
    filelists: ["filelists", ""],
    other: ["otherdata", ""],
  }[name] as [string, string];
  const space = name === "primary" ? "common" : name;
  return {
    head:
      `<?xml version="1.0" encoding="UTF-8"?>\n` +
      `<${root} xmlns="http://linux.duke.edu/metadata/${space}"${more} packages="${packages}">\n`,
    tail: `</${root}>\n`,
  };
}
