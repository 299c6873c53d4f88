// `kiln views rebuild`: writes every view anew from the log and the pool. It needs no key and changes nothing that is true.

import { settle } from "../log/append.ts";
import { logOf } from "../log/checkpoint.ts";
import { rebuildViews } from "../publish/bring-up.ts";
import { randomPause } from "../publish/pause.ts";
import { inStep } from "../report.ts";
import { openWritableStore } from "../stores/writable.ts";
import type { Command } from "./command.ts";
import { loadConfiguration, requireStore } from "./configuration.ts";
import { originOf, readTrust } from "./store-access.ts";

export const viewsRebuild: Command = {
  summary: "write every view anew from the log and the pool",
  examples: ["kiln views rebuild --store ./store"],
  async run(input, context) {
    const configuration = await loadConfiguration(input, context);
    const store = await openWritableStore(requireStore(configuration), context);
    const trust = await readTrust(configuration, context, await originOf(store));
    const { leaves } = await inStep(context.report, "rebuild the views", async () => {
      const head = await settle({ store, log: logOf(trust) });
      return rebuildViews({ store, trust, head, pause: randomPause(context.signal) });
    });
    return { json: { leaves }, text: `rebuilt the views of ${leaves} log entries` };
  },
};
