import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "vitest";

import { bundleDeploy } from "../../tools/bundle.ts";
import { unreachable } from "./import-table.ts";

let folder: string;
let modules: readonly string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-bundle-"));
  ({ modules } = await bundleDeploy(join(folder, "kiln-deploy.mjs")));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test("kiln-deploy holds no module that bakes, signs or publishes", () => {
  expect(modules).toContain("src/kiln-deploy.ts");
  expect(modules).toContain("src/program.ts");
  expect(modules.filter((path) => unreachable.never.test(path.replace(/^src\//, "")))).toEqual([]);
});

test("kiln-deploy runs alone, from an empty folder and with an empty environment", async () => {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [join(folder, "kiln-deploy.mjs"), "--version"], { cwd: "/", env: {} });
  expect(stdout).toMatch(/^kiln-deploy \d+\.\d+\.\d+\n$/);
});

test("on an old Node kiln-deploy says so: nothing that one may lack is imported before", async () => {
  const text = await readFile(join(folder, "kiln-deploy.mjs"), "utf8");
  expect(text).not.toMatch(/^import (?!.* from "(?:node:)?module";$)/m);
  const old = `Object.defineProperty(process, "getBuiltinModule", { value: undefined });
    Object.defineProperty(process.versions, "node", { value: "18.20.4" });`;
  const ran = promisify(execFile)(process.execPath, [
    "--import",
    `data:text/javascript,${encodeURIComponent(old)}`,
    join(folder, "kiln-deploy.mjs"),
    "status",
  ]);
  await expect(ran).rejects.toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(
      /^kiln-deploy: got Node 18\.20\.4, want 24\.15 or newer \[TOOL_MISSING\]\nhint: .*\n$/,
    ),
  });
});

test("kiln-deploy is the same file whenever it is built", async () => {
  await bundleDeploy(join(folder, "again.mjs"));
  const [first, second] = await Promise.all(
    ["kiln-deploy.mjs", "again.mjs"].map((name) => readFile(join(folder, name))),
  );
  expect(second).toEqual(first);
});

test("kiln-deploy names no path of the machine that built it", async () => {
  const text = await readFile(join(folder, "kiln-deploy.mjs"), "utf8");
  expect(text).not.toContain(join(import.meta.dirname, "../.."));
});
