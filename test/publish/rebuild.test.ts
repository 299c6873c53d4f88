// A rebuild of the views beside publishers: it may write over what they have brought further, and doesn't end before that is made good.

import { expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import { keys } from "../../src/artifact/pool.ts";
import { rebuildViews } from "../../src/publish/bring-up.ts";
import type { Publisher } from "../../src/publish/publisher.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { readDocument } from "../../src/stores/read.ts";
import type { Store } from "../../src/stores/store.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { parseCatalog } from "../../src/views/catalog.ts";
import { faultyStore, type Operation } from "../faults/faulty-store.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { buildStore, makeBake, publishedAt, testContext } from "../fixtures/store-builder.ts";

const staging = { channel: "staging" };

function bakeOf(name: string, version: string) {
  const record = { apiVersion: "v2", name, version };
  const deb = { Package: name, Version: version, Architecture: "all", Maintainer: "x", Description: "x" };
  const others = {
    chart: { kind: "chart", file: `${name}-${version}.tgz`, record },
    deb: { kind: "deb", file: `${name}_${version}_all.deb`, record: deb },
  };
  const commit = digestOf(`${name} ${version}`).slice(0, 40);
  return makeBake({ name, version, commit, artifacts: {}, others });
}

async function scene() {
  const store = openMemoryStore();
  const { trust, publisher } = await buildStore(store);
  await publishRelease(publisher, { bake: bakeOf("web", "1.0.0"), channel: staging });
  return {
    store,
    at: (other: Store): Publisher => ({ ...publisher, store: other }),
    wrong: async (other: Store) => {
      const { findings } = await audit({ store: other, trust, since: undefined, context: testContext() });
      return findings.map(({ code, subject }) => `${code} ${subject}`);
    },
    index: async (other: Store) => (await readDocument(other, "charts/staging/index.yaml"))?.bytes.toString() ?? "",
    size: async (other: Store) => parseCatalog((await readDocument(other, keys.catalog))!.bytes, keys.catalog).size,
  };
}

const rebuild = (publisher: Publisher) => rebuildViews({ ...publisher, now: publishedAt });

test("whenever a publish comes by while the views are rebuilt, nothing of it is lost", async () => {
  const { store, at, wrong, index } = await scene();
  for (const number of await momentsOf(store.clone(), (other) => rebuild(at(other)))) {
    const copy = store.clone();
    const gate = async (operation: Operation, moment: "before" | "after") => {
      if (operation.number !== number || moment !== "before") return;
      await publishRelease(at(copy), { bake: bakeOf("other", "1.0.0"), channel: staging });
    };
    await rebuild(at(faultyStore(copy, { gate })));
    expect(await index(copy), `publish before operation ${number}`).toContain('"other"');
    expect(await wrong(copy), `publish before operation ${number}`).toEqual([]);
  }
});

test("whenever the views are rebuilt while a publish is under way, nothing of it is lost", async () => {
  const { store, at, wrong, index } = await scene();
  const publish = (other: Store) => publishRelease(at(other), { bake: bakeOf("other", "1.0.0"), channel: staging });
  for (const number of await momentsOf(store.clone(), publish)) {
    const copy = store.clone();
    const gate = async (operation: Operation, moment: "before" | "after") => {
      if (operation.number === number && moment === "before") await rebuild(at(copy));
    };
    await publish(faultyStore(copy, { gate }));
    expect(await index(copy), `rebuild before operation ${number}`).toContain('"other"');
    expect(await wrong(copy), `rebuild before operation ${number}`).toEqual([]);
  }
});

test("it begins again at the newer head when the catalog was swapped meanwhile, and never puts back an older one", async () => {
  const { store, at, size, wrong } = await scene();
  let published = 0;
  const gate = async ({ key, name }: Operation, moment: "before" | "after") => {
    if (key !== keys.catalog || name !== "replace" || moment !== "before" || published === 3) return;
    published += 1;
    await publishRelease(at(store), { bake: bakeOf("other", `1.0.${published}`), channel: staging });
  };
  const before = await size(store);
  const { leaves } = await rebuild(at(faultyStore(store, { gate })));
  expect(published).toBe(3);
  expect(leaves).toBe(await size(store));
  expect(leaves).toBeGreaterThan(before);
  expect(await wrong(store)).toEqual([]);
});

/** Operations before which another may come by and make a difference: those on what is replaced. */
async function momentsOf(store: Store, work: (store: Store) => Promise<unknown>): Promise<readonly number[]> {
  const moments: number[] = [];
  const gate = ({ number, name, key }: Operation, moment: "before" | "after") => {
    const matters = name === "replace" || key === keys.catalog || key === keys.head || key === keys.checkpoint;
    if (matters && moment === "before") moments.push(number);
  };
  await work(faultyStore(store, { gate }));
  expect(moments.length).toBeGreaterThan(6);
  return moments;
}
