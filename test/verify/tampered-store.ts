// A published store in the hands of somebody who owns it: every object can be changed, added and removed. With `keys`, also
// somebody who holds the signing keys. What is expected of verifying is said by the rows in tampered/.

import { generateKeyPairSync } from "node:crypto";

import { payloadTypes, preAuthEncoding } from "../../src/artifact/dsse.ts";
import { envelopeBytes, type Leaf, leafPayload } from "../../src/artifact/leaf.ts";
import { keys as storeKeys, poolKey } from "../../src/artifact/pool.ts";
import type { Trust } from "../../src/artifact/trust.ts";
import type { Code } from "../../src/errors.ts";
import { append } from "../../src/log/append.ts";
import { logOf } from "../../src/log/checkpoint.ts";
import { commit, type Publisher } from "../../src/publish/publisher.ts";
import { releaseSigner } from "../../src/sign/release-signer.ts";
import type { ReleaseSigner } from "../../src/sign/signers.ts";
import { readDocument } from "../../src/stores/read.ts";
import { type MemoryStore, openMemoryStore } from "../faults/memory-store.ts";
import { buildStore, fillStore } from "../fixtures/store-builder.ts";

/** What one attacker does, and every code that must be raised for it (as often as it is; none hides another). */
export interface Tampering {
  readonly title: string;
  readonly tamper: (store: TamperedStore) => Promise<unknown>;
  /** Of `verifyRelease` of billing@1.0.0; none: it verifies. */
  readonly release?: readonly Code[];
  /** Of `audit`. */
  readonly audit?: readonly Code[];
  /** What the audit only notes. */
  readonly notes?: readonly Code[];
  /** What verifying the release only notes: attestations are found through the catalog. */
  readonly releaseNotes?: readonly Code[];
}

export interface TamperedStore {
  readonly store: MemoryStore;
  /** The pinned trust file: a test may pin another one. */
  trust: Trust;
  /** Publishes with the real keys, for attackers who have them. */
  readonly publisher: Publisher;
  read(key: string): Promise<Buffer>;
  write(key: string, bytes: Uint8Array | string): Promise<void>;
  remove(key: string): Promise<void>;
  /** The keys that match, in order. */
  find(pattern: RegExp): Promise<string[]>;
  /** The only key that matches. */
  only(pattern: RegExp): Promise<string>;
}

export interface PublishedStore {
  readonly store: MemoryStore;
  readonly trust: Trust;
  readonly publisher: Publisher;
}

/** billing 1.0.0, 1.1.0 and website 2.0.0: see `fillStore`. */
export async function publishedStore(): Promise<PublishedStore> {
  const store = openMemoryStore();
  const { trust, publisher } = await buildStore(store);
  await fillStore(publisher);
  return { store, trust, publisher };
}

/** A copy that can be spoilt. */
export function takeOver({ store: whole, trust, publisher }: PublishedStore): TamperedStore {
  const store = whole.clone();
  const find = async (pattern: RegExp): Promise<string[]> => {
    const found = await Array.fromAsync(store.list(""), ({ key }) => key);
    return found.filter((key) => pattern.test(key));
  };
  return {
    store,
    trust,
    publisher: { ...publisher, store },
    find,
    read: async (key) => {
      const found = await readDocument(store, key);
      if (found === undefined) throw new Error(`no ${key}`);
      return found.bytes;
    },
    write: async (key, bytes) => {
      await store.remove(key, Infinity);
      await store.create(key, Buffer.from(bytes));
    },
    remove: async (key) => {
      if ((await store.head(key)) === undefined) throw new Error(`no ${key}`);
      await store.remove(key, Infinity);
    },
    only: async (pattern) => {
      const [key, ...more] = await find(pattern);
      if (key === undefined || more.length > 0) throw new Error(`${pattern}: ${more.length + 1} keys`);
      return key;
    },
  };
}

/** The bytes of one object, changed. */
export async function edit(
  { read, write }: TamperedStore,
  key: string,
  change: (bytes: Buffer) => Uint8Array | string,
): Promise<void> {
  await write(key, change(Buffer.from(await read(key))));
}

/** The text of one object with its first `from` replaced; there must be one. */
export async function editText(store: TamperedStore, key: string, from: string | RegExp, to: string): Promise<void> {
  await edit(store, key, (bytes) => {
    const before = bytes.toString();
    const after = before.replace(from, to);
    if (after === before) throw new Error(`${key}: nothing to change`);
    return after;
  });
}

/** Puts the object `from` in the place of `to`. */
export async function swapIn(store: TamperedStore, from: string, to: string): Promise<void> {
  await store.write(to, await store.read(from));
}

/** Appends entries, then leaves, with the publisher's keys, whatever they say, and brings the views up. */
export async function appendLeaves(
  { publisher }: { readonly publisher: Publisher },
  leaves: readonly Leaf[],
  entries: readonly Uint8Array[] = [],
): Promise<void> {
  await commit(publisher, async () => ({ entries, leaves, outcome: undefined }));
}

/** Appends a signed leaf and stops before the views. */
export async function appendWithoutViews({ publisher }: { readonly publisher: Publisher }, leaf: Leaf): Promise<void> {
  const { store, trust, signers, context, pause } = publisher;
  const payload = leafPayload(leaf);
  const sig = signers.release.sign(preAuthEncoding(payloadTypes.leaf, payload));
  const envelope = { payload: Buffer.from(payload).toString("base64"), payloadType: payloadTypes.leaf };
  const entry = envelopeBytes({ ...envelope, signatures: [{ sig }] });
  const appender = { store, log: logOf(trust), signer: signers.log, signal: context.signal, pause };
  await append(appender, async () => [entry]);
}

/** A release key that no trust file has. */
export function strangeSigner(): ReleaseSigner {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return releaseSigner(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
}

/** Flips one bit. */
export function flip(bytes: Buffer, at = Math.floor(bytes.length / 2)): Buffer {
  bytes[at] = (bytes[at] as number) ^ 1;
  return bytes;
}

/** Where the parts of billing@1.0.0 lie. */
export async function billing(store: TamperedStore) {
  const app = await store.only(/billing-app-1\.0\.0\.bin$/);
  const document = JSON.parse((await store.read(storeKeys.release("billing", "1.0.0"))).toString()) as {
    release: { entry: string };
  };
  const envelope = JSON.parse(Buffer.from(document.release.entry, "base64").toString()) as { payload: string };
  const leaf = JSON.parse(Buffer.from(envelope.payload, "base64").toString()) as Leaf & { signatures: string };
  return {
    app,
    tool: await store.only(/billing-tool-1\.0\.0\.bin$/),
    appOfNext: await store.only(/billing-app-1\.1\.0\.bin$/),
    sbom: await store.only(/billing-app-1\.0\.0\.bin\.cdx\.json$/),
    provenance: await store.only(/billing-1\.0\.0\.provenance\.json$/),
    manifest: poolKey({ sha256: leaf.manifest, file: "release.json" }),
    signatures: poolKey({ sha256: leaf.signatures, file: "signatures.json" }),
    document: storeKeys.release("billing", "1.0.0"),
    leaf,
  };
}
