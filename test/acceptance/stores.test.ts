// The folder store under more publishers than a unit test has time for.

import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { openFolderReader } from "../../src/stores/folder-reader.ts";
import { readDocument } from "../../src/stores/read.ts";
import { runProgram, startProgram } from "../stores/run-program.ts";

test(
  "eight processes add to one document 200 times each, while others are killed, and lose nothing",
  { timeout: 300_000 },
  async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "kiln-store-")));
    let isOver = false;
    const killing = (async () => {
      // Whoever replaces `doc` holds the lock that `counter` needs, and is killed with it now and then.
      while (!isOver) {
        const victim = startProgram("programs/flip.ts", [folder]);
        await victim.line();
        await new Promise((resolve) => setTimeout(resolve, 100));
        await victim.kill();
      }
    })();
    try {
      await Promise.all(Array.from({ length: 8 }, () => runProgram("programs/increment.ts", [folder, "200"])));
      expect((await readDocument(await openFolderReader(folder), "counter"))?.bytes.toString()).toBe("1600");
    } finally {
      isOver = true;
      await killing;
      await rm(folder, { recursive: true });
    }
  },
);
