// What must be in a mirror of some channels: the releases that these show by the log, whatever the store says of itself.

import { keys } from "../../artifact/pool.ts";
import { isKilnError, KilnError } from "../../errors.ts";
import { shownAfter } from "../../views/shown.ts";
import type { DocumentsToCheck } from "./documents.ts";
import { movesByChannel, shownSource } from "./shown.ts";

/** The manifests that the part's channels show. One that is absent is a finding. */
export async function requiredIn(options: DocumentsToCheck): Promise<Set<string>> {
  const required = new Set<string>();
  if (options.part?.channels === undefined) return required;
  const source = shownSource(options);
  for (const [channel, moves] of movesByChannel(options)) {
    for (const index of moves) {
      const leaf = await source.leaf(index);
      if (leaf?.type !== "channel") continue;
      required.add(leaf.manifest);
      await options.findings.checkAsync(keys.channel(leaf.name, channel), async () => {
        for (const { release } of await present(() => shownAfter({ leaf }, source))) required.add(release.manifest);
      });
    }
  }
  return required;
}

async function present<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isKilnError(error, "NOT_FOUND")) throw error;
    throw new KilnError("OBJECT_MISSING", `${error.message}, want what a mirrored channel shows`, { cause: error });
  }
}
