import { createReadStream, existsSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import { poolKey } from "../../src/artifact/pool.ts";
import { deploy, type Deployed } from "../../src/deploy/deploy.ts";
import { recover } from "../../src/deploy/recover.ts";
import { parseSubject } from "../../src/deploy/resolve.ts";
import { rollback } from "../../src/deploy/rollback.ts";
import { withSite } from "../../src/deploy/site.ts";
import { historyOf, statusOf } from "../../src/deploy/status.ts";
import { silent } from "../../src/report.ts";
import { openHttpStore } from "../../src/stores/http.ts";
import {
  freePort,
  journaled,
  serviceActivation,
  serviceProgram,
  soon,
  testContext,
  type TestHost,
  testHost,
} from "../fixtures/host.ts";
import { type SignedStore, signedStore, trust } from "../fixtures/signed-store.ts";

let source: SignedStore;
let host: TestHost;
let port: number;

beforeAll(async () => {
  source = await signedStore();
  for (const version of ["1.0.0", "1.1.0", "1.2.0"]) {
    const files = { "server.mjs": serviceProgram(version), "lib/version": version };
    await source.release({ name: "web", version, files, activate: serviceActivation, alias: `v${version}` });
  }
  for (const version of ["1", "2", "3", "4", "5", "6", "7", "8"]) {
    await source.release({ name: "site", version, files: { "index.html": `page ${version}` } });
  }
});
afterAll(() => source.remove());

beforeEach(async () => {
  host = await testHost();
  port = await freePort();
  await host.environment("web", { PORT: port });
});
afterEach(() => host.remove());

const put = (subject: string, on: TestHost = host): Promise<Deployed> =>
  deploy({ subject: parseSubject(subject), store: source.store, trust, platform: "linux-x64" }, on);

const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text();

const recoverNow = (name: string) => withSite(host, { name, patience: 5000 }, recover);

test("a release without activation is unpacked, and `current` leads to it", async () => {
  const result = await put("site@1");
  expect(result).toMatchObject({ name: "site", from: undefined, outcome: "deployed", bytesReused: 0 });
  expect(result.to.activator).toBe("directory");
  expect(result.bytesFetched).toBeGreaterThan(0);
  expect(readFileSync(join(host.root, "site/current/index.html"), "utf8")).toBe("page 1");
  expect(journaled(host, "site")).toEqual(["begin", "stage", "switch", "probe", "commit"]);
});

test("a service is started with the parameters of its host, probed, and replaced by the next one", async () => {
  await host.environment("web", { PORT: port, GREETING: "from here = there" });
  await put("web@1.0.0");
  expect(await ask()).toBe("1.0.0 from here = there");
  const [first] = host.services();
  const second = await put("web@1.1.0");
  expect(second.from?.version).toBe("1.0.0");
  expect(await ask()).toBe("1.1.0 from here = there");
  expect(host.services()).toHaveLength(1);
  expect(host.services()).not.toContain(first);
  expect(Object.keys(second.timing)).toEqual(["resolve", "manifest", "fetch", "stage", "activate", "probe"]);
});

test("an alias names its release", async () => {
  expect((await put("web@v1.1.0")).to.version).toBe("1.1.0");
});

test("deploying what is current changes nothing and writes nothing", async () => {
  await put("web@1.0.0");
  const lines = journaled(host, "web");
  const services = host.services();
  expect(await put("web@1.0.0")).toMatchObject({ outcome: "unchanged", bytesFetched: 0 });
  expect(journaled(host, "web")).toEqual(lines);
  expect(host.services()).toEqual(services);
});

test("changed parameters are a reason to deploy what is current, and are taken back with it", async () => {
  await put("web@1.0.0");
  await host.environment("web", { PORT: port, GREETING: "new" });
  expect(await put("web@1.0.0")).toMatchObject({ outcome: "deployed", bytesFetched: 0 });
  expect(await ask()).toBe("1.0.0 new");
  await host.environment("web", { PORT: port, GREETING: "newer", FAIL: "1.0.0" });
  await expect(put("web@1.0.0")).rejects.toMatchObject({ code: "PROBE_FAILED" });
  expect(await ask()).toBe("1.0.0 new");
  await host.environment("web", { PORT: port, GREETING: "newest" });
  expect(await put("web@1.0.0")).toMatchObject({ outcome: "deployed" });
});

test("a missing parameter is found before anything changes", async () => {
  await host.environment("web", { GREETING: "no port" });
  await expect(put("web@1.0.0")).rejects.toMatchObject({
    code: "PARAMETER_MISSING",
    hint: expect.stringContaining("PORT="),
  });
  expect(journaled(host, "web")).toEqual([]);
  expect(host.current("web")).toBeUndefined();
});

test("a process that ends early fails at once, shows its last lines, and what ran before runs again", async () => {
  await put("web@1.0.0");
  await host.environment("web", { PORT: port, FAIL: "1.1.0", SECRET: "hunter2" });
  const began = performance.now();
  const error = await put("web@1.1.0").then(
    () => undefined,
    (reason: Error) => reason,
  );
  expect(error).toMatchObject({ code: "PROBE_FAILED" });
  expect(error?.message).toContain("1.1.0 can't find its database");
  expect(error?.message).not.toContain("starting 1.0.0");
  expect(JSON.stringify(error)).not.toContain("hunter2");
  expect(performance.now() - began).toBeLessThan(15_000);
  expect(await ask()).toBe("1.0.0 ");
  expect(host.current("web")).toMatch(/^1\.0\.0-[0-9a-f]{12}$/);
  expect(host.services()).toHaveLength(1);
});

test("the first deploy ever that fails leaves nothing in service, and says so", async () => {
  await host.environment("web", { PORT: port, FAIL: "1.0.0" });
  const titles: string[] = [];
  const report = { ...silent, step: (title: string) => (titles.push(title), silent.step(title)) };
  const put = deploy(
    { subject: parseSubject("web@1.0.0"), store: source.store, trust, platform: "linux-x64" },
    { ...host, context: testContext({ report }) },
  );
  await expect(put).rejects.toMatchObject({ code: "PROBE_FAILED" });
  expect(titles.at(-1)).toBe("take 1.0.0 of web out of service");
  expect(host.current("web")).toBeUndefined();
  expect(host.services()).toEqual([]);
  expect(statusOf(["web"], host)).toMatchObject([{ name: "web", state: "nothing", release: undefined }]);
});

test("a channel doesn't bring back what failed its probe here; naming the version does", async () => {
  await source.promote("web", "1.0.0", "flaky");
  await put("web:flaky");
  await source.promote("web", "1.1.0", "flaky");
  await host.environment("web", { PORT: port, FAIL: "1.1.0" });
  await expect(put("web:flaky")).rejects.toMatchObject({ code: "PROBE_FAILED" });
  await host.environment("web", { PORT: port });
  await expect(put("web:flaky")).rejects.toMatchObject({
    code: "BAD_RELEASE",
    exitStatus: 1,
    hint: expect.stringContaining("web@1.1.0"),
  });
  expect(await ask()).toBe("1.0.0 ");
  // It is staged already: only the probe is tried again.
  expect(await put("web@1.1.0")).toMatchObject({ outcome: "deployed", bytesFetched: 0 });
  expect(await put("web:flaky")).toMatchObject({ outcome: "unchanged" });
});

test("rollback goes back one release at a time, and its channel doesn't undo it", async () => {
  await source.promote("web", "1.2.0", "steady");
  await put("web@1.0.0");
  await put("web@1.1.0");
  await put("web:steady");
  expect(await rollback("web", host)).toMatchObject({ from: { version: "1.2.0" }, to: { version: "1.1.0" } });
  expect(await ask()).toBe("1.1.0 ");
  await expect(put("web:steady")).rejects.toMatchObject({ code: "BAD_RELEASE" });
  expect(await rollback("web", host)).toMatchObject({ from: { version: "1.1.0" }, to: { version: "1.0.0" } });
  await expect(put("web:steady")).rejects.toMatchObject({ code: "BAD_RELEASE" });
  await expect(rollback("web", host)).rejects.toMatchObject({ code: "NO_EARLIER_RELEASE" });
  expect(await ask()).toBe("1.0.0 ");
  // The channel moved: a new decision, and afterwards also to what was rolled back.
  await source.promote("web", "1.1.0", "steady");
  await put("web@1.1.0");
  await source.promote("web", "1.2.0", "steady");
  expect(await put("web:steady")).toMatchObject({ outcome: "deployed", to: { version: "1.2.0" } });
});

test("rollback needs no store, and skips a release whose files are gone", async () => {
  await put("site@1");
  await put("site@2");
  await put("site@3");
  const [, second] = host.staged("site");
  rmSync(join(host.root, "site/releases", second ?? ""), { recursive: true });
  expect(await rollback("site", host)).toMatchObject({ to: { version: "1" } });
  expect(readFileSync(join(host.root, "site/current/index.html"), "utf8")).toBe("page 1");
});

test("a rollback whose probe fails leaves the current release running", async () => {
  await put("web@1.0.0");
  await put("web@1.1.0");
  await host.environment("web", { PORT: port, SICK: "1.0.0", FAIL: "1.0.0" });
  await expect(rollback("web", host)).rejects.toMatchObject({ code: "PROBE_FAILED" });
  expect(await ask()).toBe("1.1.0 ");
  expect(historyOf("web", host).map(({ verb, outcome }) => [verb, outcome])).toEqual([
    ["deploy", "committed"],
    ["deploy", "committed"],
    ["rollback", "reverted"],
  ]);
});

test("five releases stay on disk, with the one in service and the one before it", async () => {
  for (const version of ["1", "2", "3", "4", "5", "6", "7", "8"]) await put(`site@${version}`);
  expect(host.staged("site").map((id) => id.split("-")[0])).toEqual(["4", "5", "6", "7", "8"]);
});

test("a process that died is started again by recover, and by the next deploy", async () => {
  await put("web@1.0.0");
  for (const restart of [() => recoverNow("web"), () => put("web@1.0.0")]) {
    const [pid] = host.services();
    process.kill(pid ?? 0, "SIGKILL");
    await expect.poll(() => statusOf(["web"], host)[0]?.state, soon).toBe("down");
    await restart();
    expect(host.services()).toHaveLength(1);
    expect(host.services()).not.toContain(pid);
    await expect.poll(() => ask().catch(() => ""), soon).toBe("1.0.0 ");
  }
});

test("a link that somebody changed is put right again", async () => {
  await put("site@1");
  rmSync(join(host.root, "site/current"));
  expect(statusOf(["site"], host)[0]?.state).toBe("down");
  expect(await recoverNow("site")).toBe("started");
  expect(host.current("site")).toMatch(/^1-/);
  expect(await recoverNow("site")).toBe("nothing");
});

test("status says what is in service, since when and as which process", async () => {
  await put("web@1.0.0");
  await put("site@2");
  const [site, web] = statusOf([], host);
  expect(site).toMatchObject({ name: "site", state: "in service", pid: undefined, release: { version: "2" } });
  expect(web).toMatchObject({ name: "web", state: "in service", pid: host.services()[0] });
  expect(Date.now() - (web?.since ?? 0)).toBeLessThan(20_000);
  expect(() => statusOf(["other"], host)).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
});

test("two deploys of one name at once: one after the other, and the last one wins whole", async () => {
  await put("web@1.0.0");
  const results = await Promise.all([put("web@1.1.0"), put("web@1.2.0")]);
  expect(results.map(({ outcome }) => outcome)).toEqual(["deployed", "deployed"]);
  const last = historyOf("web", host).at(-1)?.to.version;
  expect(await ask()).toBe(`${last} `);
  expect(host.services()).toHaveLength(1);
});

test("a deploy that had to wait follows its channel to where it is by then, never back", async () => {
  await source.promote("web", "1.0.0", "racing");
  await put("web:racing");
  const lock = withSite(host, { name: "web", patience: 5000 }, async () => {
    await source.promote("web", "1.1.0", "racing");
    const waiting = put("web:racing");
    await new Promise((resolve) => setTimeout(resolve, 300));
    await source.promote("web", "1.2.0", "racing");
    return { waiting };
  });
  const { waiting } = await lock;
  expect((await waiting).to.version).toBe("1.2.0");
});

test("what fails before anything was touched touches nothing on its way back", async () => {
  await put("web@1.0.0");
  const services = host.services();
  const { artifacts } = await source.release({
    name: "web",
    version: "1.9.0",
    files: { a: "a" },
    activate: serviceActivation,
  });
  rmSync(join(source.folder, poolKey(artifacts[0]!)));
  const lines = journaled(host, "web").length;
  await expect(put("web@1.9.0")).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect(journaled(host, "web").slice(lines)).toEqual(["begin", "stage", "revert", "reverted"]);
  expect(host.services()).toEqual(services);
});

test("an interrupted deploy puts back what ran before and says that it was cancelled", async () => {
  await put("web@1.0.0");
  const controller = new AbortController();
  const stopping = { ...host, context: testContext({ signal: controller.signal }) };
  await host.environment("web", { PORT: port, SICK: "1.1.0" });
  setTimeout(() => controller.abort(), 500);
  await expect(put("web@1.1.0", stopping)).rejects.toMatchObject({ code: "CANCELLED" });
  await expect.poll(() => ask().catch(() => ""), soon).toBe("1.0.0 ");
  await host.environment("web", { PORT: port });
  await source.promote("web", "1.1.0", "after-cancel");
  expect(await put("web:after-cancel")).toMatchObject({ outcome: "deployed" });
});

test("any web server that serves the folder is a store to deploy from", async () => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const file = join(source.folder, request.url ?? "");
    if (existsSync(file)) createReadStream(file).pipe(response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port: at } = server.address() as AddressInfo;
    const store = openHttpStore(`http://127.0.0.1:${at}/`, { signal: host.context.signal });
    const subject = parseSubject("web@1.0.0");
    const first = await deploy({ subject, store, trust, platform: "linux-x64" }, host);
    expect(first).toMatchObject({ outcome: "deployed", to: { version: "1.0.0" } });
    expect(await ask()).toBe("1.0.0 ");
    expect(asked).toHaveLength(4);
    await deploy({ subject, store, trust, platform: "linux-x64" }, host);
    expect(asked.slice(4)).toEqual(["/releases/web/1.0.0.json"]);
  } finally {
    server.close();
  }
});

test("what doesn't exist is NOT_FOUND, what isn't a subject is USAGE", async () => {
  await expect(put("web@9")).rejects.toMatchObject({ code: "NOT_FOUND" });
  await expect(put("web:nowhere")).rejects.toMatchObject({ code: "NOT_FOUND" });
  await expect(put("nothing@1")).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect(() => parseSubject("web")).toThrow(expect.objectContaining({ code: "USAGE" }));
  expect(() => parseSubject("../web@1")).toThrow(expect.objectContaining({ code: "NAME_INVALID" }));
  expect(() => parseSubject(`web@${"1".repeat(300)}`)).toThrow(expect.objectContaining({ code: "NAME_INVALID" }));
  await expect(rollback("web", host)).rejects.toMatchObject({ code: "NOT_FOUND" });
});
