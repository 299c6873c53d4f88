// `dists/<channel>/`: a channel of all names as an apt repository, one suite. InRelease is swapped last and names the rest by digest,
// under by-hash; clients that don't know by-hash, and mirrors, read the usual paths, which are copies of what InRelease names.
// Which stanzas there are is said by the log's moves alone: see ../shown.ts.

import { z } from "zod";

import { type Digest, digestOf, digestSchema } from "../../artifact/digest.ts";
import { canonicalBytes, parseStored } from "../../artifact/json.ts";
import { KilnError } from "../../errors.ts";
import { type CompressedIndex, emptyIndex, type Form, forms, pieceSchema, withRecords } from "../compressed-index.ts";
import { newestMoves, shownAfter, type TakenMove } from "../shown.ts";
import { lookup, type Row, type Table, tableSchema, withRows } from "../table.ts";
import type { RepositorySource, View, ViewTarget } from "../view.ts";
import { filesOf, type IndexFile, readInRelease, releaseText } from "./release.ts";
import { parseStanzas, type Stanza, stanzasOf } from "./stanza.ts";

/** In every suite, with packages or without: a client of a common machine finds its index. */
const usualArchitectures = ["amd64", "arm64"];

export const aptView: View<RepositorySource> = {
  name: "apt",
  async take(leaves, source, target) {
    for (const [channel, moves] of newestMoves(leaves)) await takeChannel({ channel, moves, source, target });
  },
};

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

type State = z.infer<typeof stateSchema>;

const rowSchema = z.record(z.string(), z.array(z.string()));

interface Suite {
  readonly channel: string;
  readonly moves: ReadonlyMap<string, TakenMove>;
  readonly source: RepositorySource;
  readonly target: ViewTarget;
}

const keysOf = (channel: string) => ({
  inRelease: `dists/${channel}/InRelease`,
  release: `dists/${channel}/Release`,
  signature: `dists/${channel}/Release.gpg`,
  state: (digest: Digest) => `dists/${channel}/state/${digest}.json`,
  byHash: (path: string, digest: Digest) =>
    `dists/${channel}/${path.slice(0, path.lastIndexOf("/"))}/by-hash/SHA256/${digest}`,
  path: (path: string) => `dists/${channel}/${path}`,
});

async function takeChannel(suite: Suite): Promise<void> {
  const { channel, moves, source, target } = suite;
  const keys = keysOf(channel);
  const stanzas = new Map<string, readonly Stanza[]>();
  for (const [name, move] of moves) {
    stanzas.set(
      name,
      (await shownAfter(move, source)).flatMap(({ manifest }) => stanzasOf(manifest)),
    );
  }
  const hasNone = [...stanzas.values()].every((list) => list.length === 0);
  let current: Uint8Array | undefined;
  await target.swap(keys.inRelease, async (found) => {
    current = found;
    const before = found === undefined ? undefined : await beforeIn(found, suite);
    // A channel without a single .deb is no suite.
    if (hasNone && before?.state === undefined) return undefined;
    if (before?.state !== undefined && before.state.size >= source.checkpoint.size) return undefined;
    current = await nextInRelease({ ...suite, stanzas, before });
    return current;
  });
  if (current !== undefined) await writeUsualPaths(current, suite);
}

interface Before {
  readonly date: number;
  /** Undefined: nothing of it is built upon. */
  readonly state: State | undefined;
}

async function beforeIn(found: Uint8Array, { channel, source }: Suite): Promise<Before> {
  const keys = keysOf(channel);
  try {
    const { date, state } = await readInRelease(found, keys.inRelease, source.signer);
    if (source.afresh) return { date, state: undefined };
    const key = keys.state(state);
    return { date, state: parseState(await source.object(key, state), key) };
  } catch (error) {
    // What somebody spoilt is written anew, and is in nobody's way.
    if (source.afresh && error instanceof KilnError) return { date: 0, state: undefined };
    throw error;
  }
}

function parseState(bytes: Uint8Array, key: string): State {
  const result = stateSchema.safeParse(parseStored(bytes, key));
  if (result.success) return result.data;
  throw new KilnError("STORE_CORRUPT", `${key}: ${z.prettifyError(result.error)}`, {
    hint: "`kiln views rebuild` writes it anew from the log",
  });
}

interface Change extends Suite {
  /** What each name that moved shows now. */
  readonly stanzas: ReadonlyMap<string, readonly Stanza[]>;
  readonly before: Before | undefined;
}

async function nextInRelease(change: Change): Promise<Buffer> {
  const { channel, source, target, before } = change;
  const keys = keysOf(channel);
  const state: Pick<State, "names" | "indexes"> = before?.state ?? { names: [], indexes: {} };
  const architectures = architecturesOf(state.indexes, change.stanzas);
  const { rows, changes } = await changesOf(change, { names: state.names, architectures });
  const { table, shards } = await withRows(state.names, rows, (digest) => source.object(keys.state(digest), digest));
  for (const [digest, bytes] of shards) await target.once(keys.state(digest), bytes);

  const indexes: Record<string, State["indexes"][string]> = {};
  const files: IndexFile[] = [];
  for (const architecture of architectures) {
    const path = `main/binary-${architecture}/Packages`;
    const old = await storedIndex(state.indexes[architecture], { keys, path, source });
    const index = await withRecords(old, changes.get(architecture) ?? new Map(), { parse: parseStanzas });
    const { plain, packed } = filesOf(path, index);
    for (const file of packed) await target.once(keys.byHash(file.path, file.sha256), index.files[file.form]);
    files.push(plain, ...packed);
    const digests = Object.fromEntries(packed.map(({ form, sha256 }) => [form, sha256]));
    indexes[architecture] = { pieces: [...index.pieces], files: digestsSchema.parse(digests) };
  }
  const next = canonicalBytes({ kiln: 1, size: source.checkpoint.size, names: table, indexes } satisfies State);
  await target.once(keys.state(digestOf(next)), next);
  const text = releaseText({
    origin: source.origin,
    channel,
    architectures,
    files: files.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    date: Math.max(before?.date ?? 0, source.signer.now),
    state: digestOf(next),
  });
  return Buffer.from(await source.signer.signText(text));
}

function architecturesOf(indexes: State["indexes"], stanzas: Change["stanzas"]): string[] {
  const found = [...stanzas.values()].flat().map(({ architecture }) => architecture);
  const all = new Set([...usualArchitectures, ...Object.keys(indexes), ...found]);
  all.delete("all");
  return [...all].toSorted();
}

/** What each index gains and loses. A package for all architectures stands in each of them. */
async function changesOf(
  { stanzas, source, channel }: Change,
  { names, architectures }: { readonly names: Table; readonly architectures: readonly string[] },
) {
  const keys = keysOf(channel);
  const rows = new Map<string, Row>();
  const changes = new Map(architectures.map((architecture) => [architecture, new Map<string, string | undefined>()]));
  for (const [name, shown] of stanzas) {
    const row = await lookup(names, name, (digest) => source.object(keys.state(digest), digest));
    const gone = row === undefined ? {} : rowSchema.parse(row);
    const now: Record<string, string[]> = {};
    for (const architecture of architectures) {
      const index = changes.get(architecture) as Map<string, string | undefined>;
      for (const key of gone[architecture] ?? []) index.set(key, undefined);
      const own = shown.filter((stanza) => stanza.architecture === architecture || stanza.architecture === "all");
      // Of two files for one package and version, the newer release's counts: it comes first.
      for (const { key, text } of own.toReversed()) index.set(key, text);
      if (own.length > 0) now[architecture] = [...new Set(own.map(({ key }) => key))].toSorted();
    }
    rows.set(name, now);
  }
  return { rows, changes };
}

async function storedIndex(
  stored: State["indexes"][string] | undefined,
  place: { readonly keys: ReturnType<typeof keysOf>; readonly path: string; readonly source: RepositorySource },
): Promise<CompressedIndex> {
  if (stored === undefined) return emptyIndex;
  const { keys, path, source } = place;
  const read = async (form: Form) => {
    const digest = stored.files[form];
    return Buffer.from(await source.object(keys.byHash(`${path}.${form}`, digest), digest));
  };
  const [gz, xz, zst] = (await Promise.all(forms.map(read))) as [Buffer, Buffer, Buffer];
  return { pieces: stored.pieces, files: { gz, xz, zst } };
}

/** Copies what InRelease names to where clients without by-hash look. If we stop here, the next publisher does it again. */
async function writeUsualPaths(inRelease: Uint8Array, { channel, source, target }: Suite): Promise<void> {
  const keys = keysOf(channel);
  const { text } = await readInRelease(inRelease, keys.inRelease, source.signer);
  const files = text.matchAll(/^ ([0-9a-f]{64}) +\d+ (\S+)$/gm);
  for (const [, digest = "", path = ""] of files) {
    if (path.endsWith("/Packages")) continue;
    const bytes = await source.object(keys.byHash(path, digest), digest);
    await target.swap(keys.path(path), (current) =>
      current !== undefined && digestOf(current) === digest ? undefined : bytes,
    );
  }
  const release = Buffer.from(text);
  await target.swap(keys.release, (current) => (current !== undefined && release.equals(current) ? undefined : release));
  const signature = Buffer.from(await source.signer.signBytes(release));
  await target.swap(keys.signature, () => signature);
}
