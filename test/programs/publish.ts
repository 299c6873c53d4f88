// A publisher as a process of its own: publishes bakes to a folder store, one after the other, and may end itself with
// SIGKILL right before or right after one of its store operations. Prints how many operations there were.
//
//   node test/programs/publish.ts STORE '{"bakes": [{name, version, commit}], "kill": {"at": 12, "when": "before"}}'

import { randomPause } from "../../src/publish/pause.ts";
import { publishRelease } from "../../src/publish/release.ts";
import type { Store } from "../../src/stores/store.ts";
import { openWritableStore } from "../../src/stores/writable.ts";
import { bakeOf, publisher } from "../fixtures/publisher.ts";

interface Order {
  readonly bakes: readonly { name: string; version: string; commit: string }[];
  readonly kill?: { readonly at: number; readonly when: "before" | "after" };
}

const [path = "", json = "{}"] = process.argv.slice(2);
const order = JSON.parse(json) as Order;
const { signal } = new AbortController();
let operations = 0;

const counted = async <T>(act: () => Promise<T>): Promise<T> => {
  const number = operations++;
  const { at, when } = order.kill ?? {};
  if (number === at && when === "before") process.kill(process.pid, "SIGKILL");
  const result = await act();
  if (number === at && when === "after") process.kill(process.pid, "SIGKILL");
  return result;
};

const folder = await openWritableStore(path, { cwd: process.cwd(), signal });
const store: Store = {
  url: folder.url,
  get: (key, range) => counted(() => folder.get(key, range)),
  head: (key) => counted(() => folder.head(key)),
  list: (prefix) => folder.list(prefix),
  create: (key, body) => counted(() => folder.create(key, body)),
  link: (key, from) => counted(() => folder.link(key, from)),
  replace: (key, body, etag) => counted(() => folder.replace(key, body, etag)),
  remove: (key, unchangedSince) => counted(() => folder.remove(key, unchangedSince)),
};

for (const bake of order.bakes) {
  const options = { bake: bakeOf(bake), channel: { channel: "staging" } };
  await publishRelease({ ...publisher(store), pause: randomPause(signal) }, options);
}
process.stdout.write(String(operations));
