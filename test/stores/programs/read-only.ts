// read-only.ts FOLDER [USER]: as USER, tries to write into a store that can't be written, or a part of which can't, and
// reads it.

import { KilnError } from "../../../src/errors.ts";
import { openFolderReader } from "../../../src/stores/folder-reader.ts";
import { openFolderStore } from "../../../src/stores/folder.ts";

const [folder = "", user] = process.argv.slice(2);
if (user !== undefined) {
  process.setgroups?.([]);
  process.setgid?.(Number(user));
  process.setuid?.(Number(user));
}
const outcome = async (work: () => Promise<unknown>) => {
  try {
    return await work();
  } catch (error) {
    return error instanceof KilnError
      ? `${error.code}, ${error.hint === undefined ? "no hint" : "hint"}`
      : String(error);
  }
};
const open = () => openFolderStore(folder, new AbortController().signal);
const create = await outcome(async () => (await open()).create("pool/new", Buffer.from("1")));
const replace = await outcome(async () => (await open()).replace("pool/new", Buffer.from("1"), null));
const renew = await outcome(async () => (await open()).create("pool/a", Buffer.from("a")));
const remove = await outcome(async () => (await open()).remove("pool/a", Number.MAX_SAFE_INTEGER));
const reader = await openFolderReader(folder);
const read = Buffer.concat(await Array.fromAsync((await reader.get("pool/a"))?.body ?? [])).toString();
const listed = (await Array.fromAsync(reader.list(""))).map(({ key }) => key);
const secret = await outcome(async () => (await reader.get("secret"))?.size);
console.log(JSON.stringify({ create, replace, renew, remove, read, listed, secret }));
