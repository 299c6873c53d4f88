// Fifty publishers at once, each a process of its own, into one store; and the same while the kernel ends some of them between any two
// operations and somebody starts them again. KILN_RELEASES: how many releases each publishes.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";

import { keys } from "../../src/artifact/pool.ts";
import { createStore } from "../../src/publish/create-store.ts";
import { createOpenPgpKey, type OpenPgpKey } from "../../src/sign/openpgp-signer.ts";
import type { Store } from "../../src/stores/store.ts";
import { makeStore } from "../../src/stores/writable.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { context, publisher, withOpenPgp } from "../fixtures/publisher.ts";
import { seeded } from "../simulation/explore.ts";
import { credentials, type S3Server, startS3Server } from "../stores/s3-server.ts";

const program = new URL("../programs/publish.ts", import.meta.url).pathname;
const publishers = 50;
const releases = Number(process.env["KILN_RELEASES"] ?? "1");
/** About as many operations as a publish has. */
const operations = 60;

let folder: string;
let server: S3Server;
let openpgp: OpenPgpKey;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-many-"));
  server = await startS3Server("versitygw");
  openpgp = await createOpenPgpKey("Kiln examples <examples@kiln.invalid>", 1_600_000_000_000);
}, 120_000);
beforeEach(() => {
  for (const [key, value] of Object.entries(credentials)) vi.stubEnv(key, value);
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

const places = { folder: async (name: string) => join(folder, name), bucket: async () => server.makeBucket() };

test.for([
  { place: "folder", kills: 1 },
  { place: "bucket", kills: 1 },
] as const)(
  "fifty publishers into a $place, some of them killed: every release is there, and the audit finds nothing",
  { timeout: 1_800_000 },
  async ({ place, kills }) => {
    const { signal } = new AbortController();
    const store = await makeStore(await places[place](`killed-${kills}`), { cwd: folder, signal });
    const { trust, signers } = withOpenPgp(publisher(store), openpgp);
    await createStore({ store, trust, signer: signers.log, now: 0, publicUrl: undefined });
    const random = seeded(kills);
    const orders = Array.from({ length: publishers }, (_, at) => ({
      openpgp,
      bakes: Array.from({ length: releases }, (_unused, release) => ({
        name: `app-${at % 25}`,
        version: `${at}.0.${release}`,
        commit: `${at.toString(16).padStart(2, "0")}${release}`,
        deb: true,
      })),
      kills: Array.from({ length: Math.floor(random() * (kills + 1)) }, () => ({
        at: Math.floor(random() * operations * releases),
        when: random() < 0.5 ? "before" : "after",
      })),
    }));
    await Promise.all(orders.map((order) => publishUntilDone(store, order)));
    for (const { name, version } of orders.flatMap(({ bakes }) => bakes)) {
      expect(await store.head(keys.release(name, version)), `${name}@${version}`).toBeDefined();
    }
    const { verdict, findings } = await audit({ store, trust, since: undefined, context: context() });
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(verdict).toBe("verified");
  },
);

interface Order {
  readonly bakes: readonly object[];
  readonly openpgp: OpenPgpKey;
  readonly kills: readonly { readonly at: number; readonly when: string }[];
}

async function publishUntilDone(store: Store, { bakes, openpgp, kills }: Order): Promise<void> {
  for (const kill of [...kills, undefined]) {
    const order = JSON.stringify({ bakes, openpgp, kill });
    const ended = await execa(process.execPath, [program, store.url, order], { reject: false });
    if (ended.signal !== "SIGKILL") expect(ended.exitCode, ended.stderr).toBe(0);
  }
}
