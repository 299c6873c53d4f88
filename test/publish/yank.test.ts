// Yanking, taking that back, and retiring: what is refused, what the log and the documents say afterwards, and that an audit
// of the store finds nothing to say, whatever was done.

import { describe, expect, test } from "vitest";

import { poolKey } from "../../src/artifact/pool.ts";
import { KilnError } from "../../src/errors.ts";
import { rebuildViews } from "../../src/publish/bring-up.ts";
import { promote } from "../../src/publish/promote.ts";
import { pointAt, publishRelease } from "../../src/publish/release.ts";
import { reserveVersion } from "../../src/publish/reserve.ts";
import { retire } from "../../src/publish/retire.ts";
import { unyank, yank } from "../../src/publish/yank.ts";
import { readDocument } from "../../src/stores/read.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { verifyChannelDocument, verifyReleaseDocument } from "../../src/verify/documents.ts";
import { verifyRelease } from "../../src/verify/release.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { buildStore, makeBake, publishedAt, testContext } from "../fixtures/store-builder.ts";

const name = "billing";
const reason = "loses invoices";

/** Versions 1.0.1, 1.0.2 … in staging, one after the other. */
async function scene(count: number) {
  const { store, trust, signers, publisher } = await buildStore(openMemoryStore());
  const bakes = Array.from({ length: count }, (_, at) =>
    makeBake({ name, version: `1.0.${at + 1}`, commit: `${at + 1}abc` }),
  );
  for (const bake of bakes) await publishRelease(publisher, { bake, channel: { channel: "staging" } });
  return {
    store,
    trust,
    publisher,
    bakes,
    yank: (version: string, moveTo?: string) => yank(publisher, { name, version, reason, moveTo }),
    unyank: (version: string) => unyank(publisher, { name, version }),
    retire: (...versions: string[]) =>
      retire(publisher, { releases: versions.map((version) => ({ name, version })), reason: "old" }),
    promote: (version: string, channel: string) => promote(publisher, { name, by: "version", version }, channel),
    document: async (version: string) => {
      const found = await readDocument(store, `releases/${name}/${version}.json`);
      return verifyReleaseDocument(found?.bytes ?? Buffer.of(), { name, version, trust });
    },
    shown: async (channel: string) => {
      const found = await readDocument(store, `channels/${name}/${channel}.json`);
      return verifyChannelDocument(found?.bytes ?? Buffer.of(), { name, channel, trust }).release.leaf.version;
    },
    audit: async () => {
      const { findings } = await audit({ store, trust, since: undefined, context: testContext() });
      return findings.map(({ code, severity, message }) => `${severity} ${code} ${message}`);
    },
    rebuild: async () => {
      const { publicUrl, pause } = publisher;
      await rebuildViews({ store, trust, pause, signers, now: publishedAt, publicUrl });
    },
    verify: (version: string) => verifyRelease({ store, trust, name, version, context: testContext() }),
  };
}

async function refusal(work: Promise<unknown>): Promise<[code: string, message: string]> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof KilnError) return [error.code, error.message];
  throw new Error(`got ${String(error)}, want a refusal`);
}

describe("yank", () => {
  test("what a channel shows is refused, naming the channels", async () => {
    const { yank: yanking, promote: moving, audit: findings } = await scene(2);
    await moving("1.0.2", "production");
    expect(await refusal(yanking("1.0.2"))).toEqual([
      "RELEASE_SHOWN",
      "billing@1.0.2: got channels that show it: production, staging, want none",
    ]);
    expect(await findings()).toEqual([]);
  });

  test("the same append moves the channels that show it", async () => {
    const { yank: yanking, promote: moving, document, shown, audit: findings } = await scene(2);
    await moving("1.0.2", "production");
    const { moved, changed } = await yanking("1.0.2", "1.0.1");
    expect({ moved, changed }).toEqual({ moved: ["production", "staging"], changed: true });
    for (const channel of moved) expect(await shown(channel)).toBe("1.0.1");
    expect((await document("1.0.2")).yank?.leaf).toMatchObject({ type: "yank", reason });
    expect(await findings()).toEqual([]);
  });

  test("a release that no channel shows is yanked alone; twice changes nothing", async () => {
    const { yank: yanking, audit: findings } = await scene(2);
    expect(await yanking("1.0.1")).toMatchObject({ changed: true, moved: [] });
    expect(await yanking("1.0.1")).toMatchObject({ changed: false, moved: [] });
    expect(await findings()).toEqual([]);
  });

  test("nothing leads to it any more: no channel, no tag, no publish of its commit, no version kept for it", async () => {
    const { store, trust, publisher, bakes, yank: yanking, promote: moving } = await scene(2);
    await yanking("1.0.1");
    const [bake] = bakes;
    const said = ["RELEASE_YANKED", "billing@1.0.1: it was yanked: loses invoices"];
    expect(await refusal(moving("1.0.1", "production"))).toEqual(said);
    expect(await refusal(pointAt(publisher, { name, version: "1.0.1" }, { alias: "v1" }))).toEqual(said);
    expect(await refusal(publishRelease(publisher, { bake: bake! }))).toEqual(said);
    const claim = { commit: bake!.manifest.source.commit!, recipe: "kiln.yaml" };
    const wish = { store, trust, now: 0, pause: publisher.pause, name, claim, next: () => "1.0.9" };
    expect(await refusal(reserveVersion(wish))).toEqual(said);
  });

  test("and can't be moved to", async () => {
    const { yank: yanking } = await scene(3);
    await yanking("1.0.1");
    expect(await refusal(yanking("1.0.3", "1.0.1"))).toMatchObject(["RELEASE_YANKED", /./]);
    expect(await refusal(yanking("1.0.3", "1.0.3"))).toMatchObject(["RELEASE_SHOWN", /./]);
    expect(await refusal(yanking("1.0.3", "9.9.9"))).toMatchObject(["NOT_FOUND", /./]);
  });

  test("verifying says it, and takes nothing from the signatures", async () => {
    const { yank: yanking, verify } = await scene(2);
    await yanking("1.0.1");
    const { verdict, findings, yanked } = await verify("1.0.1");
    expect({ verdict, yanked, codes: findings.map(({ code }) => code) }).toEqual({
      verdict: "verified",
      yanked: reason,
      codes: ["RELEASE_YANKED"],
    });
  });

  test("taken back, everything leads to it again; aliases follow", async () => {
    const {
      publisher,
      yank: yanking,
      unyank: back,
      promote: moving,
      document,
      audit: findings,
      rebuild,
    } = await scene(2);
    await pointAt(publisher, { name, version: "1.0.1" }, { alias: "v1" });
    await yanking("v1");
    for (const version of ["1.0.1", "v1"]) expect((await document(version)).yank?.leaf.type).toBe("yank");
    expect(await back("v1")).toMatchObject({ changed: true });
    for (const version of ["1.0.1", "v1"]) expect((await document(version)).yank?.leaf.type).toBe("unyank");
    expect(await back("1.0.1")).toMatchObject({ changed: false });
    await moving("1.0.1", "production");
    await yanking("1.0.2", "1.0.1");
    expect(await findings()).toEqual([]);
    await rebuild();
    expect(await findings()).toEqual([]);
    for (const version of ["1.0.1", "v1"]) expect((await document(version)).yank?.leaf.type).toBe("unyank");
    expect((await document("1.0.2")).yank?.leaf.type).toBe("yank");
  });
});

describe("retire", () => {
  test("what a channel shows now is refused, what it showed before isn't", async () => {
    const { retire: retiring, audit: findings } = await scene(3);
    expect(await refusal(retiring("1.0.2", "1.0.3"))).toEqual([
      "RELEASE_SHOWN",
      "billing@1.0.3: got the channel staging that shows it, want none",
    ]);
    const { releases } = await retiring("1.0.2", "1.0.1");
    expect(releases.map(({ version }) => version)).toEqual(["1.0.2", "1.0.1"]);
    expect((await retiring("1.0.2")).releases).toEqual([]);
    expect(await findings()).toEqual([]);
  });

  test("nothing leads to it, and it doesn't come back", async () => {
    const { publisher, bakes, yank: yanking, unyank: back, retire: retiring, promote: moving } = await scene(2);
    await yanking("1.0.1");
    await retiring("1.0.1");
    const said = ["RELEASE_RETIRED", "billing@1.0.1: it was retired: old"];
    expect(await refusal(moving("1.0.1", "production"))).toEqual(said);
    expect(await refusal(publishRelease(publisher, { bake: bakes[0]! }))).toEqual(said);
    expect(await refusal(back("1.0.1"))).toEqual(said);
  });

  test("its artifacts may be absent, and nothing else", async () => {
    const { store, bakes, retire: retiring, verify, audit: findings, rebuild } = await scene(3);
    const [artifact] = bakes[0]!.manifest.artifacts;
    await store.remove(poolKey(artifact!), Infinity);
    expect((await findings()).join("\n")).toMatch(/^error OBJECT_MISSING/);
    await retiring("1.0.1");
    const gone = `note RELEASE_RETIRED ${poolKey(artifact!)}: it isn't kept: its release was retired`;
    expect(await findings()).toEqual([gone]);
    await rebuild();
    expect(await findings()).toEqual([gone]);
    expect(await verify("1.0.1")).toMatchObject({ verdict: "verified", retired: "old" });
    await store.remove(poolKey(artifact!.sbom), Infinity);
    expect((await findings()).join("\n")).toMatch(/^error OBJECT_MISSING/m);
  });
});
