// A line of versions, and the next one of it: `1.4.*`, `1.4.0-rc.*`, `1.4.0-0.dev.*`, `1.4.0+post.*`, `1.4.0+rev.*`. The next is one
// more than the highest that was ever taken, never a gap's, so that versions grow with time.

import { z } from "zod";

import { parseVersion } from "../artifact/version.ts";
import { KilnError } from "../errors.ts";

export const lineSchema = z
  .string()
  .max(100)
  // Whoever writes 1.* means 1.4.2, too.
  .refine(
    (line) => slotOf(line) !== undefined && !/^[0-9]+\.\*$/.test(line),
    "MAJOR.MINOR.*, as in 1.4.*, or 1.4.0-rc.*",
  );

type Slot = "number" | "pre-release" | "development" | "post" | "revision";

/** What the first version of a line has in place of the `*`. The first packaging of a release is the release itself. */
const first: Readonly<Record<Slot, number>> = { number: 0, "pre-release": 1, development: 1, post: 1, revision: 2 };

/** Which part of a version the `*` is; undefined for what isn't a line. */
function slotOf(line: string): Slot | undefined {
  if (!line.endsWith(".*")) return undefined;
  const version = parseVersion(`${line.slice(0, -1)}1`);
  if (version === undefined || version.build.length > 0) return undefined;
  const { numbers, pre, dev, post, revision } = version;
  if (revision !== undefined) return "revision";
  if (post !== undefined) return "post";
  if (dev !== undefined) return dev.marks.length === 0 ? "development" : undefined;
  if (pre.length > 0) return /^[A-Za-z-]+$/.test(pre.at(-2) ?? "") ? "pre-release" : undefined;
  return numbers.length > 1 ? "number" : undefined;
}

/**
 * The version after those of `taken` that are of the line, and not before `least`. `taken` may hold anything: pre-releases of
 * a version leave it free, and metadata counts as the version it belongs to. Throws VERSION_UNRESOLVED when what the line leads
 * to was released: what came next would sort before it.
 */
export function nextVersion(line: string, taken: readonly string[], least?: number): string {
  const slot = slotOf(line);
  if (slot === undefined) throw new TypeError(`${line} is no line of versions`);
  const start = line.slice(0, -1);
  const goal = slot === "pre-release" || slot === "development" ? line.slice(0, line.indexOf("-")) : undefined;
  if (goal !== undefined && taken.includes(goal)) {
    throw new KilnError("VERSION_UNRESOLVED", `version ${line}: got ${goal} published already, want it still to come`, {
      hint: "raise the version that this leads to",
    });
  }
  let next = Math.max(first[slot], least ?? 0);
  // At most 15 digits: more aren't exact, and are no number that this function ever gave.
  const rest = slot === "number" ? /^(0|[1-9][0-9]{0,14})(?:\+.*)?$/ : /^(0|[1-9][0-9]{0,14})(?:[.+].*)?$/;
  for (const version of taken) {
    if (!version.startsWith(start)) continue;
    const number = rest.exec(version.slice(start.length))?.[1];
    if (number !== undefined) next = Math.max(next, Number(number) + 1);
  }
  return `${start}${next}`;
}
