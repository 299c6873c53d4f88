import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { missingProgram } from "../../src/bake/missing-program.ts";
import { KilnError } from "../../src/errors.ts";
import { temporaryFolder } from "../system/made-repository.ts";
import { makeProject } from "./made-project.ts";

const here = (path = "/nonexistent") => ({ env: { PATH: path }, signal: new AbortController().signal });

test.each([
  ["/bin/sh: 1: cargo: not found", 127, "cargo", "cargo"],
  ["sh: 1: protoc: not found", 127, "protoc", "protobuf-compiler"],
  ["./build.sh: line 12: cmake: command not found", 127, "cmake", "cmake"],
  ["bash: go: command not found", 127, "go", "golang-go"],
  ["/usr/bin/env: ‘ninja’: No such file or directory", 127, "ninja", "ninja-build"],
  ["env: 'python': No such file or directory", 127, "python", "python-is-python3"],
  ["make: g++: No such file or directory\nmake: *** [Makefile:3: all] Error 127", 2, "g++", "g++"],
])("%s", async (output, status, program, name) => {
  expect(await missingProgram({ status, lines: output.split("\n") }, here())).toEqual({
    what: `there is no ${program} in the step's PATH`,
    hint: `the Debian package ${name} has it: apt-get install ${name}`,
  });
});

test("a program that no table knows is asked of apt-file or command-not-found, where they are", async () => {
  const folder = temporaryFolder();
  const fake = (name: string, line: string): void => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${line}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  const missing = { status: 127, lines: ["sh: 1: figlet: not found"] };
  expect((await missingProgram(missing, here(folder)))?.hint).toBe(
    "install the package that brings figlet below /usr, or let a fetch step bring it",
  );
  fake("command-not-found", "echo 'apt install figlet-cnf' >&2; exit 127");
  expect((await missingProgram(missing, here(folder)))?.hint).toContain("apt-get install figlet-cnf");
  fake("apt-file", 'test "$4" = /usr/bin/figlet && echo figlet && echo toilet');
  expect((await missingProgram(missing, here(folder)))?.hint).toContain("apt-get install figlet");
  fake("apt-file", "echo 'E: The cache is empty'; exit 2");
  expect((await missingProgram(missing, here(folder)))?.hint).toContain("apt-get install figlet-cnf");
});

test("a program that the user has where no step sees it is named with its place", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "cargo"), "", { mode: 0o755 });
  const lines = ["/bin/sh: 1: cargo: not found"];
  expect((await missingProgram({ status: 127, lines }, here(folder)))?.what).toBe(
    `there is no cargo in the step's PATH (it doesn't see ${folder}/cargo: only what is below /usr)`,
  );
});

test("a script of the project is no matter of packages; another failure is none of this", async () => {
  const script = { status: 127, lines: ["/bin/sh: 1: ./configure: not found"] };
  expect((await missingProgram(script, here()))?.hint).toBe("commit it, or let an earlier step make it");
  expect(await missingProgram({ status: 1, lines: ["sh: 1: cargo: not found"] }, here())).toBeUndefined();
  expect((await missingProgram({ status: 127, lines: ["odd"] }, here()))?.what).toMatch(/isn't installed/);
});

test("a bake that misses a program says which, and which package has it", async () => {
  const project = makeProject({
    recipe: "build: [ghc x.hs || protoc-c x]\nartifacts: { a: { kind: archive, from: . } }\n",
  });
  project.repository.commit({ Makefile: "all:\n\tmvn package\n" });
  const error: unknown = await project.bake().catch((thrown: unknown) => thrown);
  if (!(error instanceof KilnError)) throw new Error("want a KilnError");
  expect(error.message).toMatch(/got exit status 127: there is no protoc-c in the step's PATH, want 0$/);
  expect(error.hint).toMatch(/^install the package that brings protoc-c below \/usr.*; all of its output: \//);
});
