import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import type { Command, Result } from "../../src/commands/command.ts";
import { deploy } from "../../src/commands/deploy.ts";
import { history } from "../../src/commands/history.ts";
import { recover } from "../../src/commands/recover.ts";
import { rollback } from "../../src/commands/rollback.ts";
import { status } from "../../src/commands/status.ts";
import {
  freePort,
  serviceActivation,
  serviceProgram,
  soon,
  testContext,
  type TestHost,
  testHost,
} from "../fixtures/host.ts";
import { type SignedStore, signedStore } from "../fixtures/signed-store.ts";

let source: SignedStore;
let host: TestHost;

beforeAll(async () => {
  source = await signedStore();
  for (const version of ["1.0.0", "1.1.0"]) {
    await source.release({ name: "site", version, files: { page: version }, channel: "live" });
    const files = { "server.mjs": serviceProgram(version) };
    await source.release({ name: "web", version, files, activate: serviceActivation, channel: "live" });
  }
});
afterAll(() => source.remove());
beforeEach(async () => {
  host = await testHost();
});
afterEach(() => host.remove());

const run = (command: Command, args: string[], options: Record<string, string | boolean> = {}): Promise<Result> =>
  command.run(
    { arguments: args, options: { store: source.folder, trust: source.trustFile, root: host.root, ...options } },
    testContext(),
  );

test("deploy answers with what was there, what is there now, what it cost, and how long each step took", async () => {
  await run(deploy, ["site@1.0.0"]);
  const { json, text } = await run(deploy, ["site:live"]);
  expect(json).toEqual({
    name: "site",
    outcome: "deployed",
    from: "1.0.0",
    to: "1.1.0",
    manifest: expect.stringMatching(/^[0-9a-f]{64}$/),
    activator: "directory",
    bytesFetched: expect.any(Number),
    bytesReused: 0,
    milliseconds: {
      resolve: expect.any(Number),
      manifest: expect.any(Number),
      fetch: expect.any(Number),
      stage: expect.any(Number),
      activate: expect.any(Number),
      probe: expect.any(Number),
      total: expect.any(Number),
    },
  });
  expect(text).toMatch(/^site 1\.1\.0 is in service, before it 1\.0\.0; \d+ B fetched/);
  expect((await run(deploy, ["site:live"])).text).toBe("site 1.1.0 is in service already");
});

test("a dry run checks and says, and changes nothing", async () => {
  expect((await run(deploy, ["site:live"], { dryRun: true })).json).toMatchObject({
    outcome: "planned",
    to: "1.1.0",
    from: null,
  });
  expect(readdirSync(host.root)).toEqual([".kiln"]);
  await expect(run(deploy, ["web:live"], { dryRun: true })).rejects.toMatchObject({ code: "PARAMETER_MISSING" });
  await run(deploy, ["site@1.0.0"]);
  await run(deploy, ["site@1.1.0"]);
  expect((await run(rollback, ["site"], { dryRun: true })).text).toContain("1.0.0 would be put into service");
  expect((await run(status, ["site"])).json).toMatchObject({ deployed: [{ version: "1.1.0" }] });
});

test("status, rollback, history and recover need no store and no trust", async () => {
  const port = await freePort();
  await host.environment("web", { PORT: port });
  await run(deploy, ["web@1.0.0"]);
  await run(deploy, ["web@1.1.0"]);
  const alone = { store: "/nowhere", trust: "/nowhere" };
  expect((await run(rollback, ["web"], alone)).json).toMatchObject({ from: "1.1.0", to: "1.0.0", bytesFetched: 0 });
  expect((await run(history, ["web"], alone)).json).toMatchObject({
    runs: [
      { verb: "rollback", from: "1.1.0", to: "1.0.0", outcome: "committed" },
      { verb: "deploy", from: "1.0.0", to: "1.1.0" },
      { verb: "deploy", from: null, to: "1.0.0" },
    ],
  });
  const { json, exit } = await run(status, [], alone);
  expect(exit).toBe(0);
  expect(json).toMatchObject({
    deployed: [{ name: "web", state: "in service", version: "1.0.0", pid: host.services()[0] }],
  });
  process.kill(-(host.services()[0] ?? 0), "SIGKILL");
  await expect.poll(async () => (await run(status, [], alone)).exit, soon).toBe(1);
  expect((await run(status, [], alone)).text).toContain("down: run `kiln recover web`");
  expect((await run(recover, [], alone)).json).toEqual({ recovered: [{ name: "web", outcome: "started" }] });
  expect((await run(recover, ["web"], alone)).text).toBe("web  nothing to do");
});

test("an empty host says so", async () => {
  expect((await run(status, [])).text).toContain("nothing was deployed");
  expect((await run(recover, [])).json).toEqual({ recovered: [] });
  for (const command of [status, history, rollback, recover]) {
    await expect(run(command, ["web"])).rejects.toMatchObject({ code: "NOT_FOUND", exitStatus: 1 });
    await expect(run(command, ["web@1.0.0"])).rejects.toMatchObject({ code: "USAGE", exitStatus: 2 });
    await expect(run(command, ["../web"])).rejects.toMatchObject({ code: "NAME_INVALID", exitStatus: 2 });
  }
});

test("no trust file, no store and no such store are told apart", async () => {
  await expect(run(deploy, ["site:live"], { trust: "/nowhere/trust.json" })).rejects.toMatchObject({
    code: "NO_TRUST",
  });
  await expect(run(deploy, ["site:live"], { store: "/nowhere" })).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
  await expect(run(deploy, ["site:live"], { store: "http://127.0.0.1:1/" })).rejects.toMatchObject({
    code: "STORE_UNREACHABLE",
  });
  expect(readdirSync(host.root)).toEqual([]);
});

test("an environment file with a line that can't be used is named with its line, and its text isn't shown", async () => {
  mkdirSync(join(host.root, "web"));
  writeFileSync(join(host.root, "web/environment"), "# ports\nPORT=1\n\nexport SECRET=hunter2\n");
  const error = await run(deploy, ["web:live"]).then(
    () => undefined,
    (reason: Error) => reason,
  );
  expect(error).toMatchObject({ code: "ENVIRONMENT_INVALID", exitStatus: 2 });
  expect(error?.message).toContain("environment:4");
  expect(error?.message).not.toContain("hunter2");
});

test("secret parameters are in no journal, no answer and no command line, and their copies are private", async () => {
  const port = await freePort();
  await host.environment("web", { PORT: port, SECRET: "hunter2" });
  const { json, text } = await run(deploy, ["web:live"]);
  expect(JSON.stringify(json) + text).not.toContain("hunter2");
  expect(readFileSync(join(host.root, "web/journal"), "utf8")).not.toContain("hunter2");
  expect(readFileSync(`/proc/${host.services()[0]}/cmdline`, "utf8")).not.toContain("hunter2");
  for (const copy of readdirSync(join(host.root, "web/environments"))) {
    expect(statSync(join(host.root, "web/environments", copy)).mode & 0o077).toBe(0);
  }
});
