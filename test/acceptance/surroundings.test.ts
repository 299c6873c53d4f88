// Where and how the program is started: closed streams, no terminal, no home, a folder that is gone; and what is typed wrong.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { type Refusal, testRefusals } from "../fixtures/refusals.ts";
import { copyScene, expectRefused, kiln, kilnDone, makeScene, removeScene, type Scene } from "../fixtures/scene.ts";

const program = join(import.meta.dirname, "../../src/cli.ts");

let scene: Scene;
beforeAll(async () => void (scene = await makeScene()));
afterAll(() => removeScene(scene));

const usage = { status: 2, code: "USAGE" } as const;

describe("typed wrong", () => {
  testRefusals(() => scene, [
    { title: "nothing", command: [], ...usage },
    { title: "an unknown command", command: ["publsh"], ...usage, says: "publsh" },
    { title: "an unknown command of a family", command: ["keys", "creat"], ...usage, says: "creat" },
    { title: "half of a command", command: ["store"], ...usage, says: "create" },
    { title: "an unknown option", command: ["publish", "--chanel", "x"], ...usage, says: "--chanel" },
    { title: "an option before its command", command: ["--chanel", "publish"], ...usage },
    { title: "an option without its value", command: ["publish", "--channel"], ...usage, says: "--channel" },
    { title: "an argument too few", command: ["promote", "app:staging"], ...usage },
    { title: "no argument", command: ["deploy"], ...usage },
    { title: "an argument too many", command: ["list", "app", "other"], ...usage },
    { title: "many arguments too many", command: ["config", ...Array<string>(1000).fill("x")], ...usage },
    { title: "an empty argument", command: ["deploy", ""], ...usage },
    {
      title: "an isolation that there isn't",
      command: ["bake", "--isolation", "docker"],
      status: 2,
      code: "CONFIG_INVALID",
    },
    { title: "an empty store", command: ["list", "--store", ""], status: 2, code: "CONFIG_INVALID" },
    { title: "store create without an origin", command: ["store", "create", "../new"], ...usage, says: "--origin" },
    { title: "keys export in a form that there isn't", command: ["keys", "export", "--format", "pgp9"], ...usage },
  ] satisfies Refusal[]);

  test.each([
    { args: ["publsh"], status: 2, code: "USAGE" },
    { args: ["publish", "--chanel", "x"], status: 2, code: "USAGE" },
    { args: ["deploy", "app@../x"], status: 2, code: "NAME_INVALID" },
    { args: ["show", "app@9"], status: 1, code: "NOT_FOUND" },
    { args: ["bake", "--ref", "nowhere"], status: 2, code: "USAGE" },
  ] as const)(
    "$args with --json is one object on stdout, and the same line on stderr",
    async ({ args, status, code }) => {
      const { end, stdout, stderr } = await kiln(scene, [...args, "--json"]);
      expectRefused({ end, stdout: "", stderr }, { status, code });
      expect(stdout.endsWith("\n")).toBe(true);
      expect(JSON.parse(stdout)).toEqual({
        kiln: 1,
        error: { code, message: expect.any(String), hint: expect.stringMatching(/\S/), details: expect.any(Object) },
      });
    },
  );
});

describe("started oddly", () => {
  test("a reader of stdout that goes away is no error", async () => {
    const script = `'${process.execPath}' '${program}' --help | head -1; '${process.execPath}' '${program}' list | true`;
    const said = await shell(`set -o pipefail; ${script}`);
    expect(said).toEqual({ status: 0, stderr: "", stdout: "Usage: kiln COMMAND [arguments] [options]\n" });
  });

  test("a stdout that is closed, or full, is an error that says so", async () => {
    const full = await shell(`'${process.execPath}' '${program}' list > /dev/full`);
    expect(full).toMatchObject({ status: 1, stderr: expect.stringMatching(/^kiln: .*\[DISK_FULL\]\nhint: /) });
  });

  test("a closed stdin, stderr or both change nothing", async () => {
    for (const closed of ["<&-", "2>&-", "<&- 2>&-", "< /dev/null 2> /dev/full"]) {
      const { status, stdout } = await shell(`'${process.execPath}' '${program}' list ${closed}`);
      expect({ status, stdout }, closed).toEqual({ status: 0, stdout: "app  1.0.0  1 release  staging=1.0.0\n" });
    }
  });

  test("a publish whose stdin is closed, without terminal and home, works with what is named", async () => {
    const own = await copyScene(scene);
    try {
      const named = { KILN_KEYS: own.keysFile, KILN_TRUST: own.trustFile };
      const env = { ...named, HOME: undefined, XDG_CACHE_HOME: undefined, TERM: undefined, LC_ALL: undefined };
      await kilnDone(own, ["publish"], { env });
      await kilnDone(own, ["deploy", "app:staging"], { env });
      await kilnDone(own, ["verify", "app@1.0.1"], { env: { ...env, HOME: "/nonexistent" } });
    } finally {
      await removeScene(own);
    }
  });

  test("a home that is relative, empty or a file is no crash", async () => {
    for (const HOME of ["", "relative", join(scene.project, "kiln.yaml")]) {
      const said = await kiln(scene, ["verify", "app@1.0.0"], { env: { HOME, XDG_CACHE_HOME: undefined } });
      if (said.end !== 0) expectRefused(said, { status: 2, code: "NO_TRUST" });
      await kilnDone(scene, ["list"], { env: { HOME, XDG_CACHE_HOME: undefined } });
    }
  });

  test("output has escape sequences only where colours are asked for", async () => {
    for (const env of [{}, { TERM: "dumb" }, { NO_COLOR: "1", FORCE_COLOR: "" }, { TERM: "xterm-256color" }]) {
      const said = await kiln(scene, ["publsh"], { env });
      expect(said.stderr, JSON.stringify(env)).not.toContain("\u001b");
    }
    expect((await kiln(scene, ["publsh"], { env: { FORCE_COLOR: "1" } })).stderr).toContain("\u001b[");
  });

  test("a dumb terminal gets lines, not cursor movements", async () => {
    const command = `'${process.execPath}' '${program}' verify app@1.0.0`;
    for (const env of [{ TERM: "dumb" }, { TERM: "dumb", NO_COLOR: "1" }]) {
      const said = await shell(`script --quiet --return --command "${command}" /dev/null`, env);
      expect(said).toMatchObject({ status: 0 });
      expect(said.stdout).toContain("verified: app@1.0.0");
      expect(said.stdout).not.toContain("\u001b");
    }
  });

  test("a working folder that was removed is one clear error", async () => {
    const gone = join(scene.root, "gone");
    for (const args of ["list", "bake", "config", "deploy app:staging"]) {
      await mkdir(gone, { recursive: true });
      const said = await shell(`cd '${gone}'; rmdir '${gone}'; '${process.execPath}' '${program}' ${args}`);
      if (said.status === 0) continue;
      expectRefused(
        { end: said.status, stdout: said.stdout, stderr: said.stderr },
        { status: 1, code: "NOT_A_FOLDER" },
      );
    }
  });
});

async function shell(script: string, env: Readonly<Record<string, string>> = {}) {
  const child = spawn("bash", ["-c", script], {
    cwd: scene.project,
    env: { ...scene.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].on("data", (piece) => void (texts[name] += String(piece)));
  const [status] = (await once(child, "close")) as [number];
  return { status, ...texts };
}
