// Writes the views of a built store anew, as `kiln views rebuild` does.

import { rebuildViews } from "../../src/publish/bring-up.ts";
import type { BuiltStore } from "../fixtures/store-builder.ts";

export async function rebuild({ store, trust, publisher, signers }: BuiltStore): Promise<void> {
  const { pause, publicUrl, context } = publisher;
  await rebuildViews({ store, trust, pause, signers, now: context.now(), publicUrl });
}
