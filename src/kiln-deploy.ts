#!/usr/bin/env node
// `kiln-deploy`: the verbs of a host that only deploys and checks. Built into one file that holds no code to bake or to sign.

import { start } from "./start.ts";

await start("kiln-deploy", async () => {
  const [{ runProgram }, { kilnDeploy }] = await Promise.all([
    import("./program.ts"),
    import("./commands/deploy-index.ts"),
  ]);
  return runProgram(kilnDeploy, process.argv.slice(2));
});
