// `kiln status [NAME]`: what is in service on this host. Exit status 1 when something isn't as it was left.

import { checkName } from "../artifact/name.ts";
import { type Status, statusOf } from "../deploy/status.ts";
import { columns, day } from "./columns.ts";
import type { Command } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";
import { plainName, rootOption } from "./deploy-result.ts";

export const status: Command = {
  summary: "what is in service on this host, and whether it runs",
  arguments: [{ name: "NAME", description: "only this one", count: "optional" }],
  options: [rootOption],
  examples: ["kiln-deploy status", "kiln-deploy status billing --json"],
  async run(input, context) {
    const names = input.arguments.map((typed) => checkName("name", plainName(typed)));
    const { root } = await loadConfiguration(input, context);
    const all = statusOf(names, { root, context });
    return {
      json: { deployed: all.map(jsonOf) },
      text: all.length === 0 ? `nothing was deployed to ${root} yet` : columns(all.map(rowOf)),
      exit: all.some(({ state }) => state === "down" || state === "interrupted") ? 1 : 0,
    };
  },
};

function jsonOf({ name, release, since, state, pid }: Status): Record<string, unknown> {
  const { version = null, manifest = null, activator = null } = release ?? {};
  return { name, state, version, manifest, activator, since: since ?? null, pid: pid ?? null };
}

function rowOf({ name, release, since, state, pid }: Status): string[] {
  const advice = state === "down" || state === "interrupted" ? `${state}: run \`kiln recover ${name}\`` : state;
  return [
    name,
    release?.version ?? "-",
    advice,
    since === undefined ? "" : `since ${day(since / 1000)}`,
    pid === undefined ? "" : `process ${pid}`,
  ];
}
