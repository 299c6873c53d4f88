// `kiln yank` and `kiln unyank`: says of a release that nobody shall use it, and takes that back. Nothing is removed.

import { checkName } from "../artifact/name.ts";
import { unyank as unyankRelease, yank as yankRelease } from "../publish/yank.ts";
import type { Command } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";
import { keyOptions } from "./keys-access.ts";
import { openPublisher } from "./publisher-access.ts";
import { parseRelease, reasonOf, reasonOption } from "./release-options.ts";

export const yank: Command = {
  summary: "take a release back: it stays, but no channel, tag or deploy leads to it any more",
  arguments: [{ name: "NAME@VERSION", description: "a release (or an alias)" }],
  options: [
    reasonOption,
    { flags: "--move-to VERSION", description: "make the channels that show it show this version instead" },
    ...keyOptions,
  ],
  examples: [
    "kiln yank billing@1.4.7 --reason 'loses invoices'",
    "kiln yank billing@1.4.7 --reason 'loses invoices' --move-to 1.4.6",
  ],
  async run(input, context) {
    const subject = parseRelease(input.arguments[0] ?? "");
    const reason = reasonOf(input);
    const { moveTo } = input.options;
    const target = typeof moveTo === "string" ? checkName("version", moveTo) : undefined;
    const publisher = await openPublisher(await loadConfiguration(input, context), context);
    const { release, changed, moved, treeSize } = await yankRelease(publisher, { ...subject, reason, moveTo: target });
    const { name, version, manifest } = release;
    const lines = moved.map((channel) => `${name}:${channel} shows ${target}, before it ${version}`);
    return {
      json: { name, version, manifest, reason, changed, moved, treeSize },
      text: [changed ? `yanked ${name}@${version}` : `${name}@${version} was yanked before`, ...lines].join("\n"),
    };
  },
};

export const unyank: Command = {
  summary: "take a yank back: the release may be led to again",
  arguments: [{ name: "NAME@VERSION", description: "a release (or an alias)" }],
  options: keyOptions,
  examples: ["kiln unyank billing@1.4.7"],
  async run(input, context) {
    const subject = parseRelease(input.arguments[0] ?? "");
    const publisher = await openPublisher(await loadConfiguration(input, context), context);
    const { release, changed, treeSize } = await unyankRelease(publisher, subject);
    const { name, version, manifest } = release;
    return {
      json: { name, version, manifest, changed, treeSize },
      text: changed ? `${name}@${version} is yanked no more` : `${name}@${version} isn't yanked`,
    };
  },
};
