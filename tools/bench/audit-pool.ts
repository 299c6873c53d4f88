// Auditing a store of large artifacts: a whole `kiln audit` against `sha256sum` over the pool, on all cores.

import { mkdir, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import { writeRandomFile } from "./bytes.ts";
import { absolute, alternate, type Run, timeProcess } from "./measure.ts";
import { completeBake, createStore, origin } from "./releases.ts";
import type { Row } from "./row.ts";

const releases = 24;
const size = 100 * 1024 ** 2;

export const auditPool: Row = {
  name: "audit-pool",
  async run(bench) {
    const { folder, program } = bench;
    const store = await createStore(bench, "store");
    for (let at = 0; at < releases; at += 1) {
      const bake = join(folder, "bake");
      const file = `app-1.0.${at}.tar.zst`;
      await mkdir(bake);
      await writeRandomFile(join(bake, file), size);
      await completeBake(bake, { artifact: file, version: `1.0.${at}` });
      await timeProcess(program.kiln(["publish", bake, "--channel", "production", "--store", store]));
      await rm(bake, { recursive: true });
    }
    const trust = join(program.env["HOME"] ?? "", ".config/kiln/trust", `${origin}.json`);
    const kiln = program.kiln(["audit", "--quiet", "--store", store, "--trust", trust]);
    const cores = availableParallelism();
    const script = `find "$1/pool" -type f -print0 | xargs -0 -n 4 -P ${cores} sha256sum > "$2"`;
    const peer: Run = { argv: ["sh", "-c", script, "sh", store, join(folder, "sums")], env: program.env };
    const pairs = await alternate({ kiln, peer, times: 5 });
    return [
      {
        what: `audit of a store with ${releases} artifacts of 100 MiB over \`sha256sum\` of its pool on all cores`,
        bar: { sense: "≤", limit: 1.3, unit: "×" },
        values: pairs.map((pair) => pair.kiln / pair.peer),
        detail: absolute(pairs, "sha256sum"),
      },
    ];
  },
};
