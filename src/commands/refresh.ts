// `kiln refresh`: signs anew what stock clients hold against the clock. Nothing is published; the log stays as it is.

import { settle } from "../log/append.ts";
import { logOf } from "../log/checkpoint.ts";
import { refreshViews } from "../publish/bring-up.ts";
import { inStep } from "../report.ts";
import type { Command } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";
import { keyOptions } from "./keys-access.ts";
import { openPublisher } from "./publisher-access.ts";

export const refresh: Command = {
  summary: "sign anew, with a new date, what clients refuse when it is old",
  options: keyOptions,
  examples: ["kiln refresh --store ./store"],
  async run(input, context) {
    const publisher = await openPublisher(await loadConfiguration(input, context), context);
    const { store, trust } = publisher;
    const channels = await inStep(context.report, "sign the repositories anew", async () => {
      const head = await settle({ store, log: logOf(trust) });
      return refreshViews({ ...publisher, head, now: context.now() });
    });
    const text = channels.length === 0 ? "no channel has anything that expires" : `signed anew: ${channels.join(", ")}`;
    return { json: { channels }, text };
  },
};
