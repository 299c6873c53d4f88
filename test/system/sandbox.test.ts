import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { expect, onTestFinished, test } from "vitest";

import { openSandbox } from "../../src/system/sandbox-open.ts";
import { findSandboxTools, npmScripts } from "../../src/system/sandbox-tools.ts";
import type { Conditions, Isolation, SandboxOptions, SandboxRun, Workspace } from "../../src/system/sandbox.ts";
import { temporaryFolder } from "./made-repository.ts";

const epoch = 1_600_000_000;
const usual: Conditions = { folder: "/build", umask: 0o022, timeZone: "UTC", clock: epoch };
const tools = findSandboxTools({ node: process.execPath, path: process.env["PATH"] ?? "" });

interface Ran {
  readonly status: number | null;
  readonly output: string;
  readonly workspace: Workspace;
}

async function run(
  script: string,
  more: Partial<SandboxRun> &
    Partial<Pick<SandboxOptions, "isolation" | "conditions" | "env" | "networkEnv" | "signal">> = {},
): Promise<Ran> {
  const root = temporaryFolder();
  const workspace = {
    source: join(root, "source"),
    home: join(root, "home"),
    temporary: join(root, "tmp"),
    stage: join(root, "stage"),
  };
  for (const folder of Object.values(workspace)) mkdirSync(folder);
  const sandbox = await openSandbox({
    isolation: more.isolation ?? "bubblewrap",
    workspace,
    conditions: more.conditions ?? usual,
    tools,
    env: more.env ?? {},
    networkEnv: more.networkEnv ?? {},
    now: Date.now(),
    signal: more.signal,
  });
  let output = "";
  const { status } = await sandbox.run({
    argv: ["/bin/sh", "-c", script],
    as: more.as ?? "step",
    network: more.network ?? "closed",
    secrets: more.secrets ?? [],
    onOutput: (piece) => (output += piece.toString("utf8")),
  });
  return { status, output: output.trim(), workspace };
}

const both: readonly Isolation[] = ["bubblewrap", "none"];

test.each(both)("%s: the environment is the fixed one, whatever Kiln's is", async (isolation) => {
  const { output } = await run("env | cut -d= -f1 | sort | tr '\\n' ' '; echo; echo $HOME $LC_ALL $TZ $(umask) $A", {
    isolation,
    env: { A: "b" },
  });
  const [names = "", values = ""] = output.split("\n");
  expect(
    names.split(" ").filter((name) => !/^(?:DATEFUDGE|_|PWD|SHLVL|OLDPWD|KILN_RUN)/.test(name) && name !== ""),
  ).toEqual([
    ...["A", "CI", "HOME", "LANG", "LC_ALL", "LD_PRELOAD", "LOGNAME", "NO_UPDATE_NOTIFIER", "PATH"],
    ...[
      "SHELL",
      "TMPDIR",
      "TZ",
      "USER",
      "npm_config_audit",
      "npm_config_fund",
      "npm_config_offline",
      "npm_config_update_notifier",
    ],
  ]);
  expect(values).toMatch(/\/home C\.UTF-8 UTC 0022 b$/);
});

/** All the ways in which Python asks the kernel to wake it. */
const sleeps =
  "import subprocess, threading, time; time.sleep(0.01); threading.Event().wait(0.01); " +
  'subprocess.run(["sleep", "0.01"], timeout=5); print(int(time.time()))';

test.each(both)("%s: the clock starts where it is told and goes on; timers are real", async (isolation) => {
  const { output } = await run(
    `date +%s; node -p "Math.floor(Date.now()/1000)"; node -e "const t=Date.now(); setTimeout(()=>console.log(Date.now()-t>=40 && Date.now()-t<5000),50)"; /usr/bin/python3 -c '${sleeps}'`,
    { isolation },
  );
  const [date, node, timer, python] = output.split("\n");
  for (const clock of [date, node, python]) {
    expect(Number(clock)).toBeGreaterThanOrEqual(epoch);
    expect(Number(clock)).toBeLessThan(epoch + 20);
  }
  expect(timer).toBe("true");
});

test("with the network open, the clock is the host's", async () => {
  const { output } = await run("date +%s", { network: "open" });
  expect(Math.abs(Number(output) - Date.now() / 1000)).toBeLessThan(20);
});

test("the conditions say path, umask, time zone and clock", async () => {
  const conditions = { folder: "/elsewhere/deep", umask: 0o027, timeZone: "KLN-13:45", clock: epoch + 86_400 };
  const { output, workspace } = await run("pwd; echo $HOME; umask; date +%z; touch made; date +%s", { conditions });
  const [cwd, home, umask, zone, clock] = output.split("\n");
  expect([cwd, home, umask, zone]).toEqual(["/elsewhere/deep/source", "/elsewhere/deep/home", "0027", "+1345"]);
  expect(Number(clock)).toBeGreaterThanOrEqual(epoch + 86_400);
  expect(statSync(join(workspace.source, "made")).mode & 0o777).toBe(0o640);
});

test("nothing of the host is there but its programs, and only source, home and temporary folders can be written", async () => {
  const { output } = await run(`
    ls -d /root /home /srv /mnt /work /var/log /etc/shadow /etc/ssl/private /sys 2>/dev/null
    for f in /x /etc/x /usr/x /opt/x /run/x /build/x /var/lib/dpkg/x; do touch $f 2>/dev/null && echo wrote $f; done
    touch here $HOME/x /tmp/x /var/tmp/y && echo all three; id -u; hostname; ls /build`);
  expect(output).toBe("all three\n1000\nbuild\nhome\nsource");
});

test("the kernel's settings can't be written, even when the host's user is root", async () => {
  const before = readFileSync("/proc/sys/kernel/core_pattern", "utf8");
  const { output } = await run(
    "for f in $(find /proc -maxdepth 4 -type f -writable -not -path '/proc/[0-9s]*' 2>/dev/null); do [ -f $f ] && echo $f; done; echo hi > /proc/sys/kernel/core_pattern || echo refused",
  );
  expect(output.split("\n").filter((line) => line.startsWith("/proc"))).toEqual([]);
  expect(output).toContain("refused");
  expect(readFileSync("/proc/sys/kernel/core_pattern", "utf8")).toBe(before);
});

test("no process of the host is seen, and no namespace can be made to get more rights", async () => {
  const { output } = await run("ls -d /proc/[0-9]* | wc -l; unshare -Ur true 2>/dev/null || echo no namespace");
  const [count, namespace] = output.split("\n");
  expect(Number(count)).toBeLessThan(8);
  expect(namespace).toBe("no namespace");
});

test("the network is the host's when it is open, and loopback alone when it is closed", async () => {
  const server = createServer((_, response) => response.end("reached")).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const fetching = `node -e "fetch('http://127.0.0.1:${port}/').then(r=>r.text()).then(console.log,()=>console.log('unreachable'))"`;
  expect((await run(fetching, { network: "open" })).output).toBe("reached");
  expect((await run(fetching)).output).toBe("unreachable");
  const own = `node -e "const s=require('http').createServer((q,r)=>r.end('own')).listen(0,'127.0.0.1',()=>fetch('http://127.0.0.1:'+s.address().port).then(r=>r.text()).then(t=>{console.log(t);s.close()}))"`;
  expect((await run(own)).output).toBe("own");
});

test("proxies and certificates are there only with the network", async () => {
  const networkEnv = { https_proxy: "http://proxy.test:1" };
  const ask = 'echo "$https_proxy $SSL_CERT_FILE"';
  const certificates = tools.certificates ?? "";
  expect((await run(ask, { networkEnv, network: "open" })).output).toBe(`http://proxy.test:1 ${certificates}`.trim());
  expect((await run(ask, { networkEnv })).output).toBe("");
});

test.each(both)("%s: a secret is a file for one step, and nowhere else", async (isolation) => {
  const value = "sEcReT-5af1\nsecond line";
  const { output, workspace } = await run(
    `cat "$KILN_SECRETS/TOKEN"; echo; value=$(head -1 "$KILN_SECRETS/TOKEN"); env | grep -c "$value"
     cat /proc/self/cmdline /proc/1/cmdline /proc/$PPID/cmdline | tr '\\0' '\\n' | grep -c "$value"; stat -c %a "$KILN_SECRETS/TOKEN"`,
    { isolation, secrets: [{ name: "TOKEN", value }] },
  );
  expect(output.split("\n")).toEqual([...value.split("\n"), "0", "0", "400"]);
  const left = readdirSync(join(workspace.stage, ".."), { recursive: true, encoding: "utf8" });
  expect(left.filter((path) => path.includes("TOKEN"))).toEqual([]);
});

test("without secrets there is no folder for them", async () => {
  expect((await run("echo ${KILN_SECRETS-none}; ls /run")).output).toBe("none");
});

test("a packer reads the source and writes the stage", async () => {
  const { output, workspace } = await run("pwd; touch made; touch ../source/x 2>/dev/null || echo read-only", {
    as: "packer",
  });
  expect(output).toBe("/build/stage\nread-only");
  expect(existsSync(join(workspace.stage, "made"))).toBe(true);
});

test.each([
  ["exit 7", 7],
  ["kill -9 $$", 137],
  ["no-such-program", 127],
])("the status of `%s` is %i", async (script, status) => {
  expect((await run(script)).status).toBe(status);
});

test("what a step leaves running ends with it", async () => {
  const marker = `86${process.pid}.5`;
  const before = Date.now();
  await run(`sleep ${marker} & nohup setsid sleep ${marker} >/dev/null 2>&1 & sleep 0.2; echo done`);
  expect(Date.now() - before).toBeLessThan(20_000);
  expect(await waitUntilGone(marker)).toEqual([]);
});

test("aborting ends the step and all that it started", async () => {
  const marker = `87${process.pid}.5`;
  const stop = new AbortController();
  const work = run(`sleep ${marker} & sleep ${marker}`, { signal: stop.signal });
  await waitFor(() => processesWith(marker).length > 0);
  stop.abort();
  await expect(work).rejects.toMatchObject({ code: "CANCELLED" });
  expect(await waitUntilGone(marker)).toEqual([]);
});

test("SIGKILL of Kiln's process leaves nothing running", async () => {
  const marker = `88${process.pid}.5`;
  const root = temporaryFolder();
  const program = join(root, "run.ts");
  const url = new URL("../../src/system/", import.meta.url).href;
  for (const name of ["source", "home", "tmp", "stage"]) mkdirSync(join(root, name));
  writeFileSync(
    program,
    `import { openSandbox } from "${url}sandbox-open.ts";
     import { findSandboxTools } from "${url}sandbox-tools.ts";
     const root = ${JSON.stringify(root)};
     const workspace = { source: root + "/source", home: root + "/home", temporary: root + "/tmp", stage: root + "/stage" };
     const tools = findSandboxTools({ node: process.execPath, path: process.env.PATH });
     const conditions = { folder: "/build", umask: 18, timeZone: "UTC", clock: 1 };
     const sandbox = await openSandbox({ isolation: "bubblewrap", workspace, conditions, tools, env: {}, networkEnv: {}, now: Date.now() });
     await sandbox.run({ argv: ["/bin/sh", "-c", "setsid sleep ${marker} & sleep ${marker}"], as: "step", network: "closed" });`,
  );
  const child = spawn(process.execPath, [program], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await waitFor(() => processesWith(marker).length >= 2);
  child.kill("SIGKILL");
  await ended;
  expect(await waitUntilGone(marker)).toEqual([]);
});

function processesWith(argument: string): string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && commandOf(name).includes(argument));
}

/** The arguments of a process; none when it ended meanwhile. */
function commandOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

async function waitFor(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !condition(); await sleep(20)) {
    if (Date.now() > end) throw new Error("waited 20 s in vain");
  }
}

async function waitUntilGone(marker: string): Promise<string[]> {
  for (const end = Date.now() + 5000; Date.now() < end && processesWith(marker).length > 0;) await sleep(20);
  return processesWith(marker);
}

test.each(both)("%s: node is the one that runs Kiln, and npm runs on it", async (isolation) => {
  const { output } = await run("node -p process.version; npm --version; npx --version; npm exec --offline -- node -v", {
    isolation,
  });
  const npm = tools.npm?.version;
  expect(output.split("\n")).toEqual([process.version, npm, npm, process.version]);
});

test("Debian's own npm is told where its libraries are", () => {
  const { npm } = npmScripts("/usr/share/nodejs/npm", "/opt/kiln/bin/node", "/usr/share/nodejs");
  expect(npm).toBe(
    "#!/bin/sh\nNODE_PATH=/usr/share/nodejs exec '/opt/kiln/bin/node' '/usr/share/nodejs/npm/bin/npm-cli.js' \"$@\"\n",
  );
  expect(npmScripts("/usr/lib/node_modules/npm", "/n")["npm"]).not.toContain("NODE_PATH");
});
