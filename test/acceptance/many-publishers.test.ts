// Many publishers at once, each a process of its own, into one store; and the same while the kernel ends some of them between any two
// operations and somebody starts them again.

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";

import { keys } from "../../src/artifact/pool.ts";
import { createStore } from "../../src/publish/create-store.ts";
import { createOpenPgpKey, type OpenPgpKey } from "../../src/sign/openpgp-signer.ts";
import type { Store } from "../../src/stores/store.ts";
import { makeStore } from "../../src/stores/writable.ts";
import { withLock } from "../../src/system/lock.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { context, publisher, withOpenPgp } from "../fixtures/publisher.ts";
import { seeded } from "../simulation/explore.ts";
import { credentials, type S3Server, startS3Server } from "../stores/s3-server.ts";

const program = new URL("../programs/publish.ts", import.meta.url).pathname;
const publishers = Number(process.env["KILN_PUBLISHERS"] ?? "50");
/** About as many operations as a publish has. */
const operations = 60;
/** Milliseconds until all publishers must have ended. */
const patience = 600_000;

let folder: string;
let server: S3Server;
let openpgp: OpenPgpKey;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-many-"));
  server = await startS3Server("MiniStack");
  openpgp = await createOpenPgpKey("Kiln examples <examples@kiln.invalid>", 1_600_000_000_000);
}, 120_000);
beforeEach(() => {
  for (const [key, value] of Object.entries(credentials)) vi.stubEnv(key, value);
});
afterAll(async () => {
  await server.stop();
  // A publisher that was ended a moment ago may still be writing what it compiled.
  await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 500 });
});

const places = { folder: async (name: string) => join(folder, name), bucket: async () => server.makeBucket() };

test.for(["folder", "bucket"] as const)(
  "many publishers into a %s, some of them killed: every release is there, and the audit finds nothing",
  { timeout: patience + 120_000 },
  async (place, { signal: given }) => {
    const signal = AbortSignal.any([given, AbortSignal.timeout(patience)]);
    const store = await makeStore(await places[place]("store"), { cwd: folder, signal });
    const { trust, signers } = withOpenPgp(publisher(store), openpgp);
    await createStore({ store, trust, signer: signers.log, now: 0, publicUrl: undefined });
    const random = seeded(1);
    const orders = Array.from({ length: publishers }, (_, at): Order => ({
      openpgp,
      bake: { name: `app-${at % 25}`, version: `${at}.0.0`, commit: at.toString(16).padStart(2, "0"), deb: true },
      // Each second one or so.
      kills: Array.from({ length: Math.floor(random() * 2) }, () => ({
        at: Math.floor(random() * operations),
        when: random() < 0.5 ? "before" : "after",
      })),
    }));
    const killed = await Promise.all(orders.map((order) => publishUntilDone(store, { ...order, signal })));
    const sum = (all: readonly number[]) => all.reduce((total, one) => total + one, 0);
    // Who has fewer operations than its kill waits for ends before it.
    const ordered = sum(orders.map(({ kills }) => kills.length));
    expect(sum(killed), `of ${ordered} kills`).toBeGreaterThanOrEqual(ordered / 5);
    if (place === "folder") await expectNothingLeft(store, { openpgp, signal });
    for (const { name, version } of orders.map(({ bake }) => bake)) {
      expect(await store.head(keys.release(name, version)), `${name}@${version}`).toBeDefined();
    }
    const { verdict, findings } = await audit({ store, trust, since: undefined, context: context() });
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(verdict).toBe("verified");
  },
);

/** Nobody holds the folder's lock, and what the killed ones left is taken away by the next publish after an hour. */
async function expectNothingLeft(store: Store, one: { openpgp: OpenPgpKey; signal: AbortSignal }): Promise<void> {
  const temporary = join(folder, "store/.tmp");
  expect(await withLock(join(temporary, "lock"), { signal: one.signal, patience: 1000 }, async () => "mine")).toBe(
    "mine",
  );
  await execa("find", [temporary, "-type", "f", "-exec", "touch", "-d", "2 hours ago", "{}", "+"]);
  await publishUntilDone(store, {
    ...one,
    bake: { name: "last", version: "1.0.0", commit: "e", deb: true },
    kills: [],
  });
  // The lock is a file that nobody holds.
  expect(await readdir(temporary)).toEqual(["lock"]);
}

interface Order {
  readonly bake: { readonly name: string; readonly version: string; readonly commit: string; readonly deb: true };
  readonly openpgp: OpenPgpKey;
  readonly kills: readonly { readonly at: number; readonly when: string }[];
}

/** How often it was killed. Ends with the signal, and every process with it. */
async function publishUntilDone(
  store: Store,
  { bake, openpgp, kills, signal }: Order & { readonly signal: AbortSignal },
): Promise<number> {
  let killed = 0;
  for (const kill of [...kills, undefined]) {
    const order = JSON.stringify({ bakes: [bake], openpgp, kill, attended: true });
    // They compile the same sources.
    const env = { NODE_COMPILE_CACHE: join(folder, "compiled") };
    const limits = { cancelSignal: signal, killSignal: "SIGKILL", cleanup: true } as const;
    const ended = await execa(process.execPath, [program, store.url, order], { env, reject: false, ...limits });
    signal.throwIfAborted();
    if (ended.signal === "SIGKILL") killed += 1;
    else expect(ended.exitCode, ended.stderr).toBe(0);
  }
  return killed;
}
