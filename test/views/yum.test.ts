// A channel as a yum repository: what its indexes list, and what publishing and an audit say when somebody changed a part of it. That the
// stock clients read it is shown in test/acceptance/yum.test.ts.

import { gunzipSync } from "node:zlib";

import fc from "fast-check";
import { expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { poolKey } from "../../src/artifact/pool.ts";
import { collectGarbage } from "../../src/publish/gc/gc.ts";
import { promote } from "../../src/publish/promote.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { unyank, yank } from "../../src/publish/yank.ts";
import { readDocument } from "../../src/stores/read.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { filelistsXml, otherXml, packagesOf, parsePackages, primaryXml } from "../../src/views/yum/package.ts";
import { type MemoryStore, openMemoryStore } from "../faults/memory-store.ts";
import { type BuiltStore, buildStore, makeBake, publishedAt, testContext } from "../fixtures/store-builder.ts";
import { rebuild } from "./rebuilt.ts";

const staging = { channel: "staging" };

function bakeOf(name: string, version: string, record: Readonly<Record<string, string>> = {}) {
  const fields = { name, version, release: "1", architecture: "noarch", sourceRpm: "x.src.rpm", ...record };
  const file = `${name}-${version}-1.noarch.rpm`;
  // As somebody else's package: whether Kiln's own signature is inside doesn't matter here.
  const others = {
    package: {
      kind: "archive",
      file,
      record: { ...fields, headerRange: { start: 1, end: 2 }, files: { "/a/": ["b"] } },
    },
  };
  const commit = digestOf(`${name} ${version}`).slice(0, 40);
  return makeBake({ name, version, commit, artifacts: {}, others });
}

async function published(): Promise<BuiltStore> {
  const built = await buildStore(openMemoryStore());
  for (const version of ["1.0.0", "1.1.0", "1.2.0"]) {
    await publishRelease(built.publisher, { bake: bakeOf("hello", version), channel: staging });
  }
  await publishRelease(built.publisher, { bake: bakeOf("other", "7.0.0"), channel: staging });
  return built;
}

async function listed({ store }: BuiltStore): Promise<string[]> {
  const repomd = (await readDocument(store, "rpm/staging/repodata/repomd.xml"))?.bytes.toString() ?? "";
  const [, href = ""] = /href="([^"]*-primary.xml.gz)"/.exec(repomd) ?? [];
  const text = gunzipSync((await readDocument(store, `rpm/staging/${href}`))?.bytes ?? Buffer.of()).toString();
  const texts = text.match(/<package [^]*?<\/package>/g) ?? [];
  expect(text).toContain(` packages="${texts.length}"`);
  return texts.map((one) => `${/<name>(.*)<\/name>/.exec(one)?.[1]} ${/ ver="(.*?)"/.exec(one)?.[1]}`);
}

const findingsOf = async ({ store, trust }: BuiltStore) => {
  const { findings } = await audit({ store, trust, context: testContext(), since: undefined });
  return findings.map(({ code, subject }) => `${code} ${subject}`);
};

async function keysBelow({ store }: BuiltStore, prefix = "rpm/"): Promise<string[]> {
  return Array.fromAsync(store.list(prefix), ({ key }) => key);
}

test("a package is found in each index by the key that it has", () => {
  const text = fc.string({ unit: "binary", minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(text, text, text, (name, summary, path) => {
      const { manifest } = bakeOf("hello", "1.0.0", { summary, description: summary, url: summary });
      const [artifact] = manifest.artifacts;
      const record = { ...artifact!.record, name: name.replace(/[^\w<>&"']/g, "x"), files: { "/": [path] } };
      const [found] = packagesOf({ ...manifest, artifacts: [{ ...artifact!, record }] });
      const blob = { file: "x.rpm", size: 1, sha256: digestOf("x") };
      for (const xml of [primaryXml(found!, blob, ""), filelistsXml(found!, blob), otherXml(found!, blob)]) {
        expect([...parsePackages(xml + xml.replace("1.0.0", "2.0.0"))]).toHaveLength(2);
        expect([...parsePackages(xml)]).toEqual([[found!.key, xml]]);
        // oxlint-disable-next-line no-control-regex
        expect(xml).not.toMatch(/[\0-\x08\x0b\x0c\x0e-\x1f]/);
      }
    }),
    { numRuns: 30 },
  );
});

test("the channel's packages are listed, back to what it shows when it goes back, and without what is yanked", async () => {
  const built = await published();
  expect(await listed(built)).toEqual(["hello 1.0.0", "hello 1.1.0", "hello 1.2.0", "other 7.0.0"]);
  await yank(built.publisher, { name: "hello", version: "1.0.0", reason: "wrong" });
  expect(await listed(built)).toEqual(["hello 1.1.0", "hello 1.2.0", "other 7.0.0"]);
  expect(await findingsOf(built)).toEqual([]);
  await unyank(built.publisher, { name: "hello", version: "1.0.0" });
  await promote(built.publisher, { name: "hello", by: "version", version: "1.1.0" }, "staging");
  expect(await listed(built)).toEqual(["hello 1.0.0", "hello 1.1.0", "other 7.0.0"]);
  expect(await findingsOf(built)).toEqual([]);
});

test("a rebuild of a whole store changes nothing; of a lost view it gives the same indexes", async () => {
  const built = await published();
  const contents = async () => {
    const keys = (await keysBelow(built)).filter((key) => !key.endsWith(".asc"));
    return Promise.all(keys.map(async (key) => [key, (await readDocument(built.store, key))?.bytes.toString("hex")]));
  };
  const before = await contents();
  await rebuild(built);
  expect(await contents()).toEqual(before);
  for (const key of await keysBelow(built)) await built.store.remove(key, Infinity);
  await rebuild(built);
  const known = new Map(before as [string, string][]);
  const indexes = (await contents()).filter(([key]) => /^rpm\/staging\/repodata\/.*\.gz$/.test(key ?? ""));
  expect(indexes).toHaveLength(3);
  for (const [key, bytes] of indexes) expect(bytes).toBe(known.get(key ?? ""));
  expect(await findingsOf(built)).toEqual([]);
});

test("what is spoilt is named by whoever builds upon it, found by the audit, and mended by a rebuild", async () => {
  const built = await published();
  const { store } = built;
  const pointer = (await readDocument(store, "rpm/staging/mirrorlist"))?.bytes.toString() ?? "";
  const [, digest = ""] = /generations\/(\w+)\//.exec(pointer) ?? [];
  const repomd = (await readDocument(store, `rpm/staging/generations/${digest}/repodata/repomd.xml`))?.bytes.toString();
  const plain = (await readDocument(store, "rpm/staging/repodata/repomd.xml"))?.bytes.toString();
  const hrefs = (text = "") => [...text.matchAll(/href="([^"]*)"/g)].map(([, href]) => href);
  const [artifact] = bakeOf("hello", "1.2.0").manifest.artifacts;
  const builtUpon = [
    "rpm/staging/mirrorlist",
    `rpm/staging/state/${digest}.json`,
    `rpm/staging/generations/${digest}/repodata/repomd.xml.asc`,
    ...hrefs(repomd).map((href) => `rpm/staging/generations/${digest}/${href}`),
    `rpm/staging/${hrefs(plain)[0]}`,
  ];
  const others = [
    `rpm/staging/generations/${digest}/repodata/repomd.xml`,
    "rpm/staging/repodata/repomd.xml",
    "rpm/staging/repodata/repomd.xml.asc",
    ...hrefs(plain).map((href) => `rpm/staging/${href}`),
    "rpm/staging/kiln.repo",
    `rpm/staging/${poolKey(artifact!)}`,
  ];
  expect(await findingsOf(built)).toEqual([]);
  for (const key of [...builtUpon, ...others]) {
    const whole = (await readDocument(store, key))?.bytes ?? Buffer.of();
    for (const bytes of [Buffer.from("spoilt"), whole.subarray(0, -9)]) {
      const copy = copyOf(built);
      await copy.store.replace(key, bytes, (await copy.store.head(key))?.etag ?? null);
      expect(await findingsOf(copy), key).not.toEqual([]);
      const moving = promote(copy.publisher, { name: "hello", by: "version", version: "1.0.0" }, "staging");
      if (builtUpon.includes(key)) {
        const isSignature = key.endsWith(".asc");
        await expect(moving, key).rejects.toMatchObject({
          code: isSignature ? "SIGNATURE_INVALID" : "STORE_CORRUPT",
          message: expect.stringContaining(key),
          ...(isSignature ? {} : { hint: expect.stringContaining("kiln views rebuild") }),
        });
      } else await moving;
      await rebuild(copy);
      expect(await listed(copy)).toEqual(["hello 1.0.0", "other 7.0.0"]);
      // What only lies under a digest that nobody names any more stays until gc.
      const left = (await findingsOf(copy)).filter((finding) => !finding.endsWith(key));
      expect(left, key).toEqual([]);
    }
  }
}, 30_000);

test("gc leaves three generations, all that were superseded within the grace, and the packages that they name", async () => {
  const day = 24 * 3_600_000;
  const clock = { now: publishedAt };
  const built = await buildStore(openMemoryStore(() => clock.now));
  const { store, trust } = built;
  const context = { ...testContext(), now: () => clock.now };
  const publisher = { ...built.publisher, context };
  const gc = async () => {
    const removed: string[] = [];
    const onRemoved = ({ key }: { readonly key: string }) => void removed.push(key);
    await collectGarbage({ store, trust, grace: 3 * day + 1, isDryRun: false, onRemoved, context });
    return removed.filter((key) => key.startsWith("rpm/"));
  };
  const seen: { readonly keys: readonly string[]; readonly newest: string }[] = [];
  let known = new Set<string>();
  const isWhole = async ({ keys }: { readonly keys: readonly string[] }) =>
    (await Promise.all(keys.map((key) => store.head(key)))).every((object) => object !== undefined);
  for (const patch of [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
    const bake = bakeOf("hello", `1.0.${patch}`);
    await publishRelease(publisher, { bake, channel: staging });
    const keys = await keysBelow(built);
    // Made for this generation alone, or made again by it.
    const own = keys.filter(
      (key) => !known.has(key) && !/\/(?:kiln\.repo|mirrorlist|repomd\.xml(?:\.asc)?)$/.test(key),
    );
    seen.push({ keys: own, newest: `rpm/staging/${poolKey(bake.manifest.artifacts[0]!)}` });
    known = new Set(keys);
    clock.now += day;
  }
  const packages = (await gc()).filter((key) => key.includes("/pool/"));
  // A package goes with the last generation that lists it: the oldest that is kept is the sixth, which lists the third.
  expect(packages.toSorted()).toEqual([seen[0]?.newest, seen[1]?.newest].toSorted());
  const states = await Promise.all(
    seen.map(({ keys }) => isWhole({ keys: keys.filter((key) => /\/(?:state|generations|repodata)\//.test(key)) })),
  );
  expect(states).toEqual([false, false, false, false, false, true, true, true, true]);
  expect((await audit({ store, trust, context, since: undefined })).findings).toEqual([]);
  clock.now += 100 * day;
  await gc();
  expect(await Promise.all(seen.map(isWhole))).toEqual([false, false, false, false, false, false, true, true, true]);
  expect(await Promise.all(seen.map(({ newest }) => isWhole({ keys: [newest] })))).toEqual([
    ...[false, false, false],
    ...[true, true, true, true, true, true],
  ]);
  expect((await audit({ store, trust, context, since: undefined })).findings).toEqual([]);
  // Made anew, the repository still knows which generation it took the place of.
  await rebuild({ ...built, publisher });
  await gc();
  expect(await gc()).toEqual([]);
  expect((await audit({ store, trust, context, since: undefined })).findings).toEqual([]);
  // A generation that is named and isn't there: nothing is removed.
  await store.remove(seen.at(-1)?.keys.find((key) => key.includes("/state/")) ?? "", Infinity);
  const before = (store as MemoryStore).snapshot();
  await expect(gc()).rejects.toMatchObject({ code: "STORE_CORRUPT", hint: expect.stringContaining("views rebuild") });
  expect((store as MemoryStore).snapshot()).toBe(before);
});

/** The same store, on its own. */
function copyOf(built: BuiltStore): BuiltStore {
  const store = (built.store as MemoryStore).clone();
  return { ...built, store, publisher: { ...built.publisher, store } };
}
