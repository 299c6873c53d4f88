import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { isServiceRunning, type ServiceProcess, startService, stopService } from "../../src/system/service-process.ts";
import { soon } from "../fixtures/host.ts";

let folder: string;
let log: string;
const started: ServiceProcess[] = [];
const env = { PATH: "/usr/bin:/bin" };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kiln-service-"));
  log = join(folder, "log");
});
afterEach(async () => {
  for (const service of started.splice(0)) await stopService(service, { log, grace: 0 });
  rmSync(folder, { recursive: true });
});

async function start(script: string, onStarted = async (): Promise<void> => undefined): Promise<ServiceProcess> {
  const service = await startService(["sh", "-c", script], { cwd: folder, env, log, onStarted });
  started.push(service);
  return service;
}

const output = (): string => readFileSync(log, "utf8");
const isAlive = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");

test("it runs in its folder, with nothing but its environment, and writes to its log", async () => {
  await start("pwd; env | grep -v -e PWD -e KILN_SERVICE -e SHLVL -e ^_; echo problem >&2; sleep 60");
  await expect.poll(output, soon).toBe(`${folder}\nPATH=/usr/bin:/bin\nproblem\n`);
});

test("the program begins only after it was written down who it is", async () => {
  let seen = "";
  await start("echo begun; sleep 60", async () => {
    await new Promise((resolve) => setTimeout(resolve, 150));
    seen = existsSync(log) ? output() : "";
  });
  expect(seen).toBe("");
  await expect.poll(output, soon).toBe("begun\n");
});

test("when writing it down fails, the program never begins", async () => {
  const refused = startService(["sh", "-c", "echo begun"], {
    cwd: folder,
    env,
    log,
    onStarted: () => Promise.reject(new Error("no room")),
  });
  await expect(refused).rejects.toThrow("no room");
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(output()).toBe("");
});

test("stopping ends what it started, too, and at once when it obeys", async () => {
  const service = await start("sleep 61 & sleep 62 & wait");
  const began = performance.now();
  expect(isServiceRunning(service)).toBe(true);
  await stopService(service, { log, grace: 30_000 });
  expect(performance.now() - began).toBeLessThan(15_000);
  expect(isServiceRunning(service)).toBe(false);
});

test("what ignores SIGTERM is killed after its grace", async () => {
  const service = await start("trap '' TERM; echo ready; while :; do sleep 0.05; done");
  await expect.poll(output, soon).toBe("ready\n");
  await stopService(service, { log, grace: 200 });
  expect(isServiceRunning(service)).toBe(false);
});

test("children that outlive their leader are found and ended", async () => {
  const service = await start("sleep 63 & echo $!; exit 0");
  await expect.poll(output, soon).toMatch(/^\d+\n$/);
  const child = Number(output());
  await expect.poll(() => isServiceRunning(service), soon).toBe(false);
  expect(isAlive(child)).toBe(true);
  await stopService(service, { log, grace: 2000 });
  expect(isAlive(child)).toBe(false);
});

test("a child that is just becoming its program is found, too", { timeout: 60_000 }, async () => {
  for (let round = 0; round < 100; round++) {
    rmSync(log, { force: true });
    const service = await start("sleep 65 & echo $!");
    while (!existsSync(log) || !output().endsWith("\n")) await new Promise(setImmediate);
    while (isServiceRunning(service));
    await stopService(service, { log, grace: 2000 });
    expect(isAlive(Number(output()))).toBe(false);
  }
});

test("a stranger that has its number, from another start or another boot, is never signalled", async () => {
  const stranger = spawn("sleep", ["64"], { detached: true, stdio: "ignore" });
  const pid = stranger.pid ?? 0;
  try {
    const { boot } = await start("sleep 60");
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const startTime = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
    for (const other of [
      { pid, startTime: startTime - 1, boot },
      { pid, startTime, boot: "another" },
    ]) {
      expect(isServiceRunning(other)).toBe(false);
      await stopService(other, { log, grace: 100 });
      expect(isAlive(pid)).toBe(true);
    }
  } finally {
    stranger.kill("SIGKILL");
  }
});

test("a program that doesn't exist ends at once and says so in the log", async () => {
  const service = await startService(["no-such-program"], { cwd: folder, env, log, onStarted: async () => undefined });
  await expect.poll(() => isServiceRunning(service), soon).toBe(false);
  expect(output()).toContain("no-such-program");
});
