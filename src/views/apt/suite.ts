// What lies in a suite: its keys, and the working state that its InRelease names by digest.

import { z } from "zod";

import { type Digest, digestSchema } from "../../artifact/digest.ts";
import { parseStored } from "../../artifact/json.ts";
import { KilnError } from "../../errors.ts";
import { pieceSchema } from "../compressed-index.ts";
import { tableSchema } from "../table.ts";

export const suiteKeys = (channel: string) => ({
  inRelease: `dists/${channel}/InRelease`,
  release: `dists/${channel}/Release`,
  signature: `dists/${channel}/Release.gpg`,
  preferences: `dists/${channel}/preferences`,
  state: (digest: Digest) => `dists/${channel}/state/${digest}.json`,
  byHash: (path: string, digest: Digest) =>
    `dists/${channel}/${path.slice(0, path.lastIndexOf("/"))}/by-hash/SHA256/${digest}`,
  path: (path: string) => `dists/${channel}/${path}`,
});

export type SuiteKeys = ReturnType<typeof suiteKeys>;

const digestsSchema = z.strictObject({ gz: digestSchema, xz: digestSchema, zst: digestSchema });

const stateSchema = z.strictObject({
  kiln: z.literal(1),
  /** Leaves taken in. */
  size: z.int().nonnegative(),
  /** Name → the keys of its stanzas, by architecture. */
  names: tableSchema,
  /** By architecture. */
  indexes: z.record(z.string(), z.strictObject({ pieces: z.array(pieceSchema), files: digestsSchema })),
});

export type SuiteState = z.infer<typeof stateSchema>;

/** Throws STORE_CORRUPT, which names `key`. */
export function parseSuiteState(bytes: Uint8Array, key: string): SuiteState {
  const result = stateSchema.safeParse(parseStored(bytes, key));
  if (result.success) return result.data;
  throw new KilnError("STORE_CORRUPT", `${key}: ${z.prettifyError(result.error)}`, {
    hint: "`kiln views rebuild` writes it anew from the log",
  });
}

/**
 * For /etc/apt/preferences.d: apt follows this suite also to an older version, when the channel went back to it. Without it apt
 * stays at the newest that it ever saw.
 */
export function preferencesText({ origin, channel }: { readonly origin: string; readonly channel: string }): string {
  return `Package: *\nPin: release o=${origin},n=${channel}\nPin-Priority: 1001\n`;
}
