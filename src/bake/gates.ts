// That the gates of a recipe can be answered by what was baked: a number that its report never has would refuse every release.

import type { Artifact, Manifest } from "../artifact/manifest.ts";
import { KilnError } from "../errors.ts";

/** Throws ARTIFACT_INVALID. */
export function requireAnswers(gates: NonNullable<Manifest["gates"]>, artifacts: readonly Artifact[]): void {
  for (const { name, demand } of gates) {
    if (demand.sort === "check") continue;
    const record = artifacts.find((artifact) => artifact.name === demand.report)?.record ?? {};
    const numbers = Object.keys(record["numbers"] ?? {});
    const wanted = demand.sort === "severity" ? demand.severity : demand.number;
    if (numbers.includes(wanted)) continue;
    const problem =
      demand.sort === "severity"
        ? `no findings in the report ${demand.report}`
        : `no ${wanted} in the report ${demand.report}`;
    const has = numbers.length === 0 ? "no numbers" : numbers.join(", ");
    throw new KilnError(
      "ARTIFACT_INVALID",
      `gate ${name}: got ${problem}, which is ${String(record["format"])} and has ${has}`,
      {
        hint: "name a number that it has, or another report",
      },
    );
  }
}
