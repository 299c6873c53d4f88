// `kiln recover [NAME…]`: after a crash, a power cut or a reboot. Run it when the host starts.

import { checkName } from "../artifact/name.ts";
import { patience } from "../deploy/deploy.ts";
import { type Recovery, recover as recoverPlace } from "../deploy/recover.ts";
import { isKnown, namesAt, unknownName, withSite } from "../deploy/site.ts";
import { columns } from "./columns.ts";
import type { Command } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";
import { plainName, rootOption } from "./deploy-result.ts";

export const recover: Command = {
  summary: "take back what a crash cut off, and start again what should run",
  arguments: [{ name: "NAME", description: "only these", count: "any" }],
  options: [rootOption],
  examples: ["kiln-deploy recover", "kiln-deploy recover billing"],
  async run(input, context) {
    const { root } = await loadConfiguration(input, context);
    const host = { root, context };
    const typed = input.arguments.map((text) => checkName("name", plainName(text)));
    for (const name of typed) if (!isKnown(name, host)) throw unknownName(name, host);
    const names = typed.length === 0 ? namesAt(host) : typed;
    const recovered: { name: string; outcome: Recovery }[] = [];
    for (const name of names) recovered.push({ name, outcome: await withSite(host, { name, patience }, recoverPlace) });
    const text = columns(recovered.map(({ name, outcome }) => [name, meanings[outcome]]));
    return { json: { recovered }, text: text === "" ? `nothing was deployed to ${root} yet` : text };
  },
};

const meanings: Readonly<Record<Recovery, string>> = {
  nothing: "nothing to do",
  reverted: "an interrupted run was taken back",
  started: "put into service again",
};
