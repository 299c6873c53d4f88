// Baking: a bake that is kept already, and the packing of an archive against `tar` and `zstd`.

import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { writeTree } from "./bytes.ts";
import { absolute, alternate, type Run, timeProcess } from "./measure.ts";
import type { Row } from "./row.ts";

const execute = promisify(execFile);

const recipe = `kiln: 1
name: app
version: { from: static, value: "1.0.0" }
build: [mkdir out && cp -r src out/]
artifacts:
  app: { kind: archive, from: out }
`;

export const cached: Row = {
  name: "cached",
  async run({ folder, program }) {
    const git = async (...args: readonly string[]) => {
      const identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"];
      await execute("git", ["-C", folder, ...identity, ...args], { env: { ...program.env } });
    };
    await mkdir(join(folder, "src"));
    await writeFile(join(folder, "src/app.js"), "console.log(1)\n");
    await writeFile(join(folder, "kiln.yaml"), recipe);
    await git("init", "-q");
    await git("add", ".");
    await git("commit", "-qm", "app");
    const kiln = program.kiln(["bake"], { cwd: folder });
    await timeProcess(kiln);
    const pairs = await alternate({ kiln, peer: program.bareNode, times: 15 });
    return [
      {
        what: "a bake that is kept already, whole process",
        bar: { sense: "≤", limit: 300, unit: "ms" },
        values: pairs.map(({ kiln: time }) => time),
        detail: absolute(pairs, "node"),
      },
    ];
  },
};

export const archive: Row = {
  name: "archive",
  async run({ folder, program }) {
    const tree = join(folder, "tree");
    const made = join(folder, "made.tar.zst");
    await writeTree(tree, { files: 3000, bytes: 300e6, content: "text" });
    const clean = async () => await rm(made, { force: true });
    const kiln: Run = {
      argv: [process.execPath, join(import.meta.dirname, "write-archive.ts"), tree, made],
      env: program.env,
      before: clean,
    };
    const script = 'tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -c -C "$1" . | zstd -q -3 -o "$2"';
    const peer: Run = { argv: ["sh", "-c", script, "sh", tree, made], env: program.env, before: clean };
    const pairs = await alternate({ kiln, peer, times: 7 });
    return [
      {
        what: "packing an archive of 300 MB in 3,000 files over `tar` + `zstd -3`",
        bar: { sense: "≤", limit: 1.3, unit: "×" },
        values: pairs.map((pair) => pair.kiln / pair.peer),
        detail: absolute(pairs, "tar + zstd"),
      },
    ];
  },
};
