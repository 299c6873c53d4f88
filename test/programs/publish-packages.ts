// A publisher as a process of its own: publishes packages that make-packages.py made, version after version, each a release and a move
// of the channel. Waits for a line before each, and says its version on a line when its publish has ended.
//
//   node test/programs/publish-packages.ts STORE '{"folder": "/packages", "versions": ["1.0.100"], "openpgp": {…}, "publicUrl": "http://…/"}'

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { importedBakes } from "../../src/import/bakes.ts";
import { randomPause } from "../../src/publish/pause.ts";
import type { Publisher } from "../../src/publish/publisher.ts";
import { publishRelease } from "../../src/publish/release.ts";
import type { OpenPgpKey } from "../../src/sign/openpgp-signer.ts";
import { remembering } from "../../src/stores/remembered.ts";
import { openWritableStore } from "../../src/stores/writable.ts";
import { context as testContext, publisher, withOpenPgp } from "../fixtures/publisher.ts";

interface Order {
  readonly folder: string;
  readonly versions: readonly string[];
  readonly openpgp: OpenPgpKey;
  readonly publicUrl: string;
}

const [path = "", json = "{}"] = process.argv.slice(2);
const { folder, versions, openpgp, publicUrl } = JSON.parse(json) as Order;
const { signal } = new AbortController();
const context = { ...testContext(), signal, env: process.env, now: () => Date.now() };
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
for (const version of versions) {
  const files = (await readdir(join(folder, version))).toSorted();
  const paths = files.map((file) => join(folder, version, file));
  const [bake] = await importedBakes({ paths, name: "greeter", version }, context);
  await lines.next();
  // As every publish has it: a store that remembers nothing of the one before.
  const store = remembering(await openWritableStore(path, { cwd: process.cwd(), signal }));
  const own: Publisher = { ...withOpenPgp(publisher(store), openpgp), context, publicUrl, pause: randomPause(signal) };
  await publishRelease(own, { bake: bake as NonNullable<typeof bake>, channel: { channel: "staging" } });
  process.stdout.write(`${version}\n`);
}
await lines.return?.();
