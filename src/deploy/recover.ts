// Brings a place to what its journal says is in service: a run that a crash cut off is taken back, and a process that ended or
// went with a reboot is started again. Every command that changes a place does this first, so there is no state to repair by hand.

import { revert, untilWell } from "./run.ts";
import { prepareServed, serve } from "./serve.ts";
import type { Site } from "./site.ts";

/** `reverted`: an unfinished run was taken back. `started`: what is in service wasn't, or didn't run, and does now. */
export type Recovery = "nothing" | "reverted" | "started";

/** Throws REVERT_FAILED and what starting throws; trying again is safe. */
export async function recover(site: Site): Promise<Recovery> {
  const { pending } = site.state();
  if (pending !== undefined) {
    await revert({ why: "interrupted", message: `the ${pending.verb} was interrupted` }, site);
    return "reverted";
  }
  const { current } = site.state();
  if (current === undefined) return "nothing";
  const prepared = prepareServed(current, site);
  if (!prepared.activation.isStaged()) {
    // Not this command's to mend, and no reason to refuse another release.
    site.context.report.note(`${site.place.name}: the files of ${current.release.version} are gone; deploy it again`);
    return "nothing";
  }
  if (!(await serve(prepared, site))) return "nothing";
  site.context.report.note(
    `${site.place.name}: ${current.release.version} wasn't in service as it should be, and is again`,
  );
  await untilWell(prepared, site);
  return "started";
}
