// Reservations by a process of its own: one version of the line for each commit, one after the other. Prints them as JSON.
//
//   node test/programs/reserve.ts STORE '1.4.*' COMMIT …

import { randomPause } from "../../src/publish/pause.ts";
import { reserveVersion } from "../../src/publish/reserve.ts";
import { nextVersion } from "../../src/recipe/version-line.ts";
import { openWritableStore } from "../../src/stores/writable.ts";
import { trust } from "../fixtures/publisher.ts";

const [path = "", line = "", ...commits] = process.argv.slice(2);
const { signal } = new AbortController();
const store = await openWritableStore(path, { cwd: process.cwd(), signal });
const versions: string[] = [];
for (const commit of commits) {
  const claim = { commit, recipe: "kiln.yaml" };
  const next = (taken: readonly string[]) => nextVersion(line, taken);
  versions.push(
    await reserveVersion({ store, trust, now: Date.now(), pause: randomPause(signal), name: "app", claim, next }),
  );
}
process.stdout.write(JSON.stringify(versions));
