// Two releases that have the same bytes under the same file name: a report that didn't change, an archive whose name has no version.
// They share the artifact in the pool; each has signatures, provenance and attestations of its own.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { apartKey, besideKey, endsBeside } from "../../src/artifact/beside.ts";
import { poolKey } from "../../src/artifact/pool.ts";
import { parseSignatures } from "../../src/artifact/signatures.ts";
import { parseBundle } from "../../src/artifact/sigstore.ts";
import { publishAll } from "../../src/publish/batch.ts";
import { collectGarbage } from "../../src/publish/gc/gc.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { retire } from "../../src/publish/retire.ts";
import { readDocument } from "../../src/stores/read.ts";
import type { Store } from "../../src/stores/store.ts";
import { sync } from "../../src/sync/sync.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { verifyFile } from "../../src/verify/file.ts";
import { verifyRelease } from "../../src/verify/release.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { type BuiltStore, buildStore, makeBake, publishedAt, testContext } from "../fixtures/store-builder.ts";
import { takeOver } from "../verify/tampered-store.ts";
import { rebuild } from "./rebuilt.ts";

const day = 24 * 3_600_000;
const report = Buffer.from("<coverage line-rate='0.9'/>\n");
const coverage = { kind: "report", file: "coverage.xml", record: { format: "cobertura" }, bytes: report };

/** The later has one attestation more. */
const versions = [
  makeBake({ name: "billing", version: "1.0.0", commit: "a", others: { coverage }, attested: ["unit"] }),
  makeBake({ name: "billing", version: "1.1.0", commit: "b", others: { coverage }, attested: ["unit", "lint"] }),
] as const;
const elsewhere = makeBake({ name: "website", version: "3.0.0", commit: "c", others: { coverage } });
const [first, second] = versions;
const shared = first.manifest.artifacts.find(({ name }) => name === "coverage")!;
const key = poolKey(shared);
const apart = (end: string) => apartKey(shared, end, second.identity);

async function published(ways: "each" | "batch" = "each"): Promise<BuiltStore & { clock: { now: number } }> {
  const clock = { now: publishedAt };
  const made = await buildStore(openMemoryStore(() => clock.now));
  const context = { ...testContext(), now: () => clock.now };
  const built = { ...made, publisher: { ...made.publisher, context } };
  const all = [...versions, elsewhere].map((bake) => ({ bake, channel: { channel: "staging" } }));
  if (ways === "batch") await publishAll(built.publisher, all);
  for (const one of ways === "each" ? all : []) {
    clock.now += 1000;
    await publishRelease(built.publisher, one);
  }
  return { ...built, clock };
}

async function findingsOf({ store, trust }: Pick<BuiltStore, "store" | "trust">): Promise<string[]> {
  const common = { store, trust, context: later };
  const all = [
    await audit({ ...common, since: undefined }),
    await verifyRelease({ ...common, name: "billing", version: "1.0.0" }),
    await verifyRelease({ ...common, name: "billing", version: "1.1.0" }),
    await verifyRelease({ ...common, name: "website", version: "3.0.0" }),
  ];
  return all.map(({ verdict, findings }) => [verdict, ...findings.map(({ code }) => code).toSorted()].join(" "));
}

const later = { ...testContext(), now: () => publishedAt + 200 * day };
const whole = ["verified", "verified", "verified", "verified"];

async function bytesOf(store: Store, at: string): Promise<Buffer> {
  const found = await readDocument(store, at);
  if (found === undefined) throw new Error(`no ${at}`);
  return found.bytes;
}

async function keysOf(store: Store): Promise<string[]> {
  return (await Array.fromAsync(store.list("pool/"), ({ key: one }) => one)).toSorted();
}

describe("published one by one, in one append, or rebuilt", () => {
  test("the first one's files lie beside the artifact, each other's beside its manifest, and all are verified", async () => {
    const built = await published();
    const { store } = built;
    expect(await findingsOf(built)).toEqual(whole);
    const own = await bytesOf(store, apart(".provenance.sigstore.json"));
    const theirs = await bytesOf(store, `${key}.provenance.sigstore.json`);
    const commitIn = (bytes: Buffer) => {
      const { content } = parseBundle(bytes, "x");
      if (content.sort !== "attestation") throw new Error("no attestation");
      return /"gitCommit":"(.)/.exec(Buffer.from(content.envelope.payload, "base64").toString())?.[1];
    };
    expect([commitIn(theirs), commitIn(own)]).toEqual(["a", "b"]);
    // What the first doesn't have takes nobody's place.
    expect(await store.head(`${key}.attest-2.sigstore.json`)).toBeDefined();
    expect(await store.head(apart(".attest-2.sigstore.json"))).toBeUndefined();
    expect(await store.head(apartKey(shared, ".asc", elsewhere.identity))).toBeDefined();
    // What nobody shares is written once.
    expect(await store.head(apartKey(second.manifest.artifacts[0]!, ".asc", second.identity))).toBeUndefined();
    const before = await keysOf(store);
    await rebuild(built);
    expect(await keysOf(store)).toEqual(before);
    expect(await bytesOf(store, `${key}.asc`)).not.toEqual(await bytesOf(store, apart(".asc")));
    expect(await findingsOf(built)).toEqual(whole);

    const batch = await published("batch");
    expect(await findingsOf(batch)).toEqual(whole);
    expect(await batch.store.head(apartKey(shared, ".sigstore.json", second.identity))).toBeDefined();
  });

  test("lost files are made again, each in its place", async () => {
    const built = await published();
    const before = await keysOf(built.store);
    for (const one of before) if (/\.(?:asc|sigstore\.json)$/.test(one)) await built.store.remove(one, Infinity);
    await rebuild(built);
    expect(await keysOf(built.store)).toEqual(before);
    expect(await findingsOf(built)).toEqual(whole);
  });
});

test("the file is verified offline with what lies beside it, and with what its own release has", async () => {
  const { store, trust } = await published();
  const leaf = parseSignatures(await bytesOf(store, (await signaturesOf(store, second.identity))!), "x");
  const ends = endsBeside({ manifest: second.manifest, signatures: leaf }, shared).slice(0, 4);
  expect(ends).toHaveLength(4);
  for (const at of [(end: string) => besideKey(shared, end), apart]) {
    const folder = await mkdtemp(join(tmpdir(), "kiln-same-"));
    try {
      const path = join(folder, "coverage.xml");
      await writeFile(path, report);
      for (const end of ends) await writeFile(path + end, await bytesOf(store, at(end)));
      const { verdict, findings } = await verifyFile({ path, trust, openStore: undefined, context: later });
      expect([verdict, findings]).toEqual(["verified", []]);
    } finally {
      await rm(folder, { recursive: true });
    }
  }
});

async function signaturesOf(store: Store, manifest: string): Promise<string | undefined> {
  const all = (await keysOf(store)).filter((one) => one.endsWith("/signatures.json"));
  for (const one of all) if (parseSignatures(await bytesOf(store, one), one).manifest === manifest) return one;
  return undefined;
}

test.for(versions.map(({ manifest }) => manifest.version))(
  "once %s is retired and its garbage is collected, the others have all that they need",
  async (version) => {
    const built = await published();
    const { store, trust, publisher, clock } = built;
    // A channel shows the newest one.
    const last = makeBake({ name: "billing", version: "1.2.0", commit: "d" });
    await publishRelease(publisher, { bake: last, channel: { channel: "staging" } });
    await retire(publisher, { releases: [{ name: "billing", version }], reason: "old" });
    clock.now += 100 * day;
    const { context } = publisher;
    const removed: string[] = [];
    const onRemoved = ({ key: one }: { readonly key: string }) => void removed.push(one);
    await collectGarbage({ store, trust, grace: 3 * day, isDryRun: false, onRemoved, context });
    expect(removed.some((one) => one.endsWith(`billing-app-${version}.bin`))).toBe(true);
    expect(await bytesOf(store, key)).toEqual(report);
    const found = await findingsOf(built);
    expect(found.filter((one) => !/^verified(?: RELEASE_RETIRED)*$/.test(one))).toEqual([]);
    expect(found.filter((one) => one === "verified")).toHaveLength(2);
  },
);

test("a mirror of one channel, grown later, has each release's own too", async () => {
  const built = await published();
  const { publisher, trust } = built;
  await publishRelease(publisher, {
    bake: makeBake({ name: "other", version: "1.0.0", commit: "e", others: { coverage } }),
  });
  const target = openMemoryStore();
  const common = {
    source: built.store,
    trust,
    publicUrl: undefined,
    all: false,
    context: later,
    pause: async () => {},
  };
  await sync({ ...common, target, asked: { names: ["website"] } });
  expect(await target.head(`${key}.asc`)).toBeDefined();
  expect(await target.head(apartKey(shared, ".asc", elsewhere.identity))).toBeUndefined();
  await sync({ ...common, target, asked: { names: ["billing"] } });
  expect(await findingsOf({ store: target, trust })).toEqual(["verified MIRROR_PARTIAL", ...whole.slice(1)]);
});

test("whatever of it is absent, garbage or swapped is found", async () => {
  const built = await published();
  const look = async (tamper: (own: ReturnType<typeof takeOver>) => Promise<unknown>) => {
    const own = takeOver({ ...built, store: built.store as ReturnType<typeof openMemoryStore> });
    await tamper(own);
    return (await findingsOf(own)).slice(0, 3);
  };
  const bundle = ".provenance.sigstore.json";
  expect(await look(({ remove }) => remove(apart(bundle)))).toEqual([
    "refused VIEW_MISMATCH",
    "verified",
    "refused VIEW_MISMATCH VIEW_MISMATCH",
  ]);
  expect(await look(({ write }) => write(apart(bundle), "x"))).toEqual([
    "refused BUNDLE_INVALID",
    "verified",
    "refused BUNDLE_INVALID",
  ]);
  expect(await look(({ remove }) => remove(key + bundle))).toEqual([
    "refused OBJECT_MISSING OBJECT_MISSING OBJECT_MISSING",
    "refused OBJECT_MISSING",
    "refused OBJECT_MISSING",
  ]);
  const swapped = await look(async ({ read, write }) => write(key + bundle, await read(apart(bundle))));
  expect(swapped).toEqual(["refused VIEW_MISMATCH", "refused VIEW_MISMATCH VIEW_MISMATCH", "verified"]);
  const garbage = await look(({ write }) => write(`${key}.asc`, "x"));
  expect(garbage[0]).toMatch(/^refused .*VIEW_MISMATCH/);
  expect(garbage[1]).toMatch(/^refused SIGNATURE_INVALID/);
  // The other two of them say what is wrong with it too.
  expect(garbage[2]).toMatch(/^refused SIGNATURE_INVALID/);
});
