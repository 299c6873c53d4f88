// A mirror over http of a store that others publish to meanwhile: whatever is published between any two of its requests, what comes out is
// a store that an audit finds in order, and the next run brings the newest.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

import { keys } from "../../src/artifact/pool.ts";
import { KilnError } from "../../src/errors.ts";
import { createStore } from "../../src/publish/create-store.ts";
import { promote } from "../../src/publish/promote.ts";
import type { Publisher } from "../../src/publish/publisher.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { createOpenPgpKey, type OpenPgpKey } from "../../src/sign/openpgp-signer.ts";
import { openStore } from "../../src/stores/index.ts";
import { readDocument } from "../../src/stores/read.ts";
import { makeStore } from "../../src/stores/writable.ts";
import { sync } from "../../src/sync/sync.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { bakeOf, context, pause, publisher, withOpenPgp } from "../fixtures/publisher.ts";
import { files, serve, type WebServer } from "../stores/web-server.ts";

const program = new URL("../programs/publish.ts", import.meta.url).pathname;
const place = { cwd: "/", signal: new AbortController().signal };

let folder: string;
let root: string;
let openpgp: OpenPgpKey;
let own: Publisher;
let server: WebServer;
/** Awaited before each request is answered. */
let beforeAnswer = async (_path: string): Promise<void> => {};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-moving-"));
  root = join(folder, "source");
  openpgp = await createOpenPgpKey("Kiln examples <examples@kiln.invalid>", 1_600_000_000_000);
  own = withOpenPgp(publisher(await makeStore(root, place)), openpgp);
  own = { ...own, context: { ...own.context, now: Date.now } };
  await createStore({ store: own.store, trust: own.trust, signer: own.signers.log, now: 0, publicUrl: undefined });
  for (const name of ["app", "tool"]) await publish(name, "1.0.0");
  const answer = files(root);
  server = await serve(async (request, response, path) => {
    await beforeAnswer(path);
    await answer(request, response, path);
  });
}, 60_000);

afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 500 });
});

let published = 0;

async function publish(name: string, version: string): Promise<void> {
  const commit = (published += 1).toString(16).padStart(4, "0");
  await publishRelease(own, { bake: bakeOf({ name, version, commit, deb: true }), channel: { channel: "staging" } });
}

async function mirror(name: string, channels?: readonly string[]) {
  const target = await makeStore(join(folder, name), place);
  const source = await openStore(server.url, place);
  const asked = channels === undefined ? {} : { channels: [...channels] };
  const common = { publicUrl: "https://mirror.test/", all: false, context: own.context, pause, trust: own.trust };
  await sync({ ...common, source, target, asked });
  return target;
}

/** What an audit of the mirror says, but for what a mirror of a part is without. */
async function findingsOf(target: Awaited<ReturnType<typeof mirror>>): Promise<string[]> {
  const { findings } = await audit({
    store: target,
    trust: own.trust,
    since: undefined,
    context: { ...context(), now: Date.now },
  });
  return findings.flatMap(({ code, message }) => (code === "MIRROR_PARTIAL" ? [] : [`${code} ${message}`]));
}

/** The same, but for repositories that are as far behind as the source's were when they were read. */
async function errorsOf(target: Awaited<ReturnType<typeof mirror>>): Promise<string[]> {
  return (await findingsOf(target)).filter((finding) => !finding.startsWith("VIEW_BEHIND "));
}

async function newestInApt(target: Awaited<ReturnType<typeof mirror>>): Promise<string> {
  const inRelease = (await readDocument(target, "dists/staging/InRelease"))?.bytes.toString() ?? "";
  const [, digest = ""] = /^ ([0-9a-f]{64}) +\d+ main\/binary-amd64\/Packages$/m.exec(inRelease) ?? [];
  return digest;
}

test.for([
  ["all of it", undefined],
  ["a channel", ["staging"]],
] as const)(
  "%s, while releases and moves come between its requests",
  { timeout: 300_000 },
  async ([title, channels]) => {
    const name = title.replaceAll(" ", "-");
    let requests = 0;
    beforeAnswer = async () => void (requests += 1);
    await mirror(`${name}-counted`, channels);
    expect(requests).toBeGreaterThan(20);
    const target = `${name}-moving`;
    for (let round = 0; round < 3; round++) {
      const at = new Set([0.05, 0.35, 0.65].map((part) => Math.floor((part + round / 10) * requests)));
      let seen = 0;
      const waiting: Promise<void>[] = [];
      // One at a time: the others wait, as in a lock step.
      beforeAnswer = async () => {
        if (at.has((seen += 1))) waiting.push(news(round));
        await waiting.at(-1);
      };
      expect(await errorsOf(await mirror(target, channels)), `round ${round}`).toEqual([]);
    }
    beforeAnswer = async () => {};
    const last = await mirror(target, channels);
    expect(await findingsOf(last)).toEqual([]);
    expect(await newestInApt(last)).toBe(await newestInApt(own.store));
    expect((await last.head(keys.catalog))?.etag).toBeDefined();
  },
);

async function news(round: number): Promise<void> {
  const version = `1.${(published += 1)}.0`;
  await publish(published % 2 === 0 ? "app" : "tool", version);
  if (round % 2 === 1) await promote(own, { name: "app", by: "version", version: "1.0.0" }, "production");
}

test.for([1, 2, 3])("a release right before the log is looked at for the %sth time", async (at) => {
  let seen = 0;
  let waiting: Promise<void> | undefined;
  beforeAnswer = async (path) => {
    if (path.endsWith("/log/checkpoint") && (seen += 1) === at) waiting = news(0);
    await waiting;
  };
  expect(await errorsOf(await mirror(`before-${at}`))).toEqual([]);
  expect(await findingsOf(await mirror(`before-${at}`))).toEqual([]);
  expect(seen).toBeGreaterThan(1);
});

test("of a source whose publisher stopped between log and views, the mirror is behind as the source is, and follows it", async () => {
  beforeAnswer = async () => {};
  const { store } = own;
  const stopped: typeof store = {
    ...store,
    replace: async (key, body, etag) => {
      if (key.startsWith("dists/")) throw new KilnError("STORE_UNREACHABLE", "it stopped");
      return store.replace(key, body, etag);
    },
  };
  const version = `1.${(published += 1)}.0`;
  const bake = bakeOf({ name: "app", version, commit: `d${published}`, deb: true });
  const halted = publishRelease({ ...own, store: stopped }, { bake, channel: { channel: "staging" } });
  await expect(halted).rejects.toMatchObject({ code: "STORE_UNREACHABLE" });
  for (const channels of [undefined, ["staging"]] as const) {
    const name = `behind-${channels?.[0] ?? "all"}`;
    const codes = (await findingsOf(await mirror(name, channels))).map((finding) => finding.split(" ")[0]);
    expect(new Set(codes)).toEqual(new Set(["VIEW_BEHIND"]));
  }
  await news(0);
  for (const channels of [undefined, ["staging"]] as const) {
    const target = await mirror(`behind-${channels?.[0] ?? "all"}`, channels);
    expect(await findingsOf(target)).toEqual([]);
    expect(await newestInApt(target)).toBe(await newestInApt(store));
  }
});

test("while another process publishes without a pause", { timeout: 300_000 }, async () => {
  const bakes = Array.from({ length: 12 }, (_, at) => ({
    name: "busy",
    version: `1.${at}.0`,
    commit: `b${at.toString(16)}`,
    deb: true,
  }));
  const order = JSON.stringify({ bakes, openpgp, attended: true });
  let isBusy = true;
  const busy = execa(process.execPath, [program, own.store.url, order], { cleanup: true }).finally(
    () => (isBusy = false),
  );
  for (let count = 0; count < 4 || isBusy; count++) {
    expect(await errorsOf(await mirror("busy")), `run ${count}`).toEqual([]);
  }
  await busy;
  const last = await mirror("busy");
  expect(await findingsOf(last)).toEqual([]);
  expect(await last.head(keys.release("busy", "1.11.0"))).toBeDefined();
});
