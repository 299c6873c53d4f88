// Writes the views of a built store anew, as `kiln views rebuild` does.

import { settle } from "../../src/log/append.ts";
import { logOf } from "../../src/log/checkpoint.ts";
import { rebuildViews } from "../../src/publish/bring-up.ts";
import type { BuiltStore } from "../fixtures/store-builder.ts";

export async function rebuild({ store, trust, publisher, signers }: BuiltStore): Promise<void> {
  const head = await settle({ store, log: logOf(trust) });
  const { pause, publicUrl, context } = publisher;
  await rebuildViews({ store, trust, head, pause, signers, now: context.now(), publicUrl });
}
