import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";

import { blobsOf, manifestFile, parseManifest } from "../../src/artifact/manifest.ts";
import { keys, poolKey } from "../../src/artifact/pool.ts";
import { logOf, readCheckpoint } from "../../src/log/checkpoint.ts";
import { createStore } from "../../src/publish/create-store.ts";
import { readBlob, readDocument, readWholeBlob } from "../../src/stores/read.ts";
import type { Store } from "../../src/stores/store.ts";
import { makeStore } from "../../src/stores/writable.ts";
import { verifyChannelDocument } from "../../src/verify/documents.ts";
import { signers, trust } from "../fixtures/publisher.ts";
import { checkStore } from "../simulation/whole.ts";

const program = new URL("../programs/publish.ts", import.meta.url).pathname;
const old = { name: "app", version: "1.0.0", commit: "a" };
const next = { name: "app", version: "1.0.1", commit: "b" };

let folder: string;

beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "kiln-publish-"))));
afterEach(() => rm(folder, { recursive: true }));

test("a publish that is killed at any store operation leaves the old state or the new, and the next one succeeds", async () => {
  const operations = Number(await publish(await newStore("count"), { bakes: [next] }));
  expect(operations).toBeGreaterThan(20);
  for (let at = 0; at < operations; at++) {
    for (const when of ["before", "after"] as const) {
      const store = await newStore(`${when}-${at}`);
      const killed = await execa(
        process.execPath,
        [program, store.url, JSON.stringify({ bakes: [next], kill: { at, when } })],
        {
          reject: false,
        },
      );
      expect(killed.signal, `killed ${when} operation ${at}`).toBe("SIGKILL");
      expect(["1.0.0", "1.0.1"]).toContain(await versionThatReadersSee(store));
      await publish(store, { bakes: [next] });
      expect(await versionThatReadersSee(store)).toBe("1.0.1");
      await checkStore(store, []);
      await rm(join(folder, `${when}-${at}`), { recursive: true });
    }
  }
}, 900_000);

test("two hundred publishes from twenty processes are all there, in one log", async () => {
  const store = await newStore("many");
  const orders = Array.from({ length: 20 }, (_, publisher) => ({
    bakes: Array.from({ length: 10 }, (_unused, at) => ({
      name: `app-${publisher % 10}`,
      version: `${publisher}.0.${at}`,
      commit: `${publisher.toString(16).padStart(2, "0")}${at}`,
    })),
  }));
  await Promise.all(orders.map((order) => publish(store, order)));
  const found: string[] = [];
  for await (const { key } of store.list("releases/")) found.push(key);
  expect(found.toSorted()).toEqual(
    [
      keys.release("app", "1.0.0"),
      ...orders.flatMap(({ bakes }) => bakes.map((bake) => keys.release(bake.name, bake.version))),
    ].toSorted(),
  );
  await checkStore(store, []);
}, 900_000);

async function newStore(name: string): Promise<Store> {
  const store = await makeStore(join(folder, name), { cwd: folder, signal: new AbortController().signal });
  await createStore({ store, trust, signer: signers.log, now: 0 });
  await publish(store, { bakes: [old] });
  return store;
}

async function publish(store: Store, order: object): Promise<string> {
  return (await execa(process.execPath, [program, store.url, JSON.stringify(order)])).stdout;
}

/** What a reader finds who comes by just now: a proven release, all of which is there. */
async function versionThatReadersSee(store: Store): Promise<string> {
  const key = keys.channel("app", "staging");
  const document = await readDocument(store, key);
  const { release } = verifyChannelDocument(document?.bytes ?? Buffer.of(), { name: "app", channel: "staging", trust });
  const { leaf } = release;
  const { size } = await readCheckpoint(store, logOf(trust));
  expect(release.index).toBeLessThan(size);
  const manifestKey = poolKey({ sha256: leaf.manifest, file: manifestFile });
  const manifest = parseManifest(await readWholeBlob(store, manifestKey, leaf.manifest), manifestKey);
  for (const blob of blobsOf(manifest)) await Array.fromAsync(readBlob(store, poolKey(blob), blob));
  return leaf.version;
}
