// The npm package, as it is built here: what is in it, that it runs where it is installed, and that building it twice
// gives the same bytes.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");
const env = { PATH: [dirname(process.execPath), "/usr/bin", "/bin"].join(":"), HOME: "/nonexistent" };

let folder: string;
let installed: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-package-"));
  const tarball = await buildAndPack("first");
  installed = join(folder, "node_modules/kiln");
  await mkdir(installed, { recursive: true });
  await run("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"]);
  // Its dependencies, as npm would install them; none of this checkout's own modules is below.
  await symlink(join(root, "node_modules"), join(installed, "node_modules"));
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

async function buildAndPack(name: string): Promise<string> {
  await run(process.execPath, [join(root, "tools/build.ts")], { cwd: root });
  const destination = join(folder, name);
  await mkdir(destination);
  const { stdout } = await run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", destination], {
    cwd: root,
    env: { ...process.env, ...env, HOME: folder },
  });
  return join(destination, stdout.trim().split("\n").at(-1) ?? "");
}

test("it holds what is built, the documents, the readme and the licence, and nothing else", async () => {
  const { stdout } = await run("find", [".", "-type", "f", "-printf", "%P\n"], { cwd: installed });
  const paths = stdout.trim().split("\n");
  const others = paths.filter((path) => !/^(dist|docs)\//.test(path)).toSorted();
  expect(others).toEqual(["LICENSE", "README.md", "package.json"]);
  // What packers run in a sandbox that has Python.
  const programs = paths.filter((path) => path.startsWith("dist/") && !path.endsWith(".js")).toSorted();
  expect(programs).toEqual(
    ["build.py", "environment.py", "environment_at.py", "inspect_file.py", "metadata.py"].map(
      (name) => `dist/kinds/python/programs/${name}`,
    ),
  );
  expect(paths).toContain("dist/kiln-deploy.js");
});

test.each(["cli.js", "kiln-deploy.js"])("%s runs by itself", async (name) => {
  const file = join(installed, "dist", name);
  expect((await stat(file)).mode & 0o777).toBe(0o755);
  const { stdout } = await run(file, ["--version"], { cwd: folder, env });
  const { version } = JSON.parse(await readFile(join(installed, "package.json"), "utf8")) as { version: string };
  expect(stdout).toBe(`${name === "cli.js" ? "kiln" : "kiln-deploy"} ${version}\n`);
});

test.each(["kiln", "kiln-deploy"])("the checkout's %s runs with its node_modules/.bin in the PATH", async (name) => {
  const paths = [join(root, "node_modules/.bin"), "/usr/bin", "/bin"];
  const { stdout } = await run("sh", ["-c", `${name} --version`], {
    cwd: folder,
    env: { PATH: paths.join(":"), HOME: folder },
  });
  expect(stdout).toMatch(new RegExp(String.raw`^${name} \d+\.\d+\.\d+\n$`));
});

test("its commands load what they need from it", async () => {
  const { stdout } = await run(join(installed, "dist/cli.js"), ["config", "--json"], { cwd: folder, env });
  expect(JSON.parse(stdout)).toMatchObject({ kiln: 1, settings: expect.any(Array) as unknown });
  const help = await run(join(installed, "dist/cli.js"), ["publish", "--help"], { cwd: folder, env });
  expect(help.stdout).toContain("--channel");
});

test("it names no folder of this machine", async () => {
  const { stdout } = await run("grep", ["-rlF", root, join(installed, "dist")]).catch((error: unknown) => {
    // grep ends with 1 when it finds nothing.
    expect(error).toMatchObject({ code: 1 });
    return { stdout: "" };
  });
  expect(stdout).toBe("");
});

test("building it again gives the same bytes", async () => {
  const digest = async (path: string): Promise<string> =>
    createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
  const again = await buildAndPack("second");
  expect(await digest(again)).toBe(await digest(again.replace("/second/", "/first/")));
}, 120_000);
