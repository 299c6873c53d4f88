// Rows: the documents that readers start from, and the catalog. All validly signed parts, put where they don't belong.

import { digestOf } from "../../../src/artifact/digest.ts";
import { canonicalBytes } from "../../../src/artifact/json.ts";
import { keys } from "../../../src/artifact/pool.ts";
import { decodeBundle } from "../../../src/log/entries.ts";
import { inclusionProof } from "../../../src/log/proof.ts";
import { tileReader } from "../../../src/log/tiles.ts";
import { billing, edit, editText, swapIn, type TamperedStore, type Tampering } from "../tampered-store.ts";

const first = keys.release("billing", "1.0.0");
const second = keys.release("billing", "1.1.0");
const alias = keys.release("billing", "v1.1");
const staging = keys.channel("billing", "staging");
const production = keys.channel("billing", "production");

type Json = Record<string, Record<string, unknown>>;

async function editJson(store: TamperedStore, key: string, change: (document: Json) => unknown): Promise<void> {
  await edit(store, key, (bytes) => {
    const document = JSON.parse(bytes.toString()) as Json;
    change(document);
    return canonicalBytes(document);
  });
}

/** The head of staging when it showed 1.0.0, as it was written then. */
async function olderHead(store: TamperedStore): Promise<void> {
  // Its first move is the leaf after the release; both are proven in the tree of the release's document.
  const { release, checkpoint } = JSON.parse((await store.read(first)).toString()) as Json;
  const bundle = "log/tile/entries/000.p/7";
  const entries = decodeBundle(await store.read(bundle), bundle);
  const proof = await inclusionProof({ index: 6, size: 7 }, tileReader(store.store, 7));
  const entry = entries[6] as Buffer;
  const move = { index: 6, entry: entry.toString("base64"), proof: proof.map((hash) => hash.toString("base64")) };
  await store.write(
    staging,
    canonicalBytes({ kiln: 1, name: "billing", channel: "staging", checkpoint, move, release }),
  );
}

export const documents: readonly Tampering[] = [
  {
    title: "another version's release document",
    tamper: async (store) => swapIn(store, second, first),
    release: ["SUBJECT_MISMATCH"],
    audit: ["SUBJECT_MISMATCH"],
  },
  {
    title: "an alias's document under the version",
    tamper: async (store) => swapIn(store, alias, second),
    audit: ["SUBJECT_MISMATCH"],
  },
  {
    title: "a release document with another index",
    tamper: async (store) => editJson(store, first, ({ release }) => ((release as Json[string])["index"] = 4)),
    release: ["PROOF_INVALID"],
    audit: ["PROOF_INVALID"],
  },
  {
    title: "a release document without a hash of its proof",
    tamper: async (store) =>
      editJson(store, first, ({ release }) => (release as { proof: unknown[] } & Json[string]).proof.pop()),
    release: ["PROOF_INVALID"],
    audit: ["PROOF_INVALID"],
  },
  {
    title: "a release document with another entry",
    tamper: async (store) =>
      editJson(
        store,
        first,
        ({ release }) => ((release as Json[string])["entry"] = Buffer.from("{}").toString("base64")),
      ),
    release: ["PROOF_INVALID"],
    audit: ["PROOF_INVALID"],
  },
  {
    title: "a release document with another checkpoint",
    tamper: async (store) => editText(store, first, "\\n7\\n", "\\n8\\n"),
    release: ["CHECKPOINT_INVALID"],
    audit: ["CHECKPOINT_INVALID"],
  },
  {
    title: "a release document with a member more",
    tamper: async (store) => editText(store, first, "{", '{"also":1,'),
    release: ["STORE_CORRUPT"],
    audit: ["STORE_CORRUPT"],
  },
  {
    title: "a release document with a member twice",
    tamper: async (store) => editText(store, first, "{", '{"kiln":2,'),
    release: ["STORE_CORRUPT"],
    audit: ["STORE_CORRUPT"],
  },
  {
    title: "a release document that isn't canonical JSON",
    tamper: async (store) => edit(store, first, (bytes) => `${bytes.toString()}\n`),
    release: ["STORE_CORRUPT"],
    audit: ["STORE_CORRUPT"],
  },
  {
    title: "a release document with half a character",
    tamper: async (store) => editText(store, first, '"checkpoint":"', '"checkpoint":"\\ud800'),
    release: ["STORE_CORRUPT"],
    audit: ["STORE_CORRUPT"],
  },
  {
    title: "a release document that isn't JSON",
    tamper: async (store) => store.write(first, "nothing"),
    release: ["STORE_CORRUPT"],
    audit: ["STORE_CORRUPT"],
  },
  {
    title: "no alias document",
    tamper: async (store) => store.remove(alias),
    audit: ["OBJECT_MISSING"],
  },
  {
    title: "an unknown release document",
    tamper: async (store) => swapIn(store, first, keys.release("billing", "9.9.9")),
    audit: ["OBJECT_UNKNOWN"],
  },
  {
    title: "a channel of garbage",
    tamper: async (store) => store.write(staging, "{}"),
    audit: ["STORE_CORRUPT"],
  },
  {
    title: "no channel document",
    tamper: async (store) => store.remove(staging),
    audit: ["OBJECT_MISSING"],
  },
  {
    title: "another channel's document",
    tamper: async (store) => swapIn(store, production, staging),
    audit: ["SUBJECT_MISMATCH"],
  },
  {
    title: "an unknown channel",
    tamper: async (store) => swapIn(store, staging, keys.channel("billing", "canary")),
    audit: ["OBJECT_UNKNOWN"],
  },
  {
    title: "an unknown name's channel",
    tamper: async (store) => swapIn(store, staging, keys.channel("bi11ing", "staging")),
    audit: ["OBJECT_UNKNOWN"],
  },
  {
    title: "a channel document that says another name",
    tamper: async (store) => editText(store, staging, '"name":"billing"', '"name":"bi11ing"'),
    audit: ["SUBJECT_MISMATCH"],
  },
  {
    title: "a channel document with a look-alike name",
    tamper: async (store) => editText(store, staging, '"name":"billing"', '"name":"billіng"'),
    audit: ["STORE_CORRUPT"],
  },
  {
    title: "another release in a channel's document",
    tamper: async (store) => {
      const { release } = JSON.parse((await store.read(production)).toString()) as Json;
      await editJson(store, staging, (document) => (document["release"] = release as Json[string]));
    },
    // Its proof is of another tree.
    audit: ["PROOF_INVALID"],
  },
  {
    title: "a channel's move in the place of its release",
    tamper: async (store) =>
      editJson(store, staging, (document) => (document["release"] = document["move"] as Json[string])),
    audit: ["SUBJECT_MISMATCH"],
  },
  {
    title: "an older head of a channel, validly signed and proven",
    tamper: olderHead,
    audit: ["VIEW_MISMATCH"],
  },
  {
    title: "a catalog of garbage",
    tamper: async (store) => store.write(keys.catalog, "{}"),
    audit: ["STORE_CORRUPT"],
    notes: ["VIEW_BEHIND"],
    releaseNotes: ["STORE_CORRUPT"],
  },
  {
    title: "a catalog that says that it is ahead",
    tamper: async (store) => editText(store, keys.catalog, '"size":23', '"size":24'),
    audit: ["VIEW_MISMATCH"],
  },
  {
    title: "a catalog with a shard less",
    tamper: async (store) =>
      editJson(store, keys.catalog, (catalog) => (catalog["table"] as unknown as unknown[]).pop()),
    audit: ["VIEW_MISMATCH"],
  },
  {
    title: "a catalog with a member twice",
    tamper: async (store) => editText(store, keys.catalog, "{", '{"size":0,'),
    audit: ["STORE_CORRUPT"],
    notes: ["VIEW_BEHIND"],
  },
  ...(
    [
      ["a row changed", (rows) => ((rows[0] as [string, Record<string, unknown>])[1]["version"] = "6.6.6")],
      ["a row removed", (rows) => rows.pop()],
      ["a row added", (rows) => rows.push(["zzz release 1.0.0", { version: "1.0.0" }])],
      ["a row twice", (rows) => rows.push(rows.at(-1) as [string, Record<string, unknown>])],
      ["rows in another order", (rows) => rows.push(rows.shift() as [string, Record<string, unknown>])],
    ] as const satisfies readonly (readonly [string, (rows: [string, Record<string, unknown>][]) => unknown])[]
  ).map(([title, change]): Tampering => ({
    title: `a catalog with ${title}`,
    tamper: async (store) => rewriteShard(store, change),
    audit: ["VIEW_MISMATCH"],
  })),
  {
    title: "a shard of garbage",
    tamper: async (store) => store.write(await currentShard(store), "[]"),
    // As part of the catalog, and under its own name.
    audit: ["DIGEST_MISMATCH", "DIGEST_MISMATCH"],
    releaseNotes: ["STORE_CORRUPT"],
  },
  {
    title: "no shard",
    tamper: async (store) => store.remove(await currentShard(store)),
    audit: ["OBJECT_MISSING"],
    releaseNotes: ["OBJECT_MISSING"],
  },
  {
    title: "an older shard changed",
    tamper: async (store) => {
      const current = await currentShard(store);
      const older = (await store.find(/^catalog\/shard\//)).find((key) => key !== current);
      await store.write(older as string, "[]");
    },
    audit: ["DIGEST_MISMATCH"],
  },
  {
    title: "an unknown object in the catalog",
    tamper: async (store) => store.write("catalog/other.json", "{}"),
    audit: ["OBJECT_UNKNOWN"],
  },
  {
    title: "a provenance with half a character, and a number that JSON can't hold",
    tamper: async (store) =>
      editText(store, (await billing(store)).provenance, '"builder":{', '"builder":{"a":"\\ud800","b":1e999,'),
    release: ["DIGEST_MISMATCH", "SIGNATURE_INVALID", "STORE_CORRUPT"],
    audit: ["DIGEST_MISMATCH", "SIGNATURE_INVALID", "STORE_CORRUPT"],
  },
];

interface CatalogJson {
  readonly table: { first: string; digest: string }[];
}

async function currentShard(store: TamperedStore): Promise<string> {
  const { table } = JSON.parse((await store.read(keys.catalog)).toString()) as CatalogJson;
  return keys.catalogShard(table[0]?.digest ?? "");
}

/** Changes the first shard's rows and names the result in the catalog, as whoever owns the store can. */
async function rewriteShard(
  store: TamperedStore,
  change: (rows: [string, Record<string, unknown>][]) => unknown,
): Promise<void> {
  const key = await currentShard(store);
  const rows = JSON.parse((await store.read(key)).toString()) as [string, Record<string, unknown>][];
  change(rows);
  const bytes = canonicalBytes(rows);
  await store.write(keys.catalogShard(digestOf(bytes)), bytes);
  await editText(store, keys.catalog, /[0-9a-f]{64}/, digestOf(bytes));
}
