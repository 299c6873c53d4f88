import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { installedPackages, systemName } from "../../src/system/packages.ts";
import { endOf, runProgram } from "../../src/system/process.ts";
import { findProgram } from "../../src/system/tools.ts";
import { temporaryFolder } from "./made-repository.ts";

const sh = (script: string, more: Partial<Parameters<typeof runProgram>[1]> = {}) =>
  runProgram(["/bin/sh", "-c", script], { cwd: "/", env: { PATH: "/usr/bin:/bin" }, ...more });

test("a program's output, status and signal come back", async () => {
  const { status, stdout, stderr } = await sh("echo out; echo err >&2; exit 3");
  expect([status, stdout.toString(), stderr.toString()]).toEqual([3, "out\n", "err\n"]);
  expect(endOf(await sh("kill -TERM $$"))).toBe("signal SIGTERM");
});

test("it sees the environment that is given and nothing else, its input, and its pipes", async () => {
  const { stdout } = await sh("env | grep -v '^PWD=\\|^SHLVL=\\|^_=' | sort; cat; cat <&3; cat <&4", {
    env: { PATH: "/usr/bin:/bin", A: "b" },
    input: "input ",
    pipes: [Buffer.from("three "), Buffer.from("four")],
  });
  expect(stdout.toString()).toBe("A=b\nPATH=/usr/bin:/bin\ninput three four");
});

test("a program that doesn't read its input or pipes is no failure", async () => {
  const large = Buffer.alloc(4_000_000);
  expect((await sh("true", { input: large, pipes: [large] })).status).toBe(0);
});

test("output may be taken piece by piece", async () => {
  const pieces: string[] = [];
  const { stdout } = await sh("echo a; echo b >&2", { onOutput: (piece, from) => pieces.push(`${from} ${piece}`) });
  expect(pieces.toSorted()).toEqual(["stderr b\n", "stdout a\n"]);
  expect(stdout.length).toBe(0);
});

test("a program that isn't there is TOOL_MISSING with its package; a folder that isn't there isn't", async () => {
  const options = { cwd: "/", env: { PATH: "/nonexistent" } };
  await expect(runProgram(["bwrap"], options)).rejects.toMatchObject({
    code: "TOOL_MISSING",
    hint: "apt-get install bubblewrap",
  });
  await expect(sh("true", { cwd: join(temporaryFolder(), "absent") })).rejects.toMatchObject({ code: "ENOENT" });
});

test("a signal that was aborted before starts nothing", async () => {
  await expect(sh("true", { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
});

test("a program is found in the first folder that has it as a file that can be run", () => {
  const folder = temporaryFolder();
  for (const name of ["a", "b", "c"]) mkdirSync(join(folder, name));
  mkdirSync(join(folder, "a/tool"));
  writeFileSync(join(folder, "b/tool"), "");
  writeFileSync(join(folder, "c/tool"), "");
  chmodSync(join(folder, "b/tool"), 0o644);
  chmodSync(join(folder, "c/tool"), 0o755);
  const path = `relative:${folder}/none:${folder}/a:${folder}/b:${folder}/c`;
  expect(findProgram("tool", path)).toBe(join(folder, "c/tool"));
  expect(findProgram("other", path)).toBeUndefined();
});

test("packages are those that are installed, with their versions; a machine without dpkg has none", () => {
  const file = join(temporaryFolder(), "status");
  writeFileSync(
    file,
    `Package: gcc
Status: install ok installed
Architecture: amd64
Version: 4:12.2.0-3

Package: gone
Status: deinstall ok config-files
Version: 1

Package: libc6
Status: install ok installed
Multi-Arch: same
Architecture: amd64
Description: x
 Version: 7
Version: 2.36
`,
  );
  expect([...installedPackages(file)]).toEqual([
    ["gcc", "4:12.2.0-3"],
    ["libc6:amd64", "2.36"],
  ]);
  expect(installedPackages(`${file}-absent`).size).toBe(0);
  expect(systemName(`${file}-absent`)).toBe("unknown");
});
