// hold-lock.ts FILE: takes the lock, says so, and keeps it.

import { withLock } from "../../../src/system/lock.ts";

await withLock(process.argv[2] ?? "", { signal: new AbortController().signal }, async () => {
  console.log("locked");
  await new Promise((resolve) => setTimeout(resolve, 600_000));
});
