// Publishing a bake: adopt what is there, else upload, then one append with the release, its alias and its channel move.
// Done twice, or by two jobs at once, it is a success that changes nothing the second time.

import { KilnError } from "../errors.ts";
import { inStep } from "../report.ts";
import { checkKeys } from "./allowed.ts";
import { notWithdrawn, released } from "./decide.ts";
import { requirePassed } from "./gates.ts";
import { type Published, publishGroup, type PublishOptions } from "./group.ts";
import { pointing, type Pointers } from "./pointing.ts";
import { commit, type Publisher } from "./publisher.ts";

/**
 * Throws IMMUTABLE_CONFLICT, NAME_CLASH, BAKE_CHANGED, KEY_NOT_ALLOWED, GATE_FAILED, RELEASE_YANKED and RELEASE_RETIRED, and what
 * the store and the log throw.
 */
export async function publishRelease(publisher: Publisher, options: PublishOptions): Promise<Published> {
  for (const answer of await publishGroup(publisher, [options])) {
    if (answer instanceof KilnError) throw answer;
    return answer;
  }
  throw new TypeError("a group of one has no answer");
}

/** Points a channel and an alias at a release that is there. Throws NOT_FOUND, and what publishing throws. */
export async function pointAt(
  publisher: Publisher,
  { name, version }: { readonly name: string; readonly version: string },
  pointers: Pointers,
): Promise<Published> {
  checkKeys(publisher, "log", "release");
  const { outcome, head } = await inStep(publisher.context.report, `point at ${name}@${version}`, () =>
    commit(publisher, async ({ catalog }) => {
      const release = await notWithdrawn(catalog, await released(catalog, name, version));
      const { leaves, moved, gates } = await pointing({ catalog, release, pointers, publisher });
      return { entries: [], leaves, outcome: { release, added: false, moved, gates } };
    }),
  );
  requirePassed(outcome.release, outcome.gates);
  return { ...outcome, treeSize: head.checkpoint.size };
}
