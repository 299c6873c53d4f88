// Ends a deploy, a rollback, a failing deploy and a recovery with SIGKILL at every place of the journal: before each line is
// written, and after it is durable but before what it says is done. Whatever comes next finds the old state or the new.

import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { namesAt } from "../../src/deploy/site.ts";
import { historyOf, statusOf } from "../../src/deploy/status.ts";
import type { DeployProgram } from "../fixtures/deploy-program.ts";
import { freePort, serviceActivation, serviceProgram, soon, type TestHost, testHost } from "../fixtures/host.ts";
import { type SignedStore, signedStore } from "../fixtures/signed-store.ts";

const program = join(import.meta.dirname, "../fixtures/deploy-program.ts");

interface Scenario {
  readonly title: string;
  /** What was done before, each well. */
  readonly before: readonly string[];
  readonly verb: DeployProgram["verb"];
  readonly subject: string;
  /** What the host's environment file says from then on. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Versions that may be in service at the end, without and with the commit. */
  readonly old: string | undefined;
  readonly next: string;
  /** The new one never commits. */
  readonly isBad?: boolean;
}

const scenarios: readonly Scenario[] = [
  { title: "a first deploy", before: [], verb: "deploy", subject: "web@1.0.0", old: undefined, next: "1.0.0" },
  { title: "an upgrade", before: ["web@1.0.0"], verb: "deploy", subject: "web@1.1.0", old: "1.0.0", next: "1.1.0" },
  {
    title: "a rollback",
    before: ["web@1.0.0", "web@1.1.0"],
    verb: "rollback",
    subject: "web",
    old: "1.1.0",
    next: "1.0.0",
  },
  {
    title: "a deploy whose probe fails",
    before: ["web@1.0.0"],
    verb: "deploy",
    subject: "web@1.1.0",
    environment: { FAIL: "1.1.0" },
    old: "1.0.0",
    next: "1.1.0",
    isBad: true,
  },
  {
    title: "a first deploy whose probe fails",
    before: [],
    verb: "deploy",
    subject: "web@1.1.0",
    environment: { FAIL: "1.1.0" },
    old: undefined,
    next: "1.1.0",
    isBad: true,
  },
];

let source: SignedStore;

beforeAll(async () => {
  source = await signedStore();
  for (const version of ["1.0.0", "1.1.0"]) {
    const files = { "server.mjs": serviceProgram(version), version };
    await source.release({ name: "web", version, files, activate: serviceActivation });
  }
});
afterAll(() => source.remove());

describe.each(scenarios)("$title", (scenario) => {
  test("ends whole wherever it is stopped", { timeout: 300_000 }, async () => {
    const places = await atPlace(scenario, undefined, async (_host, result) => Number(result.stdout));
    expect(places).toBeGreaterThan(8);
    await each(places, async (place) => {
      await atPlace(scenario, place, async (host, result, port) => {
        const where = `stopped at ${place} of ${places}`;
        expect(result.signal, where).toBe("SIGKILL");
        const before = statusOf([], host)[0];
        checkLink(host, scenario, where);

        // Whoever comes next needs to do nothing special.
        const next = await runProgram(host, { verb: "recover", subject: "web" });
        expect(next, where).toMatchObject({ status: 0 });
        const status = statusOf([], host)[0];
        expect(status?.state, where).not.toBe("interrupted");
        const version = status?.release?.version;
        expect([scenario.old, scenario.isBad ? scenario.old : scenario.next], where).toContain(version);
        if (before?.state === "interrupted") expect(version, where).toBe(scenario.old);
        checkLink(host, scenario, where, version);
        await checkService(host, port, version, where);

        // And what was wanted can be done again.
        const committed = commitsOf(host);
        const again = await runProgram(host, scenario);
        if (scenario.isBad) {
          expect(again.stderr, where).toContain("PROBE_FAILED");
          await checkService(host, port, scenario.old, where);
        } else if (version === scenario.old) {
          expect(again, where).toMatchObject({ status: 0 });
          await checkService(host, port, scenario.next, where);
          expect(
            historyOf("web", host).filter(({ outcome }) => outcome === "committed"),
            where,
          ).toHaveLength(committed + 1);
        }
      });
    });
  });
});

test("a deploy that is killed at any moment leaves the old release or the new one", { timeout: 300_000 }, async () => {
  const upgrade = scenarioTitled("an upgrade");
  const moments = 16;
  await each(moments, async (moment) => {
    await onHost(upgrade, async (host, port) => {
      // From before the process has read its arguments to after it is done.
      await runProgram(host, { ...upgrade, killAfter: 60 + moment * 30 });
      const where = `killed after ${60 + moment * 30} ms`;
      checkLink(host, upgrade, where);
      expect(await runProgram(host, { verb: "recover", subject: "web" }), where).toMatchObject({ status: 0 });
      await checkService(host, port, statusOf(["web"], host)[0]?.release?.version, where);
      expect(await runProgram(host, { verb: "deploy", subject: upgrade.subject }), where).toMatchObject({ status: 0 });
      await checkService(host, port, upgrade.next, where);
      expect(
        readdirSync(join(host.root, "web/releases")).filter((entry) => entry.startsWith(".")),
        where,
      ).toEqual([]);
    });
  });
});

test("a recovery can be stopped anywhere, too", { timeout: 300_000 }, async () => {
  const upgrade = scenarioTitled("an upgrade");
  // After `started` of the new release: everything has to be taken back.
  const started = 13;
  const places = await atPlace(upgrade, started, async (host) =>
    Number((await runProgram(host, { verb: "recover", subject: "web" })).stdout),
  );
  expect(places).toBeGreaterThan(8);
  await each(places, async (place) => {
    await atPlace(upgrade, started, async (host, _result, port) => {
      expect(await runProgram(host, { verb: "recover", subject: "web", killAt: place })).toMatchObject({
        signal: "SIGKILL",
      });
      checkLink(host, upgrade, `recovery stopped at ${place}`);
      expect(await runProgram(host, { verb: "recover", subject: "web" })).toMatchObject({ status: 0 });
      await checkService(host, port, "1.0.0", `recovery stopped at ${place}`);
      expect(historyOf("web", host).map(({ outcome }) => outcome)).toEqual(["committed", "reverted"]);
      expect(await runProgram(host, { verb: "recover", subject: "web" })).toMatchObject({ status: 0, stdout: "0\n" });
    });
  });
});

/** 1 to `count`, three at a time. */
async function each(count: number, work: (place: number) => Promise<void>): Promise<void> {
  let next = 1;
  const worker = async (): Promise<void> => {
    while (next <= count) await work(next++);
  };
  await Promise.all([worker(), worker(), worker()]);
}

function scenarioTitled(title: string): Scenario {
  const found = scenarios.find((scenario) => scenario.title === title);
  if (found === undefined) throw new TypeError(title);
  return found;
}

function commitsOf(host: TestHost): number {
  return namesAt(host)
    .flatMap((name) => historyOf(name, host))
    .filter(({ outcome }) => outcome === "committed").length;
}

interface Result {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A host on which the scenario was stopped at this place, or ran to its end. */
async function atPlace<T>(
  scenario: Scenario,
  place: number | undefined,
  work: (host: TestHost, result: Result, port: number) => Promise<T>,
): Promise<T> {
  return await onHost(
    scenario,
    async (host, port) => await work(host, await runProgram(host, { ...scenario, killAt: place }), port),
  );
}

/** A host as it is before the scenario. */
async function onHost<T>(scenario: Scenario, work: (host: TestHost, port: number) => Promise<T>): Promise<T> {
  const host = await testHost();
  try {
    const port = await freePort();
    await host.environment("web", { PORT: port });
    for (const subject of scenario.before) {
      expect(await runProgram(host, { verb: "deploy", subject })).toMatchObject({ status: 0 });
    }
    await host.environment("web", { PORT: port, ...scenario.environment });
    return await work(host, port);
  } finally {
    await host.remove();
  }
}

interface Stopping extends Pick<DeployProgram, "verb" | "subject" | "killAt"> {
  /** Milliseconds. */
  readonly killAfter?: number;
}

async function runProgram(host: TestHost, { verb, subject, killAt, killAfter = 0 }: Stopping): Promise<Result> {
  const { root } = host;
  const wanted: DeployProgram = { root, store: source.folder, trustFile: source.trustFile, verb, subject, killAt };
  const options = { timeout: killAfter, killSignal: "SIGKILL" } as const;
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, JSON.stringify(wanted)], options);
    return { status: 0, signal: null, stdout, stderr };
  } catch (error) {
    const { code, signal, stdout, stderr } = error as Omit<Result, "status"> & { code: number | null };
    return { status: code, signal, stdout, stderr };
  }
}

/** `current` leads to the old release or the new one, and that one is whole. */
function checkLink(host: TestHost, { old, next }: Scenario, where: string, version?: string): void {
  const shown = host.current("web")?.split("-")[0];
  expect(version === undefined ? [old, next] : [version], where).toContain(shown);
  if (shown === undefined) return;
  const file = join(host.root, "web/current/version");
  expect(existsSync(file) && readFileSync(file, "utf8"), where).toBe(shown);
}

async function checkService(host: TestHost, port: number, version: string | undefined, where: string): Promise<void> {
  const answer = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined))?.text() ?? "";
  if (version === undefined) expect(await answer(), where).toBe("");
  else await expect.poll(answer, { message: where, ...soon }).toBe(`${version} `);
  expect(host.services(), where).toHaveLength(version === undefined ? 0 : 1);
}
