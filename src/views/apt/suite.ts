// What lies in a suite: its keys, and the working state that its InRelease names by digest.

import { z } from "zod";

import { type Digest, digestSchema } from "../../artifact/digest.ts";
import { parseStored } from "../../artifact/json.ts";
import { KilnError } from "../../errors.ts";
import { pieceSchema } from "../compressed-index.ts";
import { tableSchema } from "../table.ts";
import { mainComponent, type Stanza } from "./stanza.ts";

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
  /** Name → the keys of its stanzas, by index: older Kilns wrote it, and nothing reads it. */
  names: tableSchema.optional(),
  /** By the name of the index: `amd64` in the component main, `contrib/amd64` in another. */
  indexes: z.record(z.string(), z.strictObject({ pieces: z.array(pieceSchema), files: digestsSchema })),
  /** The state that this one took the place of: gc keeps a few of them. */
  before: digestSchema.optional(),
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

/** In every component, with packages or without: a client of a common machine finds its index. */
const usualArchitectures = ["amd64", "arm64"];

interface IndexPlace {
  readonly component: string;
  readonly architecture: string;
  /** Below the suite, without an ending. */
  readonly path: string;
}

/** Where the index of this name lies. */
export function placeOf(index: string): IndexPlace {
  const [architecture = "", component = mainComponent] = index.split("/").toReversed();
  return { component, architecture, path: `${component}/binary-${architecture}/Packages` };
}

/** The names of all indexes: those that are there, and what the stanzas want. */
export function indexesOf(there: readonly string[], stanzas: readonly Stanza[]): string[] {
  const places = [...there.map(placeOf), ...stanzas];
  const components = new Set([mainComponent, ...places.map(({ component }) => component)]);
  const architectures = new Set([...usualArchitectures, ...places.map(({ architecture }) => architecture)]);
  architectures.delete("all");
  const names = [...components].flatMap((component) =>
    [...architectures].map((own) => (component === mainComponent ? own : `${component}/${own}`)),
  );
  return names.toSorted();
}

/** Whether the stanza is one of this index. */
export function stands(stanza: Stanza, index: string): boolean {
  const { component, architecture } = placeOf(index);
  return stanza.component === component && [architecture, "all"].includes(stanza.architecture);
}

/**
 * For /etc/apt/preferences.d: apt follows this suite also to an older version, when the channel went back to it. Without it apt
 * stays at the newest that it ever saw.
 */
export function preferencesText({ origin, channel }: { readonly origin: string; readonly channel: string }): string {
  return `Package: *\nPin: release o=${origin},n=${channel}\nPin-Priority: 1001\n`;
}
