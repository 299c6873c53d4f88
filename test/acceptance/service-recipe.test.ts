// recipes/service as its users have it: a repository of its own, baked, published, deployed by channel, asked over HTTP; then
// a commit that can't start, which must not stay in service.

import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "vitest";

import { freePort, type TestHost, testHost } from "../fixtures/host.ts";

const top = join(import.meta.dirname, "../..");
let work: string;
let repository: string;
let host: TestHost;
let port: number;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "kiln-notices-"));
  repository = join(work, "notices");
  host = await testHost();
  port = await freePort();
  await cp(join(top, "recipes/service"), repository, {
    recursive: true,
    filter: (path) => !/\/(?:node_modules|dist|\.kiln)$/.test(path),
  });
});
afterAll(async () => {
  await host.remove();
  await rm(work, { recursive: true });
});

async function run(argv: [string, ...string[]]): Promise<{ stdout: string; stderr: string; status: number }> {
  const [program, ...args] = argv;
  const env = {
    ...process.env,
    XDG_CONFIG_HOME: join(work, "config"),
    KILN_STORE: join(work, "store"),
    KILN_ROOT: host.root,
    KILN_PASSPHRASE: "correct horse",
    GIT_CONFIG_GLOBAL: "/dev/null",
  };
  try {
    return { ...(await promisify(execFile)(program, args, { cwd: repository, env })), status: 0 };
  } catch (error) {
    const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number };
    return { stdout, stderr, status: code };
  }
}

const kiln = (...args: string[]) => run([process.execPath, join(top, "src/cli.ts"), ...args]);

async function commit(message: string): Promise<void> {
  const who = ["-c", "user.name=Baker", "-c", "user.email=baker@example.com"];
  expect(await run(["git", "add", "-A"])).toMatchObject({ status: 0 });
  expect(await run(["git", ...who, "commit", "-qm", message])).toMatchObject({ status: 0 });
}

async function setVersion(version: string): Promise<void> {
  const path = join(repository, "package.json");
  await writeFile(path, (await readFile(path, "utf8")).replace(/"version": "[^"]*"/, `"version": "${version}"`));
}

const health = async (): Promise<unknown> => (await fetch(`http://127.0.0.1:${port}/health`)).json();

test(
  "it is baked and deployed, answers, and a release that can't start is taken back",
  { timeout: 300_000 },
  async () => {
    await run(["git", "init", "-qb", "main"]);
    await commit("notices");
    expect(await kiln("store", "create", join(work, "store"), "--origin", "log.example")).toMatchObject({ status: 0 });
    expect(await kiln("publish", "--channel", "staging")).toMatchObject({ status: 0 });

    const refused = await kiln("deploy", "notices:staging");
    expect(refused.stderr).toContain("PARAMETER_MISSING");
    const token = "a-secret-of-this-host";
    await host.environment("notices", { PORT: port, DATA: join(work, "data"), TOKEN: token });
    const first = await kiln("deploy", "notices:staging", "--json");
    expect(JSON.parse(first.stdout)).toMatchObject({ from: null, to: "1.0.0", outcome: "deployed" });
    expect(await health()).toEqual({ version: "1.0.0", notices: 0 });
    const opened = await fetch(`http://127.0.0.1:${port}/notices`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ title: "Mail is slow", severity: "degraded" }),
    });
    expect(opened.status).toBe(201);

    await setVersion("1.1.0");
    const server = join(repository, "src/server.js");
    const source = await readFile(server, "utf8");
    await writeFile(server, source.replace("const store =", 'throw new Error("the migration failed");\nconst store ='));
    await commit("a mistake");
    expect(await kiln("publish", "--channel", "staging")).toMatchObject({ status: 0 });
    const failed = await kiln("deploy", "notices:staging");
    expect(failed).toMatchObject({ status: 1, stderr: expect.stringContaining("PROBE_FAILED") });
    expect(failed.stderr).toContain("the migration failed");
    expect(failed.stderr + failed.stdout).not.toContain(token);
    expect(await health()).toEqual({ version: "1.0.0", notices: 1 });
    expect((await kiln("deploy", "notices:staging")).stderr).toContain("BAD_RELEASE");

    await setVersion("1.2.0");
    await writeFile(server, source);
    await commit("mended");
    expect(await kiln("publish", "--channel", "staging")).toMatchObject({ status: 0 });
    expect((await kiln("deploy", "notices:staging")).stdout).toContain("notices 1.2.0 is in service, before it 1.0.0");
    expect(await health()).toEqual({ version: "1.2.0", notices: 1 });
    expect((await kiln("rollback", "notices")).stdout).toContain("notices 1.0.0 is in service");
    expect(await health()).toEqual({ version: "1.0.0", notices: 1 });
    expect(host.services()).toHaveLength(1);
  },
);
