import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { keys } from "../../src/artifact/pool.ts";
import { parseStoreDocument, publicUrlOf, publicUrlSchema } from "../../src/artifact/store-document.ts";
import { createStore } from "../../src/publish/create-store.ts";
import { openFolderStore } from "../../src/stores/folder.ts";
import { readDocument } from "../../src/stores/read.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { signers, trust } from "../fixtures/publisher.ts";

async function documentOf(publicUrl: string | undefined) {
  const store = openMemoryStore();
  await createStore({ store, trust, signer: signers.log, now: 0, publicUrl });
  return parseStoreDocument((await readDocument(store, keys.store))?.bytes ?? Buffer.of());
}

test("a new store in a folder has what makes it one, and nothing else", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kiln-store-"));
  try {
    const store = await openFolderStore(folder, new AbortController().signal);
    await createStore({ store, trust, signer: signers.log, now: 0 });
    expect((await readdir(folder)).toSorted()).toEqual([".tmp", "kiln.json", "log", "trust"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a store says where clients reach it, at its origin when nobody said so", async () => {
  expect(publicUrlOf(await documentOf(undefined))).toBe(`https://${trust.origin}/`);
  expect(publicUrlOf(await documentOf("https://cdn.example.com/releases/"))).toBe("https://cdn.example.com/releases/");
});

test.each([
  "https://cdn.example.com/releases",
  "https://user:secret@cdn.example.com/",
  "https://cdn.example.com/?a=b/",
  "https://cdn.example.com/#/",
  'https://cdn.example.com/"/',
  "ftp://cdn.example.com/",
  "/releases/",
])("%s is no address for documents", (url) => {
  expect(publicUrlSchema.safeParse(url).success).toBe(false);
});
