// `kiln views rebuild`: writes every view anew from the log and the pool, and the copies of the public keys. What stock clients check is
// signed anew.

import { rebuildViews } from "../publish/bring-up.ts";
import { writeTrustCopies } from "../publish/trust-copies.ts";
import { inStep } from "../report.ts";
import type { Command } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";
import { keyOptions } from "./keys-access.ts";
import { openPublisher } from "./publisher-access.ts";

export const viewsRebuild: Command = {
  summary: "write every view anew from the log and the pool",
  options: keyOptions,
  examples: ["kiln views rebuild --store ./store"],
  async run(input, context) {
    const configuration = await loadConfiguration(input, context);
    const { store, trust, signers, pause, publicUrl } = await openPublisher(configuration, context);
    const { leaves } = await inStep(context.report, "rebuild the views", async () => {
      await writeTrustCopies({ store, trust, now: context.now() });
      return rebuildViews({ store, trust, pause, signers, now: context.now(), publicUrl });
    });
    return { json: { leaves }, text: `rebuilt the views of ${leaves} log entries` };
  },
};
