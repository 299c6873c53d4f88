// Rows: the log's own objects. An attacker without the log key can only break it; with it, only fork it.

import { randomBytes } from "node:crypto";

import { generateKey } from "openpgp";

import { vkeyOf } from "../../../src/artifact/log-key.ts";
import { keys } from "../../../src/artifact/pool.ts";
import { trustedRoot } from "../../../src/artifact/sigstore.ts";
import { trustDocuments } from "../../../src/artifact/trust-documents.ts";
import type { Trust } from "../../../src/artifact/trust.ts";
import type { Code } from "../../../src/errors.ts";
import { type Checkpoint, logOf, signCheckpoint } from "../../../src/log/checkpoint.ts";
import { decodeBundle, encodeBundle } from "../../../src/log/entries.ts";
import { headBytes, readHead } from "../../../src/log/head.ts";
import { emptyEdge, extendEdge, leafHash, rootOf } from "../../../src/log/merkle.ts";
import { createStore } from "../../../src/publish/create-store.ts";
import { publishRelease } from "../../../src/publish/release.ts";
import { openMemoryStore } from "../../faults/memory-store.ts";
import { makeBake } from "../../fixtures/store-builder.ts";
import {
  edit,
  editText,
  flip,
  strangeSigner,
  takeOver,
  type TamperedStore,
  type Tampering,
} from "../tampered-store.ts";

const bundle = "log/tile/entries/000.p/23";
const tile = "log/tile/0/000.p/23";

async function editEntry(store: TamperedStore, index: number, change: (entry: string) => string): Promise<void> {
  await edit(store, bundle, (bytes) => {
    const entries = decodeBundle(bytes, bundle);
    return encodeBundle(entries.map((entry, at) => (at === index ? Buffer.from(change(entry.toString())) : entry)));
  });
}

/** Releases' leaf of billing@1.0.0. */
const release = 5;
/** The first record of a signature. */
const record = 0;

export const log: readonly Tampering[] = [
  {
    title: "a record changed in its bundle",
    tamper: async (store) => editEntry(store, record, (entry) => entry.replace(/"content":"..../, '"content":"AAAA')),
    audit: ["PROOF_INVALID", "STORE_CORRUPT"],
  },
  {
    title: "a release's entry changed in its bundle",
    tamper: async (store) => editEntry(store, release, (entry) => entry.replace(/"sig":"..../, '"sig":"AAAA')),
    audit: lostRelease("SIGNATURE_INVALID"),
  },
  {
    title: "an entry with a member twice",
    tamper: async (store) => editEntry(store, record, (entry) => entry.replace("{", '{"kind":"hashedrekord",')),
    audit: ["STORE_CORRUPT", "ENTRY_UNEXPECTED", "PROOF_INVALID", "STORE_CORRUPT"],
  },
  {
    title: "an entry that isn't canonical JSON",
    tamper: async (store) => editEntry(store, record, (entry) => `${entry} `),
    audit: ["STORE_CORRUPT", "ENTRY_UNEXPECTED", "PROOF_INVALID", "STORE_CORRUPT"],
  },
  {
    title: "an entry that isn't JSON",
    tamper: async (store) => editEntry(store, release, () => "nothing"),
    audit: lostRelease("STORE_CORRUPT"),
  },
  {
    title: "an entry dropped from its bundle",
    tamper: async (store) =>
      edit(store, bundle, (bytes) => encodeBundle(decodeBundle(bytes, bundle).toSpliced(release, 1))),
    audit: ["STORE_CORRUPT"],
  },
  {
    title: "a bundle cut short",
    tamper: async (store) => edit(store, bundle, (bytes) => bytes.subarray(0, -1)),
    audit: ["STORE_CORRUPT"],
  },
  { title: "no bundle", tamper: async (store) => store.remove(bundle), audit: ["STORE_CORRUPT"] },
  {
    title: "an older tree's bundle changed",
    tamper: async (store) => edit(store, "log/tile/entries/000.p/7", (bytes) => flip(bytes, 40)),
    audit: ["STORE_CORRUPT"],
  },
  {
    title: "a hash changed in a tile",
    tamper: async (store) => edit(store, tile, (bytes) => flip(bytes)),
    audit: ["STORE_CORRUPT"],
  },
  { title: "no tile", tamper: async (store) => store.remove(tile), audit: ["OBJECT_MISSING"] },
  {
    title: "an older tree's tile changed",
    tamper: async (store) => edit(store, "log/tile/0/000.p/15", (bytes) => flip(bytes)),
    audit: ["STORE_CORRUPT"],
  },
  {
    title: "staged leaves changed",
    tamper: async (store) => store.write(keys.staging("0".repeat(64)), "other leaves"),
    audit: ["DIGEST_MISMATCH"],
  },
  {
    title: "a head with entries of another tree",
    tamper: async (store) => {
      const { checkpoint, edge, added } = await readHead(store.store, logOf(store.trust));
      if (added === null || !("row" in added)) throw new Error("no entries in the head");
      const row = [...added.row.slice(0, -1), Buffer.from("another entry")];
      await store.write(keys.head, headBytes({ checkpoint, edge, added: { from: added.from, row } }));
    },
    audit: ["STORE_CORRUPT"],
  },
  {
    title: "another root in the checkpoint",
    tamper: async (store) => editText(store, keys.checkpoint, /\n23\n.{4}/, "\n23\nAAAA"),
    audit: ["CHECKPOINT_INVALID"],
  },
  {
    title: "a checkpoint of another size",
    tamper: async (store) => editText(store, keys.checkpoint, "\n23\n", "\n22\n"),
    audit: ["CHECKPOINT_INVALID"],
  },
  {
    title: "a checkpoint of another origin",
    tamper: async (store) => editText(store, keys.checkpoint, /^[^\n]*/, "other.example"),
    audit: ["CHECKPOINT_INVALID"],
  },
  {
    title: "a checkpoint of a look-alike origin",
    tamper: async (store) => editText(store, keys.checkpoint, "log.example", "log.exаmple"),
    audit: ["CHECKPOINT_INVALID"],
  },
  {
    title: "a checkpoint signed by nobody",
    tamper: async (store) => editText(store, keys.checkpoint, /\n—[^\n]*\n$/, "\n"),
    audit: ["CHECKPOINT_INVALID"],
  },
  {
    title: "a checkpoint that isn't text",
    tamper: async (store) => store.write(keys.checkpoint, Buffer.of(0xff, 0x00)),
    audit: ["CHECKPOINT_INVALID"],
  },
  {
    title: "an older checkpoint, while the views know more",
    tamper: async (store) => store.write(keys.checkpoint, (await treeOfSeven(store)).checkpoint.note),
    // The catalog and a channel know a later tree, and four documents are of leaves that aren't in this one.
    audit: ["VIEW_MISMATCH", ...Array.from({ length: 5 }, () => "LOG_INCONSISTENT" as const)],
    notes: ["APPEND_UNFINISHED", "OBJECT_UNUSED"],
  },
  {
    title: "a checkpoint of another tree of the same size, signed by the log's key",
    tamper: async (store) => store.write(keys.checkpoint, checkpointAt(store, 23, Buffer.alloc(32, 1)).note),
    audit: ["LOG_INCONSISTENT", "PROOF_INVALID"],
  },
  {
    title: "an older head",
    tamper: async (store) => {
      const { checkpoint, edge } = await treeOfSeven(store);
      await store.write(keys.head, headBytes({ checkpoint, edge, added: null }));
    },
    audit: ["LOG_INCONSISTENT"],
  },
  {
    title: "a head whose edge leads elsewhere",
    tamper: async (store) => editText(store, keys.head, /"edge":\["..../, '"edge":["AAAA'),
    audit: ["STORE_CORRUPT"],
  },
  {
    title: "a head of garbage",
    tamper: async (store) => store.write(keys.head, "{}"),
    audit: ["STORE_CORRUPT"],
  },
  { title: "no head", tamper: async (store) => store.remove(keys.head), audit: ["OBJECT_MISSING"] },
  {
    title: "another log of the log's key, with a release by a stranger",
    tamper: async (store) => {
      const other = await forkedByStranger(store);
      for (const key of await store.find(/^log\//)) await store.remove(key);
      for (const key of await other.find(/^log\//)) await store.write(key, await other.read(key));
    },
    audit: ["SIGNATURE_INVALID", "VIEW_MISMATCH", ...Array.from({ length: 6 }, () => "LOG_INCONSISTENT" as const)],
    notes: ["OBJECT_UNUSED"],
  },
  ...["log/other", "log/tile/0/000.p/0", "log/tile/0/0000", "log/tile/x", "log/staging/x", "other", "trust/other"].map(
    (key): Tampering => ({
      title: `an unknown object ${key}`,
      tamper: async (store) => store.write(key, "x"),
      audit: ["OBJECT_UNKNOWN"],
    }),
  ),
  {
    title: "a store document of another log",
    tamper: async (store) => editText(store, keys.store, "log.example", "other.example"),
    audit: ["SUBJECT_MISMATCH"],
  },
  { title: "no store document", tamper: async (store) => store.remove(keys.store), audit: ["OBJECT_MISSING"] },
  {
    title: "a store document with a member more",
    tamper: async (store) => editText(store, keys.store, "{", '{"extra":1,'),
    audit: ["STORE_CORRUPT"],
  },
  {
    title: "another trust file in the store",
    tamper: async (store) => editText(store, keys.trust, '"*"', '"billing"'),
    notes: ["TRUST_DIFFERS"],
  },
  ...["openpgp.asc", "openpgp.gpg", "release-1.pem", "log.vkey", "trusted_root.json"].flatMap((file): Tampering[] => [
    {
      title: `a planted key in trust/${file}`,
      tamper: async (store) => store.write(`trust/${file}`, await strangeCopy(store, file)),
      audit: ["VIEW_MISMATCH"],
    },
    { title: `no trust/${file}`, tamper: async (store) => store.remove(`trust/${file}`), audit: ["OBJECT_MISSING"] },
  ]),
  {
    title: "a second release key in trust/",
    tamper: async (store) => store.write("trust/release-2.pem", await strangeCopy(store, "release-1.pem")),
    audit: ["OBJECT_UNKNOWN"],
  },
  {
    title: "a trusted root that counts from next year on",
    tamper: async ({ trust, write }) =>
      write("trust/trusted_root.json", trustedRoot(trust, Date.now() + 365 * 86_400_000)),
    audit: ["VIEW_MISMATCH"],
  },
];

/** What lies under this name when other keys are those of the store. */
async function strangeCopy({ trust }: TamperedStore, file: string): Promise<Uint8Array> {
  const userIDs = [{ name: "Kiln examples", email: "examples@kiln.invalid" }];
  const { publicKey } = await generateKey({ type: "ecc", curve: "ed25519Legacy", userIDs, format: "armored" });
  const strange: Trust = {
    ...trust,
    log: vkeyOf(trust.origin, randomBytes(32)),
    openpgp: trust.openpgp.map((key) => ({ ...key, publicKey })),
    release: trust.release.map((key) => ({ ...key, publicKey: strangeSigner().publicKey })),
  };
  const copies = Object.fromEntries(await Array.fromAsync(trustDocuments(strange, 0)));
  return copies[`trust/${file}`] as Uint8Array;
}

function checkpointAt({ publisher, trust }: TamperedStore, size: number, root: Buffer): Checkpoint {
  return signCheckpoint({ origin: trust.origin, size, root }, publisher.signers.log);
}

/** The tree after the first publish. */
async function treeOfSeven(store: TamperedStore) {
  const key = "log/tile/entries/000.p/7";
  const edge = extendEdge(emptyEdge, decodeBundle(await store.read(key), key).map(leafHash));
  return { checkpoint: checkpointAt(store, 7, rootOf(edge)), edge };
}

/** A store under the same log key, whose publisher believes in a release key of its own. */
async function forkedByStranger({ publisher }: TamperedStore): Promise<TamperedStore> {
  const { trust, signers } = publisher;
  const release = strangeSigner();
  const own = { ...trust, release: trust.release.map((key) => ({ ...key, publicKey: release.publicKey })) };
  const store = openMemoryStore();
  await createStore({ store, trust, signer: signers.log, now: 0 });
  const stranger = { ...publisher, store, trust: own, signers: { ...signers, release } };
  await publishRelease(stranger, { bake: makeBake({ name: "billing", version: "6.6.6", commit: "f" }) });
  return takeOver({ store, trust, publisher: stranger });
}

/** Release-leaf findings, when the leaf that three moves point at and the tree that it was in are gone. */
function lostRelease(code: Code): readonly Code[] {
  return [code, ...Array.from({ length: 3 }, () => "CHANNEL_CONFLICTING" as const), "PROOF_INVALID", "STORE_CORRUPT"];
}
