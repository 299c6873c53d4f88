import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import type { LimitedResult, Limits } from "../../src/system/limits.ts";
import { openSandbox } from "../../src/system/sandbox-open.ts";
import { findSandboxTools } from "../../src/system/sandbox-tools.ts";
import { isolations, type Isolation } from "../../src/system/sandbox.ts";
import { makeProject } from "../bake/made-project.ts";
import { processesWith } from "../fixtures/processes.ts";
import { temporaryFolder } from "./made-repository.ts";

const MiB = 1024 ** 2;
const wide: Limits = { time: 60_000, output: 100 * MiB, disk: 10 * 1024 * MiB, processes: 1000 };
const tools = findSandboxTools({ node: process.execPath, path: process.env["PATH"] ?? "" });

async function run(isolation: Isolation, script: string, limits: Partial<Limits> = {}): Promise<LimitedResult> {
  const root = temporaryFolder();
  const at = (name: string): string => join(root, name);
  const workspace = { source: at("source"), home: at("home"), temporary: at("tmp"), stage: at("stage") };
  for (const folder of Object.values(workspace)) mkdirSync(folder);
  const sandbox = await openSandbox({
    isolation,
    workspace,
    conditions: { folder: "/build", umask: 0o022, timeZone: "UTC", clock: 1_600_000_000 },
    tools,
    env: {},
    networkEnv: {},
    now: Date.now(),
    limits: { ...wide, ...limits },
  });
  const onOutput = (): void => undefined;
  return await sandbox.run({ argv: ["/bin/sh", "-c", script], as: "step", network: "closed", onOutput });
}

/** An argument of `sleep` that no other process has. */
let marks = 0;
const newMark = (): string => `71${process.pid}.${(marks += 1)}`;
const sleeping = (mark: string): number => processesWith(`sleep\0${mark}`).length;

const cases: readonly [string, (mark: string) => string, Partial<Limits>, RegExp][] = [
  ["hangs", (mark) => `sleep ${mark}`, { time: 700 }, /^no end/],
  ["hangs and ignores signals", (mark) => `trap '' TERM INT; sleep ${mark}`, { time: 700 }, /^no end/],
  ["prints for ever", () => "yes", { output: MiB }, /^more/],
  ["prints on stderr", () => "yes >&2", { output: MiB }, /^more/],
  ["fills the disk", (mark) => `head -c 400M /dev/zero > big; sleep ${mark}`, { disk: 100 * MiB }, /^\d{3} MiB/],
  ["fills /tmp", (mark) => `head -c 400M /dev/zero > "$TMPDIR/big"; sleep ${mark}`, { disk: 100 * MiB }, /^\d{3} MiB/],
  ["forks", (mark) => `for i in $(seq 80); do sleep ${mark} & done; wait`, { processes: 50 }, /^\d\d+$/],
  ["takes memory", () => `head -c 500M /dev/zero | tail -c 500M | sleep 30`, { memory: 100 * MiB }, /MiB$/],
];
const both = isolations.flatMap((isolation) =>
  cases.map(([what, script, limits, got]) => [isolation, what, script, limits, got] as const),
);

test.each(both)("%s: a step that %s is ended, and the limit named", async (isolation, _, script, limits, got) => {
  const mark = newMark();
  const { over } = await run(isolation, script(mark), limits);
  expect(over?.limit).toBe(Object.keys(limits)[0]);
  expect(over?.got).toMatch(got);
  await expect.poll(() => sleeping(mark), { timeout: 5000 }).toBe(0);
});

test.each(isolations)("%s: what forks and stays is ended with its step, whatever it holds open", async (isolation) => {
  const mark = newMark();
  const before = Date.now();
  const script = `sleep ${mark} & (setsid sleep ${mark} &) ; setsid sh -c 'sleep ${mark}; true' >/dev/null 2>&1 & sleep 0.2`;
  const { status, over } = await run(isolation, script);
  expect([status, over]).toEqual([0, undefined]);
  expect(Date.now() - before).toBeLessThan(30_000);
  await expect.poll(() => sleeping(mark), { timeout: 5000 }).toBe(0);
});

test("what stays within its limits knows nothing of them", async () => {
  const { status, over } = await run("bubblewrap", "sleep 1.2; head -c 10M /dev/zero > x; exit 3");
  expect([status, over]).toEqual([3, undefined]);
});

test("shared memory has an end of its own, and there is no other room in memory", async () => {
  const script =
    'test "$(stat --file-system --format "%S %b" /dev/shm)" = "4096 262144" || exit 1; touch /dev/x 2>/dev/null && exit 2; touch /dev/shm/x';
  expect((await run("bubblewrap", script)).status).toBe(0);
});

test("a bake says which limit it was, how to raise it, and keeps what was printed", async () => {
  const project = makeProject({
    recipe: `limits: { output: 10k }\nbuild: [{ name: chatter, run: "echo first; yes" }]\nartifacts: { app: { kind: archive, from: . } }\n`,
  });
  await expect(project.bake()).rejects.toMatchObject({
    code: "LIMIT_EXCEEDED",
    message:
      "build: chatter: ended by its limit on output, with all that it started: got more of output, want at most 10 KiB",
    hint: expect.stringMatching(
      /^`limits: \{ output: … \}` in the recipe raises it; all of its output: .*01-build\.log$/,
    ) as string,
  });
  const failed = join(project.kilnFolder, "failed");
  expect(readdirSync(failed, { recursive: true, encoding: "utf8" })).toContainEqual(
    expect.stringContaining("01-build.log"),
  );
});
