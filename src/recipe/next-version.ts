// The next version of a line: one more than the highest that was ever taken, never a gap's, so that versions grow with time.

import { z } from "zod";

export const lineSchema = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,8})\.(?:0|[1-9][0-9]{0,8})\.\*$/, "MAJOR.MINOR.*, as in 1.4.*");

/**
 * The version after those of `taken` that are of the line. `taken` may hold anything: pre-releases of a version leave it
 * free, and build metadata counts as the version it belongs to.
 */
export function nextVersion(line: string, taken: readonly string[]): string {
  const start = lineSchema.parse(line).slice(0, -1);
  let highest = -1;
  for (const version of taken) {
    if (!version.startsWith(start)) continue;
    // At most 15 digits: more aren't exact, and are no number that this function ever gave.
    const patch = /^(0|[1-9][0-9]{0,14})(?:\+.*)?$/.exec(version.slice(start.length))?.[1];
    if (patch !== undefined) highest = Math.max(highest, Number(patch));
  }
  return `${start}${highest + 1}`;
}
