// Garbage collection beside real publishers: on a folder and on a real S3 server, with everything that was there before reported as
// ten days old; and as a process of its own that is killed anywhere while others publish.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { CreateMultipartUploadCommand, S3Client } from "@aws-sdk/client-s3";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";

import { poolKey } from "../../src/artifact/pool.ts";
import { collectGarbage } from "../../src/publish/gc/gc.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { retire } from "../../src/publish/retire.ts";
import { upload } from "../../src/publish/upload.ts";
import { openFolderStore } from "../../src/stores/folder.ts";
import { openS3Store } from "../../src/stores/s3.ts";
import type { Store } from "../../src/stores/store.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { commit, kiln, kilnDone, makeScene, recipe, removeScene, startKiln, staticVersion } from "../fixtures/scene.ts";
import { type BuiltStore, buildStore, makeBake, testContext } from "../fixtures/store-builder.ts";
import { credentials, type S3Server, startS3Server } from "../stores/s3-server.ts";

const day = 24 * 3_600_000;
const grace = 3 * day;
const { signal } = new AbortController();

let folder: string;
let server: S3Server;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-gc-"));
  server = await startS3Server("MiniStack");
}, 120_000);

// For each test: what a test sets in the environment goes with it.
beforeEach(() => {
  for (const [key, value] of Object.entries(credentials)) vi.stubEnv(key, value);
});

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const stores: Readonly<Record<string, () => Promise<Store>>> = {
  folder: () => openFolderStore(folder, signal),
  "a bucket": async () => openS3Store(await server.makeBucket(), signal),
};

describe.each(Object.entries(stores))("in %s", (sort, open) => {
  test("publishers and gc at once: every release is whole, and what nobody took up goes", async () => {
    const real = await open();
    const built = await buildStore(real);
    await publish(built, 0);
    await publish(built, 1);
    for (const patch of [2, 3, 4, 9]) await abandon(built, patch);
    await retire(built.publisher, { releases: [{ name: "billing", version: "1.0.0" }], reason: "old" });
    if (sort === "a bucket") await beginUpload(real.url);
    // A server's dates may have whole seconds only.
    await sleep(1100);
    const border = (await clockOf(real)) - 1;
    const store = agedBefore(real, border);

    let isPublishing = true;
    const publishers = [2, 3, 4, 5, 6].map((patch) => publish(built, patch));
    const collector = (async () => {
      let runs = 0;
      for (; isPublishing || runs < 2; runs++) await collect(store, built);
      return runs;
    })();
    await Promise.all(publishers).finally(() => (isPublishing = false));
    expect(await collector).toBeGreaterThan(1);

    const { findings, releases } = await audit({
      store: real,
      trust: built.trust,
      since: undefined,
      context: testContext(),
    });
    const gone = bake(0).manifest.artifacts.map(poolKey);
    expect(findings.map(({ code, subject }) => `${code} ${subject}`)).toEqual(
      gone.map((key) => `RELEASE_RETIRED ${key}`),
    );
    expect(releases).toBe(7);
    for (const artifact of bake(9).manifest.artifacts) expect(await real.head(poolKey(artifact))).toBe(undefined);
    expect(await Array.fromAsync(real.uploads?.() ?? [])).toEqual([]);
  }, 300_000);
});

test("killed again and again while others publish and deploy, it leaves a store that an audit finds whole", async () => {
  const scene = await makeScene();
  try {
    // All that is there is old, also while it is published and deployed.
    const age = () => execa("find", [scene.store, "-type", "f", "-exec", "touch", "-d", "10 days ago", "{}", "+"]);
    for (const patch of [1, 2]) {
      await commit(scene, {
        "kiln.yaml": recipe({ version: staticVersion(`1.1.${patch}`) }),
        "files/a.txt": `${patch}\n`,
      });
      await age();
      const running = Array.from({ length: 2 }, async (_, at) => {
        const collecting = startKiln(scene, ["gc"]);
        await sleep(500 + 700 * at * patch);
        collecting.kill("SIGKILL");
        await collecting;
      });
      await kilnDone(scene, ["publish"]);
      await Promise.all(running);
      await kilnDone(scene, ["deploy", "app:staging"]);
      expect((await kiln(scene, ["audit"])).stdout).toMatch(/^verified/);
    }
    await age();
    await kilnDone(scene, ["gc"]);
    await age();
    expect((await kilnDone(scene, ["gc"])).stdout).toBe("nothing to remove\n");
    expect((await kiln(scene, ["audit"])).stdout).toMatch(/^verified/);
  } finally {
    await removeScene(scene);
  }
}, 600_000);

const bake = (patch: number) => makeBake({ name: "billing", version: `1.0.${patch}`, commit: `${patch}abc` });

async function publish({ publisher }: BuiltStore, patch: number): Promise<void> {
  await publishRelease(publisher, { bake: bake(patch), channel: { channel: "staging" } });
}

/** What a publish leaves that stopped before its commit. */
async function abandon({ store, signers, publisher: { context } }: BuiltStore, patch: number): Promise<void> {
  await upload({ store, signers, bake: bake(patch), context, onBytes: () => undefined });
}

async function collect(store: Store, { trust }: BuiltStore): Promise<void> {
  await collectGarbage({ store, trust, grace, isDryRun: false, onRemoved: () => undefined, context: testContext() });
}

async function clockOf(store: Store): Promise<number> {
  await store.create("probe-0-clock", Buffer.from("now"));
  return (await store.head("probe-0-clock"))?.modified ?? 0;
}

async function beginUpload(url: string): Promise<void> {
  const { hostname, searchParams } = new URL(url);
  const endpoint = searchParams.get("endpoint") ?? "";
  const client = new S3Client({ endpoint, forcePathStyle: true, region: credentials.AWS_REGION });
  await client.send(new CreateMultipartUploadCommand({ Bucket: hostname, Key: "pool/large" }));
  client.destroy();
}

/** The store as it would be if nobody had done anything in the ten days before `border`, by its own clock. */
function agedBefore(store: Store, border: number): Store {
  const shown = (modified: number) => (modified < border ? modified - 10 * day : modified);
  return {
    ...store,
    async head(key) {
      const info = await store.head(key);
      return info && { ...info, modified: shown(info.modified) };
    },
    async *list(prefix) {
      for await (const object of store.list(prefix)) yield { ...object, modified: shown(object.modified) };
    },
    async *uploads() {
      for await (const one of store.uploads?.() ?? []) yield { ...one, begun: shown(one.begun) };
    },
    // What lies between the two times was never.
    remove: (key, unchangedSince) => store.remove(key, unchangedSince >= border ? unchangedSince : border - 1),
  };
}
