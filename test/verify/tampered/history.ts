// Rows: what somebody appends who holds the keys, and what the pinned trust file doesn't allow.

import type { ChannelLeaf, Leaf, ReleaseLeaf } from "../../../src/artifact/leaf.ts";
import type { ReleaseKey } from "../../../src/artifact/trust.ts";
import type { Code } from "../../../src/errors.ts";
import { decodeBundle } from "../../../src/log/entries.ts";
import { appendLeaves, appendWithoutViews, billing, type TamperedStore, type Tampering } from "../tampered-store.ts";

async function releaseLeaf(store: TamperedStore): Promise<ReleaseLeaf> {
  return (await billing(store)).leaf as ReleaseLeaf;
}

/** The third move of production, as it should be; the second is at leaf 16. */
async function nextMove(store: TamperedStore): Promise<ChannelLeaf> {
  const { kiln, name, version, manifest, time } = await releaseLeaf(store);
  return { type: "channel", kiln, name, version, manifest, time, channel: "production", counter: 3, follows: 16 };
}

async function refusal(store: TamperedStore): Promise<Leaf> {
  const { kiln, name, manifest, time } = await releaseLeaf(store);
  const numbers = { got: "lines 80 %", wanted: "at least 90 %" };
  return { type: "refusal", kiln, name, version: "1.2.0", manifest, time, gate: "coverage", channel: null, ...numbers };
}

function appended(title: string, change: (store: TamperedStore) => Promise<Leaf>, row: Partial<Tampering>): Tampering {
  return { title, tamper: async (store) => appendLeaves(store, [await change(store)]), ...row };
}

/** The records of the first release's signatures once more, then the leaf. */
function released(title: string, change: (store: TamperedStore) => Promise<Leaf>, row: Partial<Tampering>): Tampering {
  return { title, tamper: async (store) => appendLeaves(store, [await change(store)], await records(store)), ...row };
}

async function records(store: TamperedStore): Promise<readonly Uint8Array[]> {
  const bundle = "log/tile/entries/000.p/23";
  return decodeBundle(await store.read(bundle), bundle).slice(0, 5);
}

function pinned(title: string, change: Partial<ReleaseKey>, row: Partial<Tampering>): Tampering {
  return {
    title,
    tamper: async (store) => {
      const release = store.trust.release.map((key) => ({ ...key, ...change }));
      store.trust = { ...store.trust, release };
    },
    ...row,
  };
}

export const history: readonly Tampering[] = [
  appended("a move that follows the last one", nextMove, {}),
  appended("a move with a counter left out", async (store) => ({ ...(await nextMove(store)), counter: 4 }), {
    audit: ["CHANNEL_CONFLICTING"],
  }),
  appended("a move with the counter of the one before", async (store) => ({ ...(await nextMove(store)), counter: 2 }), {
    audit: ["CHANNEL_CONFLICTING"],
  }),
  appended("a move that follows another", async (store) => ({ ...(await nextMove(store)), follows: 15 }), {
    audit: ["CHANNEL_CONFLICTING"],
  }),
  appended("a move that follows nothing", async (store) => ({ ...(await nextMove(store)), follows: null }), {
    audit: ["CHANNEL_CONFLICTING"],
  }),
  appended(
    "a move to a version that there isn't",
    async (store) => ({ ...(await nextMove(store)), version: "9.9.9" }),
    {
      audit: ["CHANNEL_CONFLICTING"],
    },
  ),
  appended(
    "a move to another manifest",
    async (store) => ({ ...(await nextMove(store)), manifest: "0".repeat(64) }),
    // The move, and the document that shows it with another release.
    { audit: ["CHANNEL_CONFLICTING", "SUBJECT_MISMATCH"] },
  ),
  released("a second release of a version", async (store) => releaseLeaf(store), { audit: ["RELEASE_CONFLICT"] }),
  released("a second release of a commit", async (store) => ({ ...(await releaseLeaf(store)), version: "1.0.9" }), {
    // Its manifest is the other version's.
    audit: ["RELEASE_CONFLICT", "SUBJECT_MISMATCH"],
  }),
  released(
    "a release of a version that is an alias",
    async (store) => ({ ...(await releaseLeaf(store)), version: "v1.1", claims: null }),
    { audit: ["RELEASE_CONFLICT"] },
  ),
  {
    title: "a release without the records of its signatures",
    tamper: async (store) => {
      const leaf: Leaf = { ...(await releaseLeaf(store)), version: "1.0.9", claims: null, entries: 1 };
      await appendWithoutViews(store, leaf);
    },
    // It has none, it should have five, and its manifest is the other version's.
    audit: ["ENTRY_UNEXPECTED", "SUBJECT_MISMATCH"],
    notes: ["VIEW_BEHIND", "VIEW_BEHIND"],
  },
  released(
    "a release that counts its records wrong",
    async (store) => ({ ...(await releaseLeaf(store)), version: "1.0.9", claims: null, entries: 4 }),
    { audit: ["ENTRY_UNEXPECTED", "SUBJECT_MISMATCH"] },
  ),
  released(
    "a release whose manifest isn't there",
    async (store) => ({ ...(await releaseLeaf(store)), version: "1.0.9", claims: null, manifest: "0".repeat(64) }),
    { audit: ["OBJECT_MISSING"] },
  ),
  appended("a refusal", refusal, {}),
  appended("a refusal of another name's release", async (store) => ({ ...(await refusal(store)), name: "other" }), {}),
  {
    title: "records of signatures without a release",
    tamper: async (store) => appendLeaves(store, [], await records(store)),
    audit: ["ENTRY_UNEXPECTED"],
  },
  appended(
    "a second meaning of an alias",
    async (store) => {
      const { kiln, name, version, manifest, time } = await releaseLeaf(store);
      return { type: "alias", kiln, name, version, manifest, time, alias: "v1.1" };
    },
    { audit: ["RELEASE_CONFLICT"] },
  ),
  pinned(
    "a release key that counts no more",
    { until: 0 },
    {
      release: ["KEY_NOT_ALLOWED"],
      audit: refusedLeaves(8, 6),
      notes: ["OBJECT_UNUSED", "TRUST_DIFFERS"],
    },
  ),
  pinned(
    "a release key that counts from the release's own entry on",
    { from: 5 },
    {
      // The signatures, and each of the six bundles beside the two artifacts.
      release: Array.from({ length: 7 }, () => "KEY_NOT_ALLOWED" as const),
      audit: ["KEY_NOT_ALLOWED"],
      notes: ["TRUST_DIFFERS"],
    },
  ),
  pinned(
    "a release key that isn't allowed for the name",
    { names: ["website"] },
    {
      release: ["KEY_NOT_ALLOWED"],
      audit: refusedLeaves(7, 5),
      notes: ["OBJECT_UNUSED", "TRUST_DIFFERS"],
    },
  ),
  pinned(
    "a release key that isn't allowed for the channel",
    { channels: ["staging"] },
    {
      audit: refusedLeaves(2, 1),
      notes: ["TRUST_DIFFERS"],
    },
  ),
  {
    title: "an OpenPGP key that counts no more",
    tamper: async (store) => {
      const openpgp = store.trust.openpgp.map((key) => ({ ...key, until: 0 }));
      store.trust = { ...store.trust, openpgp };
    },
    // Both artifacts' signatures, in the release's document and beside them; six artifacts in the store.
    release: Array.from({ length: 4 }, () => "KEY_NOT_ALLOWED" as const),
    audit: Array.from({ length: 6 }, () => "KEY_NOT_ALLOWED" as const),
    notes: ["TRUST_DIFFERS"],
  },
];

/** Leaves that don't count, documents that nothing explains then, and a catalog that took them in. */
function refusedLeaves(leaves: number, documents: number): readonly Code[] {
  return [
    ...Array.from({ length: leaves }, () => "KEY_NOT_ALLOWED" as const),
    ...Array.from({ length: documents }, () => "OBJECT_UNKNOWN" as const),
    "VIEW_MISMATCH",
  ];
}
