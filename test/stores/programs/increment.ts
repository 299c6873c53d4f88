// increment.ts FOLDER COUNT: adds 1 to the number in `counter` COUNT times, by compare-and-swap. Prints how often it lost.

import { openFolderStore } from "../../../src/stores/folder.ts";
import { readDocument } from "../../../src/stores/read.ts";

const [folder = "", count = ""] = process.argv.slice(2);
const store = await openFolderStore(folder, new AbortController().signal);
let lost = 0;
for (let done = 0; done < Number(count);) {
  const current = await readDocument(store, "counter");
  const next = Buffer.from(String(Number(current?.bytes ?? 0) + 1));
  if ((await store.replace("counter", next, current?.etag ?? null)) === "replaced") done += 1;
  else lost += 1;
}
console.log(lost);
