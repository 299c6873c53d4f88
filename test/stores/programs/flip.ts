// flip.ts FOLDER: replaces `doc` without end, each time by as many bytes as it has versions behind it, all the same.

import { openFolderStore } from "../../../src/stores/folder.ts";

const store = await openFolderStore(process.argv[2] ?? "", new AbortController().signal);
for (let version = 1; ; version++) {
  const { etag } = (await store.head("doc")) ?? { etag: null };
  await store.replace("doc", Buffer.alloc(1000 * (version % 200) + 1, version % 256), etag);
  if (version === 1) console.log("flipping");
}
