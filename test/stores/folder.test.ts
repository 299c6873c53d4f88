import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach } from "vitest";

import { openFolderReader } from "../../src/stores/folder-reader.ts";
import { openFolderStore } from "../../src/stores/folder.ts";
import { readingContract, writingContract } from "./contract.ts";
const { signal } = new AbortController();
const folders: string[] = [];
async function folder() {
  const f = await realpath(await mkdtemp(join(tmpdir(), "kiln-store-")));
  folders.push(f);
  return f;
}
afterEach(async () => {
  for (const f of folders.splice(0)) await rm(f, { recursive: true });
});
writingContract(async () => openFolderStore(await folder(), signal));
readingContract(async (content) => {
  const path = await folder();
  const store = await openFolderStore(path, signal);
  for (const [key, body] of Object.entries(content)) await store.create(key, body);
  return openFolderReader(path);
});
