#!/usr/bin/env node
// `kiln`: everything. Plain enough that an old Node can read it and say what it lacks.

import { start } from "./start.ts";

await start("kiln", async () => {
  const [{ runProgram }, { kiln }] = await Promise.all([import("./program.ts"), import("./commands/index.ts")]);
  return runProgram(kiln, process.argv.slice(2));
});
