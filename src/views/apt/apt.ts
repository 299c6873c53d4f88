// `dists/<channel>/`: a channel of all names as an apt repository, one suite. InRelease is swapped last and names the rest by digest,
// under by-hash; clients that don't know by-hash, and mirrors, read the usual paths, which are copies of what InRelease names.
// Which stanzas there are is said by the log's moves alone: see ../shown.ts.

import { z } from "zod";

import { digestOf } from "../../artifact/digest.ts";
import { canonicalBytes } from "../../artifact/json.ts";
import { KilnError } from "../../errors.ts";
import { type CompressedIndex, emptyIndex, type Form, forms, withRecords } from "../compressed-index.ts";
import type { ChannelChange, Shown } from "../shown.ts";
import { lookup, type Row, type Table, withRows } from "../table.ts";
import type { RepositorySource, View, ViewTarget } from "../view.ts";
import { filesOf, type IndexFile, readInRelease, releaseText } from "./release.ts";
import { parseStanzas, type Stanza, stanzasOf } from "./stanza.ts";
import { parseSuiteState, preferencesText, suiteKeys, type SuiteKeys, type SuiteState } from "./suite.ts";

/** In every suite, with packages or without: a client of a common machine finds its index. */
const usualArchitectures = ["amd64", "arm64"];

export const aptView: View<RepositorySource> = {
  name: "apt",
  async take(_, source, target) {
    const channels = Map.groupBy(source.changes, ({ channel }) => channel);
    for (const [channel, changes] of channels) await takeChannel({ channel, changes, source, target });
  },
};

const rowSchema = z.record(z.string(), z.array(z.string()));

interface Suite {
  readonly channel: string;
  readonly changes: readonly ChannelChange[];
  readonly source: RepositorySource;
  readonly target: ViewTarget;
}

async function takeChannel(suite: Suite): Promise<void> {
  const { channel, changes, source, target } = suite;
  const keys = suiteKeys(channel);
  const stanzas = new Map(changes.map(({ name, now }) => [name, packagesIn(now)]));
  const hadNone = changes.every(({ before }) => packagesIn(before).length === 0);
  const hasNone = [...stanzas.values()].every((list) => list.length === 0);
  if (hasNone && hadNone && !source.afresh) return;
  const made = new Map<string, Uint8Array>();
  let before: Before | undefined;
  await target.swap(keys.inRelease, async (found) => {
    before = found === undefined ? undefined : await beforeIn(found, suite);
    // A channel without a single .deb is no suite.
    if (hasNone && before?.state === undefined) return undefined;
    if (before?.state !== undefined && before.state.size >= source.checkpoint.size) return undefined;
    return await nextInRelease({ ...suite, stanzas, before, made });
  });
  const isSettled = before?.state !== undefined && before.state.size <= source.settled;
  await writeUsualPaths(suite, { made, before: isSettled ? (before?.text ?? "") : "" });
}

function packagesIn(shown: readonly Shown[]): Stanza[] {
  return shown.flatMap(({ manifest, yanked }) => (yanked === null ? stanzasOf(manifest) : []));
}

interface Before {
  /** Of the Release; empty when nothing of it is built upon. */
  readonly text: string;
  readonly date: number;
  /** Undefined: nothing of it is built upon. */
  readonly state: SuiteState | undefined;
}

async function beforeIn(found: Uint8Array, { channel, source }: Suite): Promise<Before> {
  const keys = suiteKeys(channel);
  try {
    const { date, state, text } = await readInRelease(found, keys.inRelease, source.signer);
    if (source.afresh) return { text: "", date, state: undefined };
    const key = keys.state(state);
    return { text, date, state: parseSuiteState(await source.object(key, state), key) };
  } catch (error) {
    // What somebody spoilt is written anew, and is in nobody's way.
    if (source.afresh && error instanceof KilnError) return { text: "", date: 0, state: undefined };
    throw error;
  }
}

interface Change extends Suite {
  /** What each name that moved shows now. */
  readonly stanzas: ReadonlyMap<string, readonly Stanza[]>;
  readonly before: Before | undefined;
  /** Takes in the index files that are made, by digest. */
  readonly made: Map<string, Uint8Array>;
}

async function nextInRelease(change: Change): Promise<Buffer> {
  const { channel, source, target, before } = change;
  const keys = suiteKeys(channel);
  const state: Pick<SuiteState, "names" | "indexes"> = before?.state ?? { names: [], indexes: {} };
  const architectures = architecturesOf(state.indexes, change.stanzas);
  const { rows, changes } = await changesOf(change, { names: state.names, architectures });
  const { table, shards } = await withRows(state.names, rows, (digest) => source.object(keys.state(digest), digest));
  for (const [digest, bytes] of shards) await target.once(keys.state(digest), bytes);

  const indexes: Record<string, SuiteState["indexes"][string]> = {};
  const files: IndexFile[] = [];
  for (const architecture of architectures) {
    const path = `main/binary-${architecture}/Packages`;
    const old = await storedIndex(state.indexes[architecture], { keys, path, source });
    const index = await withRecords(old, changes.get(architecture) ?? new Map(), { parse: parseStanzas });
    const { plain, packed } = await filesOf(path, index);
    for (const { path: of, sha256, form } of packed) {
      await target.once(keys.byHash(of, sha256), index.files[form]);
      change.made.set(sha256, index.files[form]);
    }
    files.push(plain, ...packed);
    const digests = Object.fromEntries(packed.map(({ form, sha256 }) => [form, sha256])) as Record<Form, string>;
    indexes[architecture] = { pieces: [...index.pieces], files: digests };
  }
  await target.once(keys.preferences, Buffer.from(preferencesText({ origin: source.origin, channel })));
  const next = canonicalBytes({ kiln: 1, size: source.checkpoint.size, names: table, indexes } satisfies SuiteState);
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

function architecturesOf(indexes: SuiteState["indexes"], stanzas: Change["stanzas"]): string[] {
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
  const keys = suiteKeys(channel);
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
  stored: SuiteState["indexes"][string] | undefined,
  place: { readonly keys: SuiteKeys; readonly path: string; readonly source: RepositorySource },
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

/**
 * Copies what InRelease names to where clients without by-hash look: what is other than `before`. Whoever was slower copies the newer
 * InRelease's files once more. If we stop here, the next publisher finds more leaves in InRelease than are settled, and copies all.
 */
async function writeUsualPaths(
  { channel, source, target }: Suite,
  { made, before }: { readonly made: ReadonlyMap<string, Uint8Array>; readonly before: string },
): Promise<void> {
  const keys = suiteKeys(channel);
  let copied: Uint8Array | undefined;
  for (;;) {
    const current = await target.read(keys.inRelease);
    if (current === undefined || (copied !== undefined && Buffer.compare(current, copied) === 0)) return;
    const { text } = await readInRelease(current, keys.inRelease, source.signer);
    for (const [line, digest = "", path = ""] of text.matchAll(/^ ([0-9a-f]{64}) +\d+ (\S+\.(?:gz|xz|zst))$/gm)) {
      if (copied === undefined && before.includes(`${line}\n`)) continue;
      await target.copy(keys.path(path), made.get(digest) ?? (await source.object(keys.byHash(path, digest), digest)));
    }
    const release = Buffer.from(text);
    await target.copy(keys.release, release);
    await target.copy(keys.signature, Buffer.from(await source.signer.signBytes(release)));
    copied = current;
  }
}
