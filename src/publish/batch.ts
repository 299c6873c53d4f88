// Publishing many bakes, group by group: each group is one append, and the views are brought up once for it. Imports and
// monorepos publish this way: what costs the same for one release as for fifty is paid once.

import { recordOrder } from "../artifact/records.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { type Answer, publishGroup, type PublishOptions } from "./group.ts";
import type { Publisher } from "./publisher.ts";

/** Releases in one append, and their entries in the log: what is staged for a commit is read back as one document. */
const mostReleases = 256;
const mostEntries = 4096;

/**
 * What became of each, in the order of `bakes`. A release that fails takes no other with it; where the store or the log fails, its
 * error is the answer to all that weren't published by then. Throws CANCELLED, KEY_NOT_ALLOWED, KEY_MISSING.
 */
export async function publishAll(publisher: Publisher, bakes: readonly PublishOptions[]): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  for (const group of groupsOf(bakes)) {
    try {
      answers.push(...(await publishGroup(publisher, group)));
    } catch (error) {
      if (!(error instanceof KilnError) || isKilnError(error, "CANCELLED", "KEY_NOT_ALLOWED", "KEY_MISSING"))
        throw error;
      return bakes.map((_, at) => answers[at] ?? error);
    }
  }
  return answers;
}

function* groupsOf(bakes: readonly PublishOptions[]): Generator<readonly PublishOptions[]> {
  let group: PublishOptions[] = [];
  let entries = 0;
  for (const options of bakes) {
    const { count } = recordOrder(options.bake.manifest);
    if (group.length > 0 && (group.length === mostReleases || entries + count > mostEntries)) {
      yield group;
      group = [];
      entries = 0;
    }
    group.push(options);
    entries += count;
  }
  if (group.length > 0) yield group;
}
