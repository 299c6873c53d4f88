// `kiln history NAME`: every deploy and rollback on this host, newest first.

import { checkName } from "../artifact/name.ts";
import { historyOf } from "../deploy/status.ts";
import { columns, day } from "./columns.ts";
import type { Command } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";
import { plainName, rootOption } from "./deploy-result.ts";

export const history: Command = {
  summary: "every deploy and rollback of a name on this host, newest first",
  arguments: [{ name: "NAME", description: "what was deployed" }],
  options: [rootOption],
  examples: ["kiln-deploy history billing"],
  async run(input, context) {
    const [typed = ""] = input.arguments;
    const name = checkName("name", plainName(typed));
    const { root } = await loadConfiguration(input, context);
    const outcomes = historyOf(name, { root, context }).toReversed();
    const rows = outcomes.map(({ verb, from, to, outcome, message, began, ended }) => ({
      verb,
      from: from?.version ?? null,
      to: to.version,
      manifest: to.manifest,
      outcome,
      message: message ?? null,
      began,
      ended,
    }));
    const text = columns(
      rows.map(({ verb, from, to, outcome, message, ended }) => [
        day(ended / 1000),
        verb,
        `${from ?? "nothing"} → ${to}`,
        outcome,
        message ?? "",
      ]),
    );
    return { json: { name, runs: rows }, text };
  },
};
