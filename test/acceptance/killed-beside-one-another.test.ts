// Everything that writes to a store, as processes of their own in one folder at once: publish, promote, yank, refresh and gc, each ended by
// SIGKILL between some two of its operations, and run again. Afterwards nobody needs to clean up. KILN_SEED=N kills elsewhere.

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { keys } from "../../src/artifact/pool.ts";
import { createStore } from "../../src/publish/create-store.ts";
import { createOpenPgpKey, type OpenPgpKey } from "../../src/sign/openpgp-signer.ts";
import { readDocument } from "../../src/stores/read.ts";
import type { Store } from "../../src/stores/store.ts";
import { makeStore } from "../../src/stores/writable.ts";
import { withLock } from "../../src/system/lock.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { verifyChannelDocument } from "../../src/verify/documents.ts";
import { context, publisher, withOpenPgp } from "../fixtures/publisher.ts";
import { seeded } from "../simulation/explore.ts";

const program = new URL("../programs/publish.ts", import.meta.url).pathname;
/** About as many operations as most of them have; who has fewer isn't killed. */
const operations = 50;
/** Milliseconds until all must have ended. */
const patience = 300_000;

let folder: string;
let openpgp: OpenPgpKey;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-beside-"));
  openpgp = await createOpenPgpKey("Kiln examples <examples@kiln.invalid>", 1_600_000_000_000);
});

// Who was ended a moment ago may still be writing what it compiled.
afterAll(() => rm(folder, { recursive: true, maxRetries: 20, retryDelay: 500 }));

const names = ["app", "tool", "site"];
const bakes = (version: string) =>
  names.map((name, at) => ({ name, version, commit: `${at}${version.replaceAll(".", "")}`, deb: true }));

test(
  "publish, promote, yank, refresh and gc beside one another, each killed: the next publish and an audit find all in order",
  async ({ signal: given }) => {
    const signal = AbortSignal.any([given, AbortSignal.timeout(patience)]);
    const root = join(folder, "store");
    const store = await makeStore(root, { cwd: folder, signal });
    const { trust, signers } = withOpenPgp(publisher(store), openpgp);
    await createStore({ store, trust, signer: signers.log, now: 0, publicUrl: undefined });
    await run(store, { bakes: [...bakes("1.0.0"), ...bakes("1.1.0")] }, signal);
    // What a publish left that nobody goes on with, for gc.
    await run(
      store,
      { bakes: [{ name: "left", version: "1.0.0", commit: "f", deb: true }], kill: { at: 7, when: "after" } },
      signal,
    );
    const uploaded = await Array.fromAsync(store.list("pool/"), ({ key }) => key);
    expect(uploaded.filter((key) => key.includes("/left_")).length).toBeGreaterThan(0);
    await age(root, "10 days ago");

    const random = seeded(Number(process.env["KILN_SEED"] ?? 3));
    const orders: object[] = [
      ...bakes("1.2.0").map((bake) => ({ bakes: [bake] })),
      { yank: { name: "app", version: "1.0.0" } },
      { yank: { name: "tool", version: "1.0.0" } },
      { promote: { name: "app", version: "1.1.0" } },
      { promote: { name: "site", version: "1.0.0" } },
      { refresh: true },
      { gc: true },
      { gc: true },
    ];
    const killed = await Promise.all(
      orders.map(async (order) => {
        const when = random() < 0.5 ? "before" : "after";
        const end = await run(store, { ...order, kill: { at: Math.floor(random() * operations), when } }, signal);
        await run(store, order, signal);
        return end === "SIGKILL";
      }),
    );
    expect(killed.filter(Boolean).length).toBeGreaterThan(4);

    await age(join(root, ".tmp"), "2 hours ago");
    await run(store, { bakes: [{ name: "last", version: "1.0.0", commit: "e", deb: true }] }, signal);
    const { verdict, findings } = await audit({
      store,
      trust,
      since: undefined,
      context: { ...context(), now: Date.now },
    });
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(verdict).toBe("verified");
    const shown = async (name: string, channel: string) => {
      const document = await readDocument(store, keys.channel(name, channel));
      return verifyChannelDocument(document?.bytes ?? Buffer.of(), { name, channel, trust }).release.leaf.version;
    };
    for (const name of names) expect(await shown(name, "staging")).toBe("1.2.0");
    expect([await shown("app", "production"), await shown("site", "production")]).toEqual(["1.1.0", "1.0.0"]);
    // The lock is a file that nobody holds.
    expect(await readdir(join(root, ".tmp"))).toEqual(["lock"]);
    expect(await withLock(join(root, ".tmp/lock"), { signal, patience: 1000 }, async () => "mine")).toBe("mine");
    await age(root, "10 days ago");
    await run(store, { gc: true }, signal);
    expect(await Array.fromAsync(store.list("probe/"))).toEqual([]);
    for await (const { key } of store.list("pool/")) expect(key).not.toContain("/left_");
  },
  patience + 60_000,
);

/** How it ended: 0 or SIGKILL. */
async function run(store: Store, order: object, signal: AbortSignal): Promise<number | string | undefined> {
  // They compile the same sources.
  const env = { NODE_COMPILE_CACHE: join(folder, "compiled") };
  const limits = { cancelSignal: signal, killSignal: "SIGKILL", cleanup: true } as const;
  const args = [program, store.url, JSON.stringify({ ...order, openpgp, attended: true })];
  const ended = await execa(process.execPath, args, { env, reject: false, ...limits });
  signal.throwIfAborted();
  if (ended.signal !== "SIGKILL") expect(ended.exitCode, ended.stderr).toBe(0);
  return ended.signal ?? ended.exitCode;
}

async function age(path: string, date: string): Promise<void> {
  await execa("find", [path, "-type", "f", "-exec", "touch", "-d", date, "{}", "+"]);
}
