// `kiln deploy NAME@VERSION|NAME:CHANNEL`: puts a release into service on this host, or leaves it as it was.

import { deploy as deployRelease } from "../deploy/deploy.ts";
import { parseSubject } from "../deploy/resolve.ts";
import type { Command } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";
import { deployedResult, dryRunOption, rootOption } from "./deploy-result.ts";
import { openTrustedStore } from "./store-access.ts";

export const deploy: Command = {
  summary: "fetch, verify and put into service; back to what ran before if it isn't well",
  arguments: [{ name: "NAME@VERSION|NAME:CHANNEL", description: "a release (or alias), or what a channel shows" }],
  options: [rootOption, dryRunOption],
  examples: [
    "kiln-deploy deploy billing:production --store https://releases.example.com",
    "kiln-deploy deploy billing@1.4.7 --root /srv/kiln --json",
  ],
  async run(input, context) {
    const [typed = ""] = input.arguments;
    const subject = parseSubject(typed);
    const configuration = await loadConfiguration(input, context);
    const { store, trust } = await openTrustedStore(configuration, context);
    const platform = `${process.platform}-${process.arch}`;
    const isDryRun = input.options["dryRun"] === true;
    const host = { root: configuration.root, context };
    return deployedResult(await deployRelease({ subject, store, trust, platform, isDryRun }, host));
  },
};
