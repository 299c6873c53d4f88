// `dists/<channel>/`: a channel of all names as an apt repository, one suite. InRelease is swapped last and names the rest by digest,
// under by-hash; clients that don't know by-hash, and mirrors, read the usual paths: see usual-paths.ts.
// Which stanzas there are is said by the log's moves alone: see ../shown.ts.

import { type Digest, digestOf } from "../../artifact/digest.ts";
import { canonicalBytes } from "../../artifact/json.ts";
import { KilnError } from "../../errors.ts";
import { giveBack } from "../../system/give-back.ts";
import { type Form, forms, withRecords } from "../compressed-index.ts";
import type { ChannelChange, Shown } from "../shown.ts";
import type { Recheck, RepositorySource, View, ViewTarget } from "../view.ts";
import { aptGenerations } from "./kept.ts";
import { mirrorSuites } from "./mirror.ts";
import { type IndexFile, listedFiles, packedFiles, plainFile, readInRelease, redated, releaseText } from "./release.ts";
import { parseStanzas, type Stanza, stanzasOf } from "./stanza.ts";
import { packagesForAll, storedIndex } from "./stored-index.ts";
import { indexesOf, parseSuiteState, placeOf, preferencesText, stands, suiteKeys, type SuiteState } from "./suite.ts";
import { type ReleaseBefore, releaseSignature, writeSignature, writeUsualPaths } from "./usual-paths.ts";

export const aptView: View<RepositorySource> = {
  name: "apt",
  mirror: mirrorSuites,
  async take(_, source, target) {
    const channels = Map.groupBy(source.changes, ({ channel }) => channel);
    const rechecks: Recheck[] = [];
    for (const [channel, changes] of channels) {
      const recheck = await takeChannel({ channel, changes, source, target });
      if (recheck !== undefined) rechecks.push(recheck);
    }
    return async () => {
      for (const recheck of rechecks) await recheck();
    };
  },
  /** The same lists of indexes with a new date; no index is touched. A channel that is no suite stays none. */
  async refresh(channel, { signer }, target) {
    const keys = suiteKeys(channel);
    const current = await target.swap(keys.inRelease, async (found) => {
      if (found === undefined) return undefined;
      const { text, date } = await readInRelease(found, keys.inRelease, signer);
      const next = Math.max(date, signer.now);
      return Buffer.from(await signer.signText(redated(text, { date: next, validFor: signer.validFor(channel) })));
    });
    if (current !== undefined) await writeSignature({ keys, signer, target, current });
    return current !== undefined;
  },
  generations: aptGenerations,
};

interface Suite {
  readonly channel: string;
  readonly changes: readonly ChannelChange[];
  readonly source: RepositorySource;
  readonly target: ViewTarget;
}

async function takeChannel(suite: Suite): Promise<Recheck | undefined> {
  const { channel, changes, source, target } = suite;
  const keys = suiteKeys(channel);
  const stanzas = new Map(changes.map(({ name, now }) => [name, packagesIn(now)]));
  const hadNone = changes.every(({ before }) => packagesIn(before).length === 0);
  const hasNone = [...stanzas.values()].every((list) => list.length === 0);
  if (hasNone && hadNone && !source.afresh) return undefined;
  const { signer } = source;
  let before: Before | undefined;
  let made: Made | undefined;
  let old: ReleaseBefore | undefined;
  const current = await target.swap(keys.inRelease, async (found) => {
    made = old = undefined;
    before = found === undefined ? undefined : await beforeIn(found, suite);
    // A channel without a single .deb is no suite.
    if (hasNone && before?.state === undefined) return undefined;
    if (before?.state !== undefined && before.state.size >= source.checkpoint.size) return undefined;
    made = await nextInRelease({ ...suite, stanzas, before });
    // Signed before the swap, so that the usual paths follow it at once.
    if (before?.state !== undefined && before.state.size <= source.settled) {
      old = { text: before.text, signature: await releaseSignature(signer, before.text, before.date) };
    }
    return made.inRelease;
  });
  if (current === undefined) return undefined;
  return writeUsualPaths({ keys, signer, target, current, signature: made?.signature, before: old });
}

interface Made {
  readonly inRelease: Uint8Array;
  /** Of its text alone. */
  readonly signature: Uint8Array;
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
  /** Of the state that the next one takes the place of. */
  readonly digest?: Digest;
}

async function beforeIn(found: Uint8Array, { channel, source }: Suite): Promise<Before> {
  const keys = suiteKeys(channel);
  try {
    const { date, state, text } = await readInRelease(found, keys.inRelease, source.signer);
    if (source.afresh) return { text: "", date, state: undefined, digest: state };
    const key = keys.state(state);
    return { text, date, state: parseSuiteState(await source.object(key, state), key), digest: state };
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
}

async function nextInRelease(change: Change): Promise<Made> {
  const { channel, source, target, before } = change;
  const { signer } = source;
  const keys = suiteKeys(channel);
  const indexesBefore = before?.state?.indexes ?? {};
  const names = indexesOf(Object.keys(indexesBefore), [...change.stanzas.values()].flat());
  const changes = changesOf(change, names);
  for (const name of names) {
    const gained = await packagesForAll({ indexes: indexesBefore }, name, { keys, source });
    for (const { key, text, of } of gained) if (!change.stanzas.has(of)) changes.get(name)?.set(key, text);
  }
  if (before?.state === undefined) {
    await target.once(keys.preferences, Buffer.from(preferencesText({ origin: source.origin, channel })));
  }

  const indexes: Record<string, SuiteState["indexes"][string]> = {};
  const files: IndexFile[] = [];
  for (const name of names) {
    const made = await nextIndex(change, {
      name,
      stored: indexesBefore[name],
      changes: changes.get(name) ?? new Map(),
    });
    indexes[name] = made.index;
    files.push(...made.files);
  }
  const next = canonicalBytes({
    kiln: 1,
    size: source.checkpoint.size,
    indexes,
    ...(before?.digest === undefined ? {} : { before: before.digest }),
  } satisfies SuiteState);
  await target.once(keys.state(digestOf(next)), next);
  const date = Math.max(before?.date ?? 0, signer.now);
  const text = releaseText({
    origin: source.origin,
    channel,
    places: names.map(placeOf),
    files: files.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    date,
    validFor: signer.validFor(channel),
    state: digestOf(next),
  });
  return {
    inRelease: Buffer.from(await signer.signText(text)),
    signature: await releaseSignature(signer, text, date),
  };
}

interface IndexChange {
  readonly name: string;
  readonly stored: SuiteState["indexes"][string] | undefined;
  readonly changes: ReadonlyMap<string, string | undefined>;
}

/** One index with its changes, written; one that doesn't change isn't even read. */
async function nextIndex(
  { channel, source, target, before }: Change,
  { name, stored, changes }: IndexChange,
): Promise<{ index: SuiteState["indexes"][string]; files: readonly IndexFile[] }> {
  const keys = suiteKeys(channel);
  const { path } = placeOf(name);
  const listed = changes.size === 0 && stored !== undefined ? listedFiles(before?.text ?? "", path) : [];
  if (stored !== undefined && listed.length > forms.length) return { index: stored, files: listed };
  const old = await storedIndex(stored, { keys, path, source });
  const index = await withRecords(old, changes, { parse: parseStanzas });
  if (stored !== undefined) for (const form of forms) giveBack(old.files[form]);
  const packed = packedFiles(path, index);
  const writing = packed.map(({ path: of, sha256, form }) => target.once(keys.byHash(of, sha256), index.files[form]));
  // Hashing the text goes on beside it.
  const [plain] = await Promise.all([plainFile(path, index), ...writing]);
  const digests = Object.fromEntries(packed.map(({ form, sha256 }) => [form, sha256])) as Record<Form, string>;
  return { index: { pieces: [...index.pieces], files: digests }, files: [plain, ...packed] };
}

/** What each index gains and loses. A package for all architectures stands in each of its component. */
function changesOf(
  { changes: moved, stanzas }: Change,
  indexes: readonly string[],
): ReadonlyMap<string, Map<string, string | undefined>> {
  const changes = new Map(indexes.map((index) => [index, new Map<string, string | undefined>()]));
  for (const { name, before } of moved) {
    const gone = before.flatMap(({ manifest }) => stanzasOf(manifest));
    const now = stanzas.get(name) ?? [];
    for (const [index, change] of changes) {
      for (const stanza of gone) if (stands(stanza, index)) change.set(stanza.key, undefined);
      // Of two files for one package and version, the newer release's counts: it comes first.
      for (const stanza of now.toReversed()) if (stands(stanza, index)) change.set(stanza.key, stanza.text);
    }
  }
  return changes;
}
