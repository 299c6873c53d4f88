// `kiln promote`: makes a channel show a release. Nothing is copied and nothing is built.

import { checkName } from "../artifact/name.ts";
import { promote as moveChannel } from "../publish/promote.ts";
import type { Command } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";
import { gateText } from "./gate-text.ts";
import { keyOptions } from "./keys-access.ts";
import { openPublisher } from "./publisher-access.ts";
import { parseSelector } from "./selector.ts";

export const promote: Command = {
  summary: "make a channel show a release",
  arguments: [
    { name: "RELEASE", description: "NAME@VERSION (or an alias), NAME:CHANNEL or NAME#COMMIT" },
    { name: "CHANNEL", description: "the channel to move" },
  ],
  options: keyOptions,
  examples: ["kiln promote billing:staging production", "kiln promote billing@1.4.7 production"],
  async run(input, context) {
    const [selected = "", to = ""] = input.arguments;
    const selector = parseSelector(selected);
    const channel = checkName("channel", to);
    const publisher = await openPublisher(await loadConfiguration(input, context), context);
    const { release, from, moved, treeSize, gates } = await moveChannel(publisher, selector, channel);
    const { name, version, manifest } = release;
    return {
      json: { name, version, manifest, channel, from, moved, treeSize, gates },
      text: [
        ...gates.map(gateText),
        moved
          ? `${name}:${channel} shows ${version}${from === null ? "" : `, before it ${from}`}`
          : `${name}:${channel} shows ${version} already`,
      ].join("\n"),
    };
  },
};
