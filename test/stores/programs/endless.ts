// endless.ts FOLDER: creates `endless` from a body that gives some bytes and then nothing more.

import { openFolderStore } from "../../../src/stores/folder.ts";

const store = await openFolderStore(process.argv[2] ?? "", new AbortController().signal);
async function* body() {
  for (let piece = 0; piece < 5; piece++) yield Buffer.alloc(1024 * 1024, piece);
  console.log("stuck");
  await new Promise((resolve) => setTimeout(resolve, 600_000));
}
await store.create("endless", body());
