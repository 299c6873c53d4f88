// Baking: a bake that is kept already, and the packing of an archive against `tar` and `zstd`.

import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { type TreeShape, writeTree } from "./bytes.ts";
import { absolute, alternate, type Run, timeProcess } from "./measure.ts";
import { commitProject } from "./project.ts";
import type { Bench, Line, Row } from "./row.ts";

const recipe = (artifacts: number) => `kiln: 1
name: app
version: { from: static, value: "1.0.0" }
build: [mkdir out && cp -r src out/]
artifacts:
${Array.from({ length: artifacts }, (_, index) => `  app${index}: { kind: archive, from: out }\n`).join("")}`;

export const cached: Row = {
  name: "cached",
  async run({ folder, program }) {
    const lines: Line[] = [];
    for (const { artifacts, limit, what } of [
      { artifacts: 1, limit: 300, what: "a bake that is kept already, whole process" },
      { artifacts: 10, limit: 400, what: "the same with ten artifacts" },
    ]) {
      const project = join(folder, String(artifacts));
      await commitProject(project, program, { "src/app.js": "console.log(1)\n", "kiln.yaml": recipe(artifacts) });
      const kiln = program.kiln(["bake"], { cwd: project });
      await timeProcess(kiln);
      const pairs = await alternate({ kiln, peer: program.bareNode, times: 15 });
      const values = pairs.map(({ kiln: time }) => time);
      lines.push({ what, bar: { sense: "≤", limit, unit: "ms" }, values, detail: absolute(pairs, "node") });
    }
    return lines;
  },
};

export const archive: Row = {
  name: "archive",
  run: async (bench) => [
    await packing(bench, {
      title: "300 MB in 3,000 files",
      shape: { files: 3000, bytes: 300e6, content: "text" },
      limit: 1.3,
    }),
    await packing(bench, {
      title: "100 MB in 100,000 files",
      shape: { files: 100_000, bytes: 100e6, content: "text" },
      limit: 1.2,
    }),
  ],
};

async function packing(
  { folder, program }: Bench,
  { title, shape, limit }: { readonly title: string; readonly shape: TreeShape; readonly limit: number },
): Promise<Line> {
  const tree = join(folder, "tree");
  const made = join(folder, "made.tar.zst");
  await mkdir(tree);
  await writeTree(tree, shape);
  const clean = async () => await rm(made, { force: true });
  const kiln: Run = {
    argv: [process.execPath, join(import.meta.dirname, "write-archive.ts"), tree, made],
    env: program.env,
    before: clean,
  };
  const script = 'tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -c -C "$1" . | zstd -q -3 -o "$2"';
  const peer: Run = { argv: ["sh", "-c", script, "sh", tree, made], env: program.env, before: clean };
  const pairs = await alternate({ kiln, peer, times: 7 });
  await rm(tree, { recursive: true });
  return {
    what: `packing an archive of ${title} over \`tar\` + \`zstd -3\``,
    bar: { sense: "≤", limit, unit: "×" },
    values: pairs.map((pair) => pair.kiln / pair.peer),
    detail: absolute(pairs, "tar + zstd"),
  };
}
