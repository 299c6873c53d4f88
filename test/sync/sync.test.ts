import { createHash } from "node:crypto";

import { beforeAll, describe, expect, test } from "vitest";

import { keys } from "../../src/artifact/pool.ts";
import { KilnError } from "../../src/errors.ts";
import { collectGarbage } from "../../src/publish/gc/gc.ts";
import { promote } from "../../src/publish/promote.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { readDocument } from "../../src/stores/read.ts";
import type { ReadableStore, Store } from "../../src/stores/store.ts";
import { plannedSync, sync, type SyncOptions } from "../../src/sync/sync.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { verifyRelease } from "../../src/verify/release.ts";
import { faultyStore } from "../faults/faulty-store.ts";
import { type MemoryStore, openMemoryStore } from "../faults/memory-store.ts";
import { type BuiltStore, buildStore, fillStore, makeBake, someBytes, testContext } from "../fixtures/store-builder.ts";

let source: MemoryStore;
let built: BuiltStore;

beforeAll(async () => {
  source = openMemoryStore();
  built = await buildStore(source);
  await fillStore(built.publisher);
  await publishRelease(built.publisher, { bake: tools("1.0.0", "d"), channel: { channel: "staging" } });
});

/** A release that apt and npm show. */
function tools(version: string, commit: string) {
  const deb = {
    Package: "tool",
    Version: version,
    Architecture: "amd64",
    Maintainer: "m <m@x.test>",
    Description: "d",
  };
  const bytes = someBytes({ name: "tool", version, commit }, "npm");
  const integrity = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
  const shasum = createHash("sha1").update(bytes).digest("hex");
  const sums = { integrity, shasum, fileCount: 1, unpackedSize: bytes.length };
  const npm = {
    name: "@acme/tool",
    version,
    description: "d",
    dist: sums,
  };
  return makeBake({
    name: "tool",
    version,
    commit,
    artifacts: {},
    others: {
      deb: { kind: "deb", file: `tool_${version}_amd64.deb`, record: deb },
      npm: { kind: "npm", file: `acme-tool-${version}.tgz`, record: npm },
    },
  });
}

const optionsOf = (more: Partial<SyncOptions> = {}): Omit<SyncOptions, "target"> => ({
  source: readOnly(source),
  trust: built.trust,
  asked: {},
  publicUrl: undefined,
  all: false,
  context: testContext(),
  pause: async () => {},
  ...more,
});

/** As over HTTP: nothing can be listed. */
function readOnly({ url, get, head }: ReadableStore): ReadableStore {
  return { url, get, head };
}

const syncTo = (target: Store, more: Partial<SyncOptions> = {}) => sync({ ...optionsOf(more), target });
const audited = (store: Store) => audit({ store, trust: built.trust, since: undefined, context: testContext() });

async function expectWhole(target: Store, ...notes: string[]): Promise<void> {
  const { verdict, findings, leaves } = await audited(target);
  expect(findings.filter(({ code }) => !notes.includes(code))).toEqual([]);
  expect(verdict).toBe("verified");
  expect(leaves).toBe((await audited(source)).leaves);
}

test("a mirror of a store has all of it, needs no key and no listing, and is copied once", async () => {
  const target = openMemoryStore();
  const planned = await plannedSync({ ...optionsOf(), target: readOnly(target) });
  expect(await Array.fromAsync(target.list(""))).toEqual([]);
  const first = await syncTo(target);
  expect(first).toMatchObject({ before: 0, releases: 4, behind: 0 });
  expect(planned).toEqual(first);
  await expectWhole(target);
  const before = target.snapshot();
  expect(await syncTo(target)).toMatchObject({ objects: 0, bytes: 0 });
  expect(target.snapshot()).toBe(before);
  for (const key of ["dists/staging/InRelease", keys.channel("billing", "production"), "npm/@acme/tool"]) {
    expect((await readDocument(target, key)) === undefined, key).toBe(false);
  }
});

test("what has absolute addresses is made for the mirror, and for a mirror of it", async () => {
  const [target, second] = [openMemoryStore(), openMemoryStore()];
  await syncTo(target, { publicUrl: "https://mirror.test/a/" });
  await syncTo(second, { source: target, publicUrl: "https://mirror.test/b/" });
  for (const [store, url] of [
    [target, "https://mirror.test/a/"],
    [second, "https://mirror.test/b/"],
  ] as const) {
    const packument = (await readDocument(store, "npm/@acme/tool"))?.bytes.toString();
    expect(packument).toContain(`"tarball":"${url}pool/sha256/`);
    await expectWhole(store);
  }
  await syncTo(target, { publicUrl: "https://moved.test/" });
  expect((await readDocument(target, "npm/@acme/tool"))?.bytes.toString()).toContain("https://moved.test/pool");
  await expectWhole(target);
});

test("it follows its source: new releases, moved channels, and channels that went back", async () => {
  const own = source.clone();
  const publisher = { ...built.publisher, store: own };
  const target = openMemoryStore();
  await syncTo(target, { source: own });
  await publishRelease(publisher, { bake: tools("1.1.0", "e"), channel: { channel: "staging" } });
  expect(await syncTo(target, { source: own })).toMatchObject({ releases: 1 });
  expect((await readDocument(target, "dists/staging/main/binary-amd64/Packages.gz"))?.bytes).toEqual(
    (await readDocument(own, "dists/staging/main/binary-amd64/Packages.gz"))?.bytes,
  );
  await promote(publisher, { name: "tool", by: "version", version: "1.0.0" }, "staging");
  expect(await syncTo(target, { source: own })).toMatchObject({ releases: 0, objects: 0 });
  expect((await audited(target)).findings).toEqual([]);
});

test("an older copy of the source changes nothing", async () => {
  const old = source.clone();
  const own = source.clone();
  await publishRelease({ ...built.publisher, store: own }, { bake: tools("1.1.0", "e") });
  const target = openMemoryStore();
  await syncTo(target, { source: own });
  const before = target.snapshot();
  expect((await syncTo(target, { source: old })).behind).toBeGreaterThan(0);
  expect(target.snapshot()).toBe(before);
});

describe("a part of a store", () => {
  test("a channel's mirror has what the channel shows, and says how much isn't here", async () => {
    const target = openMemoryStore();
    expect(await syncTo(target, { asked: { channels: ["production"] } })).toMatchObject({ releases: 1 });
    await expectWhole(target, "MIRROR_PARTIAL");
    const { findings } = await audited(target);
    expect(findings[0]?.message).toContain("only what production shows: 3 releases aren't here");
    const verify = (version: string) =>
      verifyRelease({ store: target, trust: built.trust, name: "billing", version, context: testContext() });
    expect(await verify("1.0.0")).toMatchObject({ verdict: "verified" });
    await expect(verify("1.1.0")).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await readDocument(target, keys.channel("billing", "staging"))).toBeUndefined();
    expect(await readDocument(target, keys.channel("billing", "production"))).toBeDefined();
  });

  test("it grows by another channel, and to the whole", async () => {
    const target = openMemoryStore();
    await syncTo(target, { asked: { channels: ["production"] } });
    expect((await syncTo(target, { asked: { channels: ["staging"] } })).scope).toEqual({
      channels: ["production", "staging"],
    });
    await expectWhole(target, "MIRROR_PARTIAL");
    expect(await readDocument(target, "dists/staging/InRelease")).toBeDefined();
    await expect(syncTo(target, { asked: { names: ["tool"] } })).rejects.toMatchObject({ code: "MIRROR_CONFLICT" });
    await syncTo(target);
    await expectWhole(target);
    await expect(syncTo(target, { asked: { channels: ["staging"] } })).rejects.toMatchObject({
      code: "MIRROR_CONFLICT",
    });
  });

  test("names: all their releases, without repositories that are signed for all names", async () => {
    const target = openMemoryStore();
    expect(await syncTo(target, { asked: { names: ["billing"] } })).toMatchObject({ releases: 2 });
    await expectWhole(target, "MIRROR_PARTIAL");
    expect(await readDocument(target, "dists/staging/InRelease")).toBeUndefined();
  });

  test("whoever owns it can't pass off a missing release of a mirrored channel, or half a release, as not mirrored", async () => {
    const target = openMemoryStore();
    await syncTo(target, { asked: { channels: ["staging"] } });
    for (const ending of ["release.json", ".deb"]) {
      const spoilt = target.clone();
      const shown = (await Array.fromAsync(spoilt.list("pool/"))).filter(({ key }) => key.endsWith(ending));
      for (const { key } of shown) await spoilt.remove(key, Number.POSITIVE_INFINITY);
      const { verdict, findings } = await audited(spoilt);
      expect(verdict, ending).toBe("refused");
      expect(findings.map(({ code }) => code)).toContain("OBJECT_MISSING");
    }
  });
});

describe("refused before anything is written", () => {
  test("another store's log", async () => {
    const other = openMemoryStore();
    const theirs = await buildStore(other);
    await publishRelease(theirs.publisher, { bake: makeBake({ name: "x", version: "1.0.0", commit: "f" }) });
    const target = openMemoryStore();
    await syncTo(target);
    const before = target.snapshot();
    // The same keys, another tree: a fork.
    await expect(syncTo(target, { source: other })).rejects.toMatchObject({ code: "LOG_INCONSISTENT" });
    await expect(
      syncTo(target, { source: other, trust: { ...built.trust, origin: "other.test" } }),
    ).rejects.toMatchObject({
      code: "MIRROR_CONFLICT",
    });
    expect(target.snapshot()).toBe(before);
  });

  const spoilt: Readonly<Record<string, RegExp>> = {
    "a blob": /^pool\/.*\.bin$/,
    "a manifest": /^pool\/.*release\.json$/,
    "a signatures document": /^pool\/.*signatures\.json$/,
    "the checkpoint": /^log\/checkpoint$/,
    "an entry of the log": /^log\/tile\/entries\/000\.p\/\d+$/,
    "a signed repository": /^dists\/staging\/InRelease$/,
    "the signature of a repository": /^dists\/staging\/Release\.gpg$/,
    "an index": /^dists\/staging\/main\/binary-amd64\/by-hash\//,
    "a packument": /^npm\/@acme\/tool$/,
  };

  test.each(Object.entries(spoilt))("%s that somebody changed", async (_, pattern) => {
    for (const how of ["changed", "cut"] as const) {
      const target = openMemoryStore();
      const old = source.clone();
      await publishRelease(
        { ...built.publisher, store: old },
        { bake: tools("1.1.0", "e"), channel: { channel: "staging" } },
      );
      const error = await syncTo(target, { source: tampered(old, pattern, how) }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(KilnError);
      expect([
        "STORE_CORRUPT",
        "SIGNATURE_INVALID",
        "CHECKPOINT_INVALID",
        "OBJECT_MISSING",
        "DIGEST_MISMATCH",
      ]).toContain((error as KilnError).code);
      // What is there is right as far as it goes, and the next run from a good source completes it.
      await syncTo(target, { source: old });
      expect((await audited(target)).findings).toEqual([]);
    }
  });
});

/** A store whose objects of this pattern aren't what they were. */
function tampered(store: Store, pattern: RegExp, how: "changed" | "cut"): ReadableStore {
  return {
    url: store.url,
    head: store.head,
    async get(key, range) {
      const found = await store.get(key, range);
      if (found === undefined || !pattern.test(key)) return found;
      const bytes = Buffer.concat(await Array.fromAsync(found.body));
      const at = Math.floor(bytes.length / 2);
      const other = how === "cut" ? bytes.subarray(0, at) : Buffer.from(bytes);
      if (how === "changed") other[at] = (other[at] ?? 0) ^ 1;
      return {
        ...found,
        body: (async function* () {
          yield other;
        })(),
      };
    },
  };
}

test("ended at any operation of the target, it leaves what a reader can believe, and the next run goes on", async () => {
  let operations = 0;
  await syncTo(
    faultyStore(openMemoryStore(), { gate: (_, moment) => void (operations += Number(moment === "before")) }),
  );
  expect(operations).toBeGreaterThan(50);
  // By turns before and after it took effect; the real processes of the acceptance test are ended elsewhere.
  for (let at = 1; at <= operations; at += 7) await endedAt(at, at % 2 === 0 ? "before" : "after");
}, 120_000);

async function endedAt(at: number, when: "before" | "after"): Promise<void> {
  const target = openMemoryStore();
  const ended = new Error("ended");
  let isOver = false;
  const gate = ({ number }: { readonly number: number }, moment: "before" | "after") => {
    if (isOver || (number === at && moment === when)) {
      isOver = true;
      throw ended;
    }
  };
  const error = await syncTo(faultyStore(target, { gate })).catch((reason: unknown) => reason);
  expect(error, `operation ${at}`).toBe(ended);
  if ((await target.head(keys.checkpoint)) !== undefined) {
    const { findings } = await audited(target);
    expect(
      findings.filter(({ severity }) => severity === "error"),
      `operation ${at}`,
    ).toEqual([]);
  }
  await syncTo(target);
  expect((await audited(target)).findings, `operation ${at}`).toEqual([]);
}

test("a source that moves on while it is read gives one state of it", async () => {
  const own = source.clone();
  const publisher = { ...built.publisher, store: own };
  let reads = 0;
  let next = 1;
  const moving: ReadableStore = {
    url: own.url,
    head: own.head,
    async get(key, range) {
      reads += 1;
      if (reads % 40 === 0 && next < 6) {
        const version = `2.${next}.0`;
        next += 1;
        await publishRelease(publisher, { bake: tools(version, `f${next}`), channel: { channel: "staging" } });
      }
      return own.get(key, range);
    },
  };
  const target = openMemoryStore();
  await syncTo(target, { source: moving });
  const { findings } = await audited(target);
  expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
  await syncTo(target, { source: own });
  expect((await audited(target)).findings).toEqual([]);
});

describe("gc of a mirror", () => {
  const hour = 3_600_000;
  const collect = (store: Store, now: number) => {
    const context = { ...testContext(), now: () => now };
    const grace = 72 * hour;
    return collectGarbage({ store, trust: built.trust, grace, isDryRun: false, onRemoved: () => undefined, context });
  };

  test("of a part keeps what is here, and doesn't miss what isn't", async () => {
    for (const asked of [{ channels: ["production"] }, { names: ["tool"] }]) {
      const clock = { now: testContext().now() };
      const target = openMemoryStore(() => clock.now);
      await syncTo(target, { asked });
      clock.now += 1000 * hour;
      await collect(target, clock.now);
      await expectWhole(target, "MIRROR_PARTIAL");
      expect(await syncTo(target, { asked })).toMatchObject({ objects: 0 });
    }
  });

  test("takes nothing that a sync found there from long ago, and is about to refer to", async () => {
    const own = source.clone();
    const clock = { now: testContext().now() };
    const target = openMemoryStore(() => clock.now);
    const options = { source: own, context: { ...testContext(), now: () => clock.now } };
    await syncTo(target, options);
    await publishRelease({ ...built.publisher, store: own }, { bake: tools("1.1.0", "e"), channel: undefined });
    const before = (work: () => Promise<void>): Store => ({
      ...target,
      async replace(key, body, etag) {
        if (key === keys.head) await work();
        return target.replace(key, body, etag);
      },
    });
    const killed = async () => {
      throw new Error("killed");
    };
    await expect(syncTo(before(killed), options)).rejects.toThrow("killed");
    clock.now += 70 * hour;
    const collected = async () => {
      clock.now += 5 * hour;
      await collect(target, clock.now);
    };
    expect(await syncTo(before(collected), options)).toMatchObject({ objects: 0 });
    expect((await audited(target)).findings).toEqual([]);
  });

  test("and a sync that takes long looks again before it refers to what it copied", async () => {
    const clock = { now: testContext().now() };
    const target = openMemoryStore(() => clock.now);
    let copied = 0;
    const slow: Store = {
      ...target,
      async create(key, body) {
        if (key.endsWith("/release.json") && (copied += 1) <= 2) clock.now += 20 * hour;
        return target.create(key, body);
      },
    };
    await syncTo(slow, { context: { ...testContext(), now: () => clock.now } });
    const { modified = 0 } = (await target.head(keys.head)) ?? {};
    for await (const object of target.list("pool/"))
      expect(modified - object.modified, object.key).toBeLessThan(12 * hour);
  });
});
