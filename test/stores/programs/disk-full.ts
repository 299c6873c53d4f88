// disk-full.ts FOLDER: fills a small file system through a store, and tells what happened.

import { readdir } from "node:fs/promises";

import { KilnError } from "../../../src/errors.ts";
import { openFolderStore } from "../../../src/stores/folder.ts";

const [folder = ""] = process.argv.slice(2);
const { signal } = new AbortController();
const store = await openFolderStore(folder, signal);
const large = Buffer.alloc(6 * 1024 * 1024, 7);
async function* pieces() {
  for (let at = 0; at < large.length; at += 100_000) yield large.subarray(at, at + 100_000);
}
const codeOf = async (work: () => Promise<unknown>) => {
  try {
    return await work();
  } catch (error) {
    return error instanceof KilnError ? { code: error.code, hint: error.hint } : String(error);
  }
};

await store.replace("doc", Buffer.from("old"), null);
const { etag } = (await store.head("doc"))!;
const tried = {
  pieces: await codeOf(() => store.create("pool/large", pieces())),
  whole: await codeOf(() => store.create("pool/large", large)),
  replace: await codeOf(() => store.replace("doc", large, etag)),
};
const left = await readdir(`${folder}/.tmp`);
const keys = (await Array.fromAsync(store.list(""))).map(({ key }) => key);
const after = await codeOf(() => store.create("pool/small", Buffer.from("fits")));
console.log(JSON.stringify({ ...tried, left, keys, after }));
