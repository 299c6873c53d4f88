// A publisher as a process of its own: publishes bakes to a store, one after the other, or does what else publishers do there, and may end
// itself with SIGKILL right before or right after one of its store operations. What is published already it passes over. Prints how many
// operations there were.
//
//   node test/programs/publish.ts STORE '{"bakes": [{name, version, commit}], "kill": {"at": 12, "when": "before"}}'

import { settle } from "../../src/log/append.ts";
import { logOf } from "../../src/log/checkpoint.ts";
import { refreshViews } from "../../src/publish/bring-up.ts";
import { collectGarbage } from "../../src/publish/gc/gc.ts";
import { shortestGrace } from "../../src/publish/gc/grace.ts";
import { randomPause } from "../../src/publish/pause.ts";
import { promote } from "../../src/publish/promote.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { type ReleaseName, yank } from "../../src/publish/yank.ts";
import type { OpenPgpKey } from "../../src/sign/openpgp-signer.ts";
import { remembering } from "../../src/stores/remembered.ts";
import type { Store } from "../../src/stores/store.ts";
import { openWritableStore } from "../../src/stores/writable.ts";
import { bakeOf, publisher, withOpenPgp } from "../fixtures/publisher.ts";

interface Order {
  readonly bakes?: readonly { name: string; version: string; commit: string; deb?: boolean }[];
  readonly yank?: ReleaseName;
  /** To production. */
  readonly promote?: ReleaseName;
  readonly refresh?: boolean;
  readonly gc?: boolean;
  /** A key that stock clients can check with; without one, signatures are only in the right place. */
  readonly openpgp?: OpenPgpKey;
  readonly kill?: { readonly at: number; readonly when: "before" | "after" };
  /** Ends when its input does: with whoever started it. */
  readonly attended?: boolean;
}

const [path = "", json = "{}"] = process.argv.slice(2);
const order = JSON.parse(json) as Order;
const { signal } = new AbortController();
if (order.attended === true) process.stdin.on("end", () => process.exit(1)).resume();
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
const store: Store = remembering({
  url: folder.url,
  get: (key, range) => counted(() => folder.get(key, range)),
  head: (key) => counted(() => folder.head(key)),
  list: (prefix) => folder.list(prefix),
  create: (key, body) => counted(() => folder.create(key, body)),
  link: (key, from) => counted(() => folder.link(key, from)),
  replace: (key, body, etag) => counted(() => folder.replace(key, body, etag)),
  remove: (key, unchangedSince) => counted(() => folder.remove(key, unchangedSince)),
  likelyEtag: (body) => folder.likelyEtag?.(body),
});

const made = order.openpgp === undefined ? publisher(store) : withOpenPgp(publisher(store), order.openpgp);
// How long things take counts where many publish at once.
const own = { ...made, context: { ...made.context, now: Date.now } };
const pausing = { ...own, pause: randomPause(signal) };
const { trust, context } = pausing;
for (const bake of order.bakes ?? []) {
  await publishRelease(pausing, { bake: bakeOf(bake), channel: { channel: "staging" } });
}
if (order.yank !== undefined) await yank(pausing, { ...order.yank, reason: "wrong" });
if (order.promote !== undefined) await promote(pausing, { ...order.promote, by: "version" }, "production");
if (order.refresh === true) {
  const head = await settle({ store, log: logOf(trust) });
  await refreshViews({ ...pausing, head, now: context.now() });
}
if (order.gc === true) {
  const how = { grace: shortestGrace, isDryRun: false, onRemoved: () => undefined };
  await collectGarbage({ store, trust, context, ...how });
}
process.stdout.write(String(operations));
process.stdin.destroy();
