// `kiln rollback NAME`: to the release that was in service before, from what is on this host.

import { checkName } from "../artifact/name.ts";
import { rollback as rollBack } from "../deploy/rollback.ts";
import type { Command } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";
import { deployedResult, dryRunOption, plainName, rootOption } from "./deploy-result.ts";

export const rollback: Command = {
  summary: "put the release before into service again; needs no store",
  arguments: [{ name: "NAME", description: "what was deployed" }],
  options: [rootOption, dryRunOption],
  examples: ["kiln-deploy rollback billing"],
  async run(input, context) {
    const [typed = ""] = input.arguments;
    const name = checkName("name", plainName(typed));
    const { root } = await loadConfiguration(input, context);
    return deployedResult(await rollBack(name, { root, context }, { isDryRun: input.options["dryRun"] === true }));
  },
};
