import { expect, test } from "vitest";

import { trustDocuments, trustedRootKey } from "../../src/artifact/trust-documents.ts";
import { writeTrustCopies } from "../../src/publish/trust-copies.ts";
import { readDocument } from "../../src/stores/read.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { buildStore } from "../fixtures/store-builder.ts";

const later = Date.UTC(2030, 0);

test("copies of the keys that somebody spoilt are written anew; since when the log's key counts stays", async () => {
  const store = openMemoryStore();
  const { trust } = await buildStore(store);
  const before = await Array.fromAsync(store.list("trust/"), async ({ key }) => [key, await read(key)] as const);
  for (const [key] of before.filter(([name]) => name !== trustedRootKey)) await spoil(key);
  await writeTrustCopies({ store, trust, now: later });
  for (const [key, bytes] of before) expect(await read(key), key).toEqual(bytes);
  await spoil(trustedRootKey);
  await writeTrustCopies({ store, trust, now: later });
  const wanted = Object.fromEntries(await Array.fromAsync(trustDocuments(trust, later)));
  expect(await read(trustedRootKey)).toEqual(Buffer.from(wanted[trustedRootKey] as Uint8Array));

  async function read(key: string): Promise<Buffer | undefined> {
    return (await readDocument(store, key))?.bytes;
  }
  async function spoil(key: string): Promise<void> {
    await store.replace(key, Buffer.from("spoilt"), (await store.head(key))?.etag ?? null);
  }
});
