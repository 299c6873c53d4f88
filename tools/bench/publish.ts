// Publishing one large artifact: a whole `kiln publish` against hashing, copying and syncing the same file by hand.

import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { writeRandomFile } from "./bytes.ts";
import { absolute, alternate, peakMemory, type Run } from "./measure.ts";
import { completeBake, copyFolder, createStore } from "./releases.ts";
import type { Row } from "./row.ts";

const size = 2 * 1024 ** 3;

export const publish: Row = {
  name: "publish",
  async run(bench) {
    const { folder, program } = bench;
    const bake = join(folder, "bake");
    const copy = join(folder, "copy");
    const file = "app-1.0.0.tar.zst";
    await mkdir(bake);
    await writeRandomFile(join(bake, file), size);
    await completeBake(bake, { artifact: file });
    const empty = await createStore(bench, "empty");
    const store = join(folder, "store");
    const kiln = program.kiln(["publish", bake, "--channel", "production", "--store", store], {
      before: async () => {
        await rm(copy, { force: true });
        await copyFolder(empty, store);
      },
    });
    const script = 'sha256sum "$1" && cp "$1" "$2" && sync "$2"';
    const peer: Run = {
      argv: ["sh", "-c", script, "sh", join(bake, file), copy],
      env: program.env,
      before: async () => await rm(store, { recursive: true, force: true }),
    };
    const pairs = await alternate({ kiln, peer, times: 5 });
    return [
      {
        what: "publish of one 2 GiB artifact to a folder store over `sha256sum` + `cp` + `sync`",
        bar: { sense: "≤", limit: 1.25, unit: "×" },
        values: pairs.map((pair) => pair.kiln / pair.peer),
        detail: absolute(pairs, "by hand"),
      },
      {
        what: "its peak memory",
        bar: { sense: "≤", limit: 200, unit: "MB" },
        values: await peakMemory(kiln, 3),
        detail: "resident set of the whole process",
      },
    ];
  },
};
