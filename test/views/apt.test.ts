// A channel as an apt suite after something was taken back, and what gc leaves of a suite's older generations. That apt reads it is
// shown in test/acceptance/apt.test.ts.

import { gunzipSync } from "node:zlib";

import { expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { collectGarbage } from "../../src/publish/gc/gc.ts";
import type { Publisher } from "../../src/publish/publisher.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { retire } from "../../src/publish/retire.ts";
import { unyank, yank } from "../../src/publish/yank.ts";
import { readDocument } from "../../src/stores/read.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { buildStore, makeBake, publishedAt, testContext } from "../fixtures/store-builder.ts";
import { rebuild } from "./rebuilt.ts";

const day = 24 * 3_600_000;
const name = "tool";
const staging = { channel: "staging" };

function bakeOf(version: string) {
  const record = {
    Package: name,
    Version: version,
    Architecture: "amd64",
    Maintainer: "Kiln examples <examples@kiln.invalid>",
    Description: "a tool",
  };
  const pack = { kind: "deb", file: `${name}_${version}_amd64.deb`, record };
  return makeBake({ name, version, commit: digestOf(version).slice(0, 40), artifacts: {}, others: { pack } });
}

async function scene() {
  const clock = { now: publishedAt };
  const built = await buildStore(openMemoryStore(() => clock.now));
  const { store, trust } = built;
  const context = { ...testContext(), now: () => clock.now };
  const publisher: Publisher = { ...built.publisher, context };
  return {
    clock,
    store,
    publisher,
    publish: (version: string) => publishRelease(publisher, { bake: bakeOf(version), channel: staging }),
    rebuild: () => rebuild({ ...built, publisher }),
    versions: async () => {
      const found = await readDocument(store, "dists/staging/main/binary-amd64/Packages.gz");
      const text = found === undefined ? "" : gunzipSync(found.bytes).toString();
      return [...text.matchAll(/^Version: (.*)$/gm)].map(([, version]) => version);
    },
    inRelease: async () => (await readDocument(store, "dists/staging/InRelease"))?.bytes.toString() ?? "",
    gc: async () => {
      const removed: string[] = [];
      const onRemoved = ({ key }: { readonly key: string }) => void removed.push(key);
      await collectGarbage({ store, trust, grace: 3 * day + 1, isDryRun: false, onRemoved, context });
      return removed;
    },
    audit: async () => {
      const { findings } = await audit({ store, trust, since: undefined, context });
      return findings.map(({ code, message }) => `${code} ${message}`);
    },
  };
}

test("what is yanked or retired is dropped from the suites that show it; a yank taken back brings it back", async () => {
  const { publish, publisher, versions, audit: findings, rebuild: again } = await scene();
  for (const version of ["1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5"]) await publish(version);
  expect(await versions()).toEqual(["1.0.2", "1.0.3", "1.0.4", "1.0.5"]);
  await yank(publisher, { name, version: "1.0.4", reason: "broken" });
  expect(await versions()).toEqual(["1.0.2", "1.0.3", "1.0.5"]);
  // Another release further back takes the place of one that isn't kept.
  await retire(publisher, { releases: [{ name, version: "1.0.2" }], reason: "old" });
  expect(await versions()).toEqual(["1.0.1", "1.0.3", "1.0.5"]);
  expect(await findings()).toEqual([]);
  await again();
  expect(await versions()).toEqual(["1.0.1", "1.0.3", "1.0.5"]);
  await unyank(publisher, { name, version: "1.0.4" });
  expect(await versions()).toEqual(["1.0.1", "1.0.3", "1.0.4", "1.0.5"]);
  await yank(publisher, { name, version: "1.0.5", reason: "broken", moveTo: "1.0.3" });
  expect(await versions()).toEqual(["1.0.1", "1.0.3"]);
  expect(await findings()).toEqual([]);
});

test("what clients take for newer than the current release isn't shown, in whatever order they were released", async () => {
  const { publish, versions, audit: findings, rebuild: again } = await scene();
  for (const version of ["1.0.0", "1.9.0", "2.0.0"]) await publish(version);
  expect(await versions()).toEqual(["1.0.0", "1.9.0", "2.0.0"]);
  // A correction of the old line, released last.
  await publish("1.9.1");
  expect(await versions()).toEqual(["1.0.0", "1.9.0", "1.9.1"]);
  expect(await findings()).toEqual([]);
  await again();
  expect(await versions()).toEqual(["1.0.0", "1.9.0", "1.9.1"]);
});

test("an InRelease from before a yank is found, and nobody takes it for the suite", async () => {
  const { store, publish, publisher, inRelease, audit: findings } = await scene();
  for (const version of ["1.0.1", "1.0.2"]) await publish(version);
  const before = await inRelease();
  await yank(publisher, { name, version: "1.0.1", reason: "broken" });
  const key = "dists/staging/InRelease";
  await store.replace(key, Buffer.from(before), (await store.head(key))?.etag ?? null);
  expect((await findings()).join("\n")).toContain("VIEW_MISMATCH dists/staging/main/binary-amd64/Packages");
});

test("gc leaves three generations of a suite, and all that were superseded within the grace", async () => {
  const { clock, store, publish, inRelease, gc, audit: findings, rebuild: again } = await scene();
  const seen: string[] = [];
  const isWhole = async (text: string): Promise<boolean> => {
    const state = /^Kiln-State: (.*)$/m.exec(text)?.[1] ?? "";
    const digests = [...text.matchAll(/^ ([0-9a-f]{64}) +\d+ main\/binary-amd64\/Packages\.(?:gz|xz|zst)$/gm)];
    const keys = digests.map(([, digest]) => `dists/staging/main/binary-amd64/by-hash/SHA256/${digest}`);
    const found = await Promise.all([...keys, `dists/staging/state/${state}.json`].map((key) => store.head(key)));
    expect(digests).toHaveLength(3);
    return found.every((object) => object !== undefined);
  };
  for (let patch = 1; patch <= 6; patch++) {
    await publish(`1.0.${patch}`);
    seen.push(await inRelease());
    clock.now += day;
  }
  await gc();
  // The grace is three days: the second was superseded four days ago, the third three days ago.
  expect(await Promise.all(seen.map(isWhole))).toEqual([false, false, true, true, true, true]);
  clock.now += 100 * day;
  await gc();
  expect(await Promise.all(seen.map(isWhole))).toEqual([false, false, false, true, true, true]);
  expect(await findings()).toEqual([]);
  // Made anew, the suite still knows which generation it took the place of.
  await again();
  await gc();
  expect(await Promise.all(seen.map(isWhole))).toEqual([false, false, false, false, true, true]);
  expect(await gc()).toEqual([]);
});

test("an audit knows a suite that nothing new touches, and one that was taken back to an older state", async () => {
  const { store, publish, publisher, inRelease, audit: findings } = await scene();
  await publish("1.0.1");
  const older = await inRelease();
  await publish("1.0.2");
  // No package for apt in it: the suite stays as it is.
  await publishRelease(publisher, { bake: makeBake({ name: "app", version: "1.0.0", commit: "a" }), channel: staging });
  expect(await findings()).toEqual([]);
  const key = "dists/staging/InRelease";
  await store.replace(key, Buffer.from(older), (await store.head(key))?.etag ?? null);
  expect((await findings()).map((finding) => finding.split(" ")[0])).toContain("VIEW_MISMATCH");
});
