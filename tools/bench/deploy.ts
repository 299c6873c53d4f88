// Deploying an archive: a whole `kiln-deploy deploy` (read, verify, unpack, sync, switch, commit) against `tar` and `sync`.
// `sync -f` on both sides: what other programs have written to other file systems is neither's work.

import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

import type { TreeShape } from "./bytes.ts";
import { absolute, alternate, type Run } from "./measure.ts";
import { deployable } from "./releases.ts";
import type { Bench, Line, Row } from "./row.ts";

const shapes: Readonly<Record<string, TreeShape>> = {
  "300 MB in 3,000 files": { files: 3000, bytes: 300e6, content: "text" },
  "300 MB in 30,000 files": { files: 30_000, bytes: 300e6, content: "text" },
  "300 MB that don't compress, in 300 files": { files: 300, bytes: 300e6, content: "random" },
};

export const deploy: Row = {
  name: "deploy",
  async run(bench) {
    const lines: Line[] = [];
    for (const [title, shape] of Object.entries(shapes)) {
      const folder = join(bench.folder, String(lines.length));
      await mkdir(folder);
      lines.push(await measure({ ...bench, folder }, title, shape));
      await rm(folder, { recursive: true });
    }
    return lines;
  },
};

async function measure(bench: Bench, title: string, shape: TreeShape): Promise<Line> {
  const made = await deployable(bench, shape);
  const unpacked = join(bench.folder, "unpacked");
  const clean = async (): Promise<void> => {
    await rm(made.host, { recursive: true, force: true });
    await rm(unpacked, { recursive: true, force: true });
    await mkdir(unpacked);
  };
  const script = 'tar --zstd -x -f "$1" -C "$2" && sync -f "$2"';
  const peer: Run = {
    argv: ["sh", "-c", script, "sh", made.archive, unpacked],
    env: bench.program.env,
    before: clean,
  };
  const pairs = await alternate({ kiln: made.deploy({ before: clean }), peer, times: 7 });
  return {
    what: `deploy of an archive of ${title} over \`tar --zstd -x\` + \`sync\``,
    bar: { sense: "≤", limit: 1.3, unit: "×" },
    values: pairs.map(({ kiln, peer }) => kiln / peer),
    detail: `${absolute(pairs, "tar")}, archive of ${(made.size / 1e6).toFixed(0)} MB`,
  };
}
