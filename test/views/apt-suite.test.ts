// A channel as an apt repository: what its lists say, and what becomes of it when somebody spoils a document. That apt and others read it
// is shown in test/acceptance/apt.test.ts and apt-clients.test.ts.

import { gunzipSync } from "node:zlib";

import { expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { validityOf } from "../../src/artifact/trust.ts";
import { promote } from "../../src/publish/promote.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { readDocument } from "../../src/stores/read.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { listedFiles, redated } from "../../src/views/apt/release.ts";
import { indexesOf, placeOf } from "../../src/views/apt/suite.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { type BuiltStore, buildStore, makeBake, testContext } from "../fixtures/store-builder.ts";
import { rebuild } from "./rebuilt.ts";

const staging = { channel: "staging" };
const suite = "dists/staging/";

function bakeOf(name: string, version: string, more: Readonly<Record<string, string>> = {}) {
  const record = { Package: name, Version: version, Architecture: "all", Description: "text", ...more };
  const deb = { kind: "deb", file: `${name}_${version}_${record.Architecture}.deb`, record };
  const commit = digestOf(`${name} ${version}`).slice(0, 40);
  return makeBake({ name, version, commit, artifacts: {}, others: { deb } });
}

async function published(): Promise<BuiltStore> {
  const built = await buildStore(openMemoryStore());
  await publishRelease(built.publisher, { bake: bakeOf("hello", "1.0.0"), channel: staging });
  await publishRelease(built.publisher, { bake: bakeOf("hello", "1.1.0"), channel: staging });
  await publishRelease(built.publisher, { bake: bakeOf("extra", "2.0.0", { component: "contrib" }), channel: staging });
  await publishRelease(built.publisher, { bake: bakeOf("arm", "1.0.0", { Architecture: "armhf" }), channel: staging });
  return built;
}

async function read({ store }: BuiltStore, key: string): Promise<Buffer> {
  return (await readDocument(store, key))?.bytes ?? Buffer.of();
}

async function write({ store }: BuiltStore, key: string, bytes: Uint8Array): Promise<void> {
  await store.replace(key, bytes, (await store.head(key))?.etag ?? null);
}

async function packages(built: BuiltStore, index: string): Promise<string[]> {
  // Several members, one after the other: Node takes them for one file, too.
  const text = gunzipSync(await read(built, `${suite}${placeOf(index).path}.gz`)).toString();
  return [...text.matchAll(/^Package: (.*)\nArchitecture: .*\n(?:.*\n)*?Version: (.*)$/gm)].map(
    (found) => `${found[1]} ${found[2]}`,
  );
}

/** Everything of the suite but what is signed anew each time. */
async function unsigned(built: BuiltStore): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { key } of built.store.list(suite)) {
    if (/Packages\.|preferences/.test(key)) found.set(key, digestOf(await read(built, key)));
  }
  return found;
}

const findingsOf = async ({ store, trust }: BuiltStore) => {
  const { findings } = await audit({ store, trust, context: testContext(), since: undefined });
  return findings.map(({ code, subject }) => `${code} ${subject}`);
};

test("every component has an index for every architecture, with what belongs there", async () => {
  const built = await published();
  const text = (await read(built, `${suite}Release`)).toString();
  expect(text).toContain("\nArchitectures: amd64 arm64 armhf\nComponents: contrib main\n");
  expect(await packages(built, "amd64")).toEqual(["hello 1.0.0", "hello 1.1.0"]);
  expect(await packages(built, "armhf")).toEqual(["arm 1.0.0", "hello 1.0.0", "hello 1.1.0"]);
  expect(await packages(built, "contrib/arm64")).toEqual(["extra 2.0.0"]);
  expect(listedFiles(text, "contrib/binary-arm64/Packages").map(({ path }) => path)).toEqual(
    ["", ".gz", ".xz", ".zst"].map((form) => `contrib/binary-arm64/Packages${form}`),
  );
  expect(await findingsOf(built)).toEqual([]);
});

test("an index that a publish doesn't change keeps its lines, and isn't read", async () => {
  const built = await published();
  const index = /^ ([0-9a-f]{64}) +\d+ main\/binary-armhf\/Packages\.gz$/m;
  const before = index.exec((await read(built, `${suite}Release`)).toString());
  await built.store.remove(`${suite}main/binary-armhf/by-hash/SHA256/${before?.[1]}`, Infinity);
  await publishRelease(built.publisher, {
    bake: bakeOf("other", "1.0.0", { Architecture: "amd64" }),
    channel: staging,
  });
  expect(index.exec((await read(built, `${suite}Release`)).toString())?.[0]).toBe(before?.[0]);
});

test("a rebuild gives the same indexes, also from nothing, and mends each document that is spoilt", async () => {
  const built = await published();
  await promote(built.publisher, { name: "hello", by: "version", version: "1.0.0" }, "production");
  const before = await unsigned(built);
  expect(before.size).toBe(3 * 2 * 3 + 1);
  const every = await Array.fromAsync(built.store.list("dists/"));
  for (const { key } of every) await built.store.remove(key, Infinity);
  await rebuild(built);
  expect(await unsigned(built)).toEqual(before);
  // Only what is named now: nobody can tell what stood under an older digest.
  const named = (await Array.fromAsync(built.store.list("dists/"))).map(({ key }) => key);
  for (const spoil of [() => Buffer.from("spoilt"), (bytes: Buffer) => bytes.subarray(0, -9)]) {
    for (const key of named) await write(built, key, spoil(await read(built, key)));
    expect((await findingsOf(built)).length).toBeGreaterThan(2);
    await rebuild(built);
    expect(await unsigned(built)).toEqual(before);
    expect(await findingsOf(built)).toEqual([]);
  }
});

test.each(["InRelease", "its state", "an index"])(
  "a publisher who finds %s spoilt says so, names it and what mends it",
  async (what) => {
    const built = await published();
    for (const [version, spoil] of [
      ["1.2.0", () => Buffer.from("spoilt")],
      ["1.3.0", (bytes: Buffer) => bytes.subarray(0, -9)],
    ] as const) {
      const text = (await read(built, `${suite}Release`)).toString();
      const [, state] = /^Kiln-State: (.*)$/m.exec(text) ?? [];
      const [, index] = /^ ([0-9a-f]{64}) +\d+ main\/binary-amd64\/Packages\.zst$/m.exec(text) ?? [];
      const places: Readonly<Record<string, string>> = {
        InRelease: `${suite}InRelease`,
        "its state": `${suite}state/${state}.json`,
        "an index": `${suite}main/binary-amd64/by-hash/SHA256/${index}`,
      };
      const key = places[what] ?? "";
      await write(built, key, spoil(await read(built, key)));
      const next = publishRelease(built.publisher, { bake: bakeOf("hello", version), channel: staging });
      await expect(next).rejects.toMatchObject({
        code: "STORE_CORRUPT",
        message: expect.stringContaining(key),
        hint: expect.stringContaining("kiln views rebuild"),
      });
      expect((await findingsOf(built)).join("\n")).toContain(key);
      await rebuild(built);
      expect(await packages(built, "amd64")).toContain(`hello ${version}`);
    }
  },
);

test("new dates take the place of the old ones, with or without an end", () => {
  const text = "Suite: x\nDate: Thu, 01 Jan 1970 00:00:00 UTC\nArchitectures: a\n";
  const bounded = redated(text, { date: 86_400_000, validFor: 3_600_000 });
  expect(bounded).toBe(
    "Suite: x\nDate: Fri, 02 Jan 1970 00:00:00 UTC\nValid-Until: Fri, 02 Jan 1970 01:00:00 UTC\nArchitectures: a\n",
  );
  expect(redated(bounded, { date: 0, validFor: undefined })).toBe(text);
});

test("the first entry of the trust file that fits a channel says how long its lists count", () => {
  const validity = [
    { channels: ["production", "rc-*"], time: "12h" },
    { channels: ["*"], time: "14d" },
  ];
  expect(validityOf({ validity }, "production")).toBe(43_200_000);
  expect(validityOf({ validity }, "rc-1")).toBe(43_200_000);
  expect(validityOf({ validity }, "staging")).toBe(14 * 86_400_000);
  expect(validityOf({ validity: validity.slice(0, 1) }, "staging")).toBeUndefined();
  expect(validityOf({}, "staging")).toBeUndefined();
});

test("indexes have one name each, those of main the names that they always had", () => {
  expect(indexesOf(["amd64"], [])).toEqual(["amd64", "arm64"]);
  expect(indexesOf(["contrib/amd64"], [])).toEqual(["amd64", "arm64", "contrib/amd64", "contrib/arm64"]);
});
