// What the leaves of one name add up to. Leaf by leaf, in the log's order, nothing but the leaf and what came before it decides:
// so a page that grew publish by publish is the page that a rebuild or an audit makes of the whole log.

import type { Leaf } from "../../artifact/leaf.ts";
import type { Manifest } from "../../artifact/manifest.ts";
import { packagesOf, summaryOf } from "./packages.ts";
import type { ChannelRow, Event, FrontRow, NameState, ReleaseRow } from "./state.ts";

/** How many releases, or events, a page of older ones has; the name's own page shows up to twice as many. */
export const perPage = 100;

/** A name before its first leaf. */
export function emptyName(name: string, first: number): NameState {
  const pages = { channels: [], releases: [], olderReleases: [], events: [] };
  return { name, taken: first, changed: first, time: 0, keys: [], ...pages };
}

/**
 * The state with the leaf at `index` in it, changed in place, and so is `known`: the release that it speaks of, if that was
 * taken in before. What points at no release, or names another manifest than the release has, says nothing.
 */
export function takeLeaf(state: NameState, index: number, leaf: Leaf, known: ReleaseRow | undefined): void {
  state.taken = index + 1;
  const { version, time, manifest } = leaf;
  if (leaf.type === "release" || leaf.type === "channel") Object.assign(state, { changed: index, time });
  if (leaf.type === "release") {
    // Of two with one version the first counts.
    if (known === undefined) state.releases.push({ version, leaf: index, time, manifest });
    return;
  }
  if (leaf.type === "refusal") {
    const text = `${leaf.gate}: got ${leaf.got}, want ${leaf.wanted}`;
    const channel = leaf.channel === null ? {} : { channel: leaf.channel };
    state.events.push({ leaf: index, time, what: "refused", version, ...channel, text });
    return;
  }
  if (known === undefined || known.manifest !== manifest) return;
  const event = eventOf(index, leaf, state);
  if (leaf.type !== "channel") {
    changeRow(known, leaf);
    known.changed = index;
  }
  state.events.push(event);
}

type Later = Exclude<Leaf, { readonly type: "release" | "refusal" }>;

function eventOf(index: number, leaf: Later, state: NameState): Event {
  const event = { leaf: index, time: leaf.time, version: leaf.version };
  switch (leaf.type) {
    case "channel":
      return { ...event, what: "moved", channel: leaf.channel, ...moveChannel(leaf, state) };
    case "alias":
      return { ...event, what: "alias", text: leaf.alias };
    case "attestation":
      return { ...event, what: "attested", text: leaf.predicateType };
    case "yank":
      return { ...event, what: "yanked", text: leaf.reason };
    case "unyank":
      return { ...event, what: "unyanked" };
    case "retire":
      return { ...event, what: "retired", text: leaf.reason };
  }
}

/** Moves the channel, and says what it showed before. What there is to install isn't known yet. */
function moveChannel(
  { channel, version, counter, time }: Extract<Leaf, { readonly type: "channel" }>,
  { channels }: NameState,
): { from?: string } {
  const row = { channel, version, counter, time, packages: [] };
  const place = channels.findIndex((one) => one.channel === channel);
  if (place < 0) {
    channels.push(row);
    return {};
  }
  const [before] = channels.splice(place, 1, row);
  return before === undefined ? {} : { from: before.version };
}

function changeRow(row: ReleaseRow, leaf: Exclude<Later, { readonly type: "channel" }>): void {
  switch (leaf.type) {
    case "alias":
      row.aliases = [...new Set([...(row.aliases ?? []), leaf.alias])];
      return;
    case "attestation": {
      const { predicateType: type, digest, time } = leaf;
      row.attestations = [...(row.attestations ?? []), { type, digest, time }];
      return;
    }
    case "yank":
      row.yanked = leaf.reason;
      return;
    case "unyank":
      delete row.yanked;
      return;
    case "retire":
      row.retired = leaf.reason;
  }
}

/** What the manifest of a release adds to its row. */
export function describeRelease(row: ReleaseRow, manifest: Manifest): void {
  const kinds = [...new Set(manifest.artifacts.map(({ kind }) => kind))].toSorted();
  const imported = manifest.imported === undefined ? {} : { imported: true as const };
  row.of = { kinds, commit: manifest.source.commit, ...imported };
}

/** What the manifest of the newest release adds to its name. */
export function describeName(state: NameState, manifest: Manifest): void {
  const summary = summaryOf(manifest);
  const { repository } = manifest.source;
  delete state.summary;
  delete state.repository;
  if (summary !== undefined) state.summary = summary;
  if (repository !== null) state.repository = repository;
}

/** What the manifest of the release that a channel shows adds to it. */
export function describeChannel(row: ChannelRow, manifest: Manifest): void {
  row.packages = packagesOf(manifest);
}

/** Channels of a name that the front page has room for. */
const mostShown = 6;

/** What the front page shows of a name. */
export function frontRowOf({ name, releases, channels, changed, time }: NameState): FrontRow {
  const newest = releases.at(-1);
  return {
    name,
    leaf: changed,
    time,
    ...(newest === undefined ? {} : { version: newest.version }),
    channels: channels.slice(0, mostShown).map(({ channel, version }) => [channel, version]),
    count: channels.length,
  };
}
