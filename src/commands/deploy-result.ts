// What deploy and rollback answer, as data and as a line.

import type { Deployed } from "../deploy/deploy.ts";
import { KilnError } from "../errors.ts";
import { size } from "./columns.ts";
import type { Result } from "./command.ts";

export const rootOption = { flags: "--root DIR", description: "where deploys are kept on this host (KILN_ROOT)" };

export const dryRunOption = {
  flags: "--dry-run",
  description: "check everything, change nothing, say what would be done",
};

export function deployedResult(deployed: Deployed): Result {
  const { name, from, to, outcome, bytesFetched, bytesReused, timing } = deployed;
  const total = Object.values(timing).reduce((sum, time) => sum + time, 0);
  return {
    json: {
      name,
      outcome,
      from: from?.version ?? null,
      to: to.version,
      manifest: to.manifest,
      activator: to.activator,
      bytesFetched,
      bytesReused,
      milliseconds: { ...timing, total },
    },
    text: textOf(deployed, total),
  };
}

function textOf({ name, from, to, outcome, bytesFetched }: Deployed, total: number): string {
  if (outcome === "unchanged") return `${name} ${to.version} is in service already`;
  const before = from === undefined ? "nothing before" : `before it ${from.version}`;
  const fetched = bytesFetched === 0 ? "nothing to fetch" : `${size(bytesFetched)} fetched`;
  if (outcome === "planned") return `${name} ${to.version} would be put into service, ${before}, ${fetched}`;
  return `${name} ${to.version} is in service, ${before}; ${fetched}, ${(total / 1000).toFixed(1)} s`;
}

/** The NAME that a person typed may be NAME@VERSION by habit: says so. Throws USAGE. */
export function plainName(text: string): string {
  if (!/[@:]/.test(text)) return text;
  throw new KilnError("USAGE", `got ${JSON.stringify(text)}, want a NAME`, {
    hint: `this works on what is on this host: name it as ${text.split(/[@:]/)[0]}`,
  });
}
