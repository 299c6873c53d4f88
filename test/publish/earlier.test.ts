import { zstdCompressSync, zstdDecompressSync } from "node:zlib";

import { expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { keys, poolKey } from "../../src/artifact/pool.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { readDocument } from "../../src/stores/read.ts";
import type { Store } from "../../src/stores/store.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { faultyStore } from "../faults/faulty-store.ts";
import { type MemoryStore, openMemoryStore } from "../faults/memory-store.ts";
import { type BuiltStore, buildStore, makeBake, testContext } from "../fixtures/store-builder.ts";

const channel = { channel: "staging" };
const key = keys.channel("app", "staging");

const bakeOf = (version: string) => {
  const record = { Package: "app", Version: version, Architecture: "amd64" };
  const deb = { kind: "deb", file: `app_${version}_amd64.deb`, record };
  return makeBake({
    name: "app",
    version,
    commit: digestOf(version).slice(0, 40),
    artifacts: {},
    others: { app: deb },
  });
};

async function filled(): Promise<BuiltStore> {
  const built = await buildStore(openMemoryStore());
  for (const version of ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4"]) {
    await publishRelease(built.publisher, { bake: bakeOf(version), channel });
  }
  return built;
}

/** What a publish of the next version reads, and the packages that apt has then. */
async function nextIn(store: Store, { publisher, trust }: BuiltStore) {
  const read: string[] = [];
  const gate = ({ name, key }: { readonly name: string; readonly key: string }, moment: string) => {
    if (moment === "before" && name === "get") read.push(key);
  };
  await publishRelease({ ...publisher, store: faultyStore(store, { gate }) }, { bake: bakeOf("1.0.5"), channel });
  const { findings } = await audit({ store, trust, since: undefined, context: testContext() });
  expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
  return read;
}

test("the next version of a name reads no entry and no manifest of those before it", async () => {
  const built = await filled();
  const read = await nextIn(built.store, built);
  expect(read.filter((one) => one.startsWith("log/tile/entries/"))).toEqual([]);
  const own = poolKey({ sha256: bakeOf("1.0.5").identity, file: "release.json" });
  expect(read.filter((one) => one.endsWith("/release.json") && one !== own)).toEqual([]);
});

interface Memory {
  manifest?: string;
  before: { checkpoint: string; manifest?: string; move: { index: number; entry: string; proof: string[] } }[];
}

const spoilt: Readonly<Record<string, (memory: Memory) => Memory | string>> = {
  "is garbage": () => "AAAA",
  "is of another form": () => ({ before: [], manifest: 7 }) as unknown as Memory,
  "has another manifest": (memory) => ({ ...memory, manifest: Buffer.from("{}").toString("base64") }),
  "has an entry that isn't in the log": ({ before, ...memory }) => ({
    ...memory,
    before: before.map((one) => ({ ...one, move: { ...one.move, entry: Buffer.from("other").toString("base64") } })),
  }),
  "has a checkpoint that nobody signed": ({ before, ...memory }) => ({
    ...memory,
    before: before.map((one) => ({ ...one, checkpoint: one.checkpoint.replace(/\n\d+\n/, "\n1\n") })),
  }),
};

test.each(Object.entries(spoilt))(
  "what a channel remembers is believed only as far as it proves: it %s",
  async (_, spoil) => {
    const built = await filled();
    const store = (built.store as MemoryStore).clone();
    const found = await readDocument(store, key);
    const document = JSON.parse(found?.bytes.toString() ?? "") as { earlier: string };
    const memory = JSON.parse(zstdDecompressSync(Buffer.from(document.earlier, "base64")).toString()) as Memory;
    expect(memory.before).toHaveLength(3);
    const next = spoil(memory);
    const earlier = typeof next === "string" ? next : zstdCompressSync(JSON.stringify(next)).toString("base64");
    await store.remove(key, Infinity);
    await store.create(key, Buffer.from(JSON.stringify({ ...document, earlier })));
    await nextIn(store, built);
  },
);
