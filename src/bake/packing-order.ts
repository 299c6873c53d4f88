// Which artifact is packed after which: kinds that only read the source pack side by side, each of the others alone, and
// what names others by digest comes after them.

import { KilnError } from "../errors.ts";
import { kindOf } from "../kinds/index.ts";
import type { OrderedArtifact } from "./order.ts";
import type { Job } from "./side-by-side.ts";

export interface PackingJob extends Job {
  readonly artifact: OrderedArtifact;
}

/** Throws ARTIFACT_INVALID: an artifact names one that isn't there, or that waits for it in turn. */
export function packingOrder(artifacts: readonly OrderedArtifact[]): PackingJob[] {
  const sorted = inOrder(artifacts);
  const isAlone = sorted.map(({ kind }) => kindOf(kind).onlyReads !== true);
  return sorted.map((artifact, at) => {
    const named = namedBy(artifact);
    const waits = (before: number) =>
      isAlone[at] === true || isAlone[before] === true || named.includes(sorted[before]?.name ?? "");
    return { artifact, after: [...Array.from({ length: at }).keys()].filter(waits) };
  });
}

/** As the recipe has them, but each after those that it names. */
function inOrder(artifacts: readonly OrderedArtifact[]): OrderedArtifact[] {
  const byName = new Map(artifacts.map((artifact) => [artifact.name, artifact]));
  const sorted = new Set<OrderedArtifact>();
  const visit = (artifact: OrderedArtifact, above: readonly string[]): void => {
    if (sorted.has(artifact)) return;
    const path = [...above, artifact.name];
    for (const name of namedBy(artifact)) {
      const other = byName.get(name);
      if (other === undefined) {
        throw invalid(artifact, `got the name ${name}, want one of ${[...byName.keys()].join(", ")}`);
      }
      if (path.includes(name))
        throw invalid(artifact, `got artifacts that name one another: ${[...path, name].join(", ")}`);
      visit(other, path);
    }
    sorted.add(artifact);
  };
  for (const artifact of artifacts) visit(artifact, []);
  return [...sorted];
}

function namedBy({ kind, spec }: OrderedArtifact): readonly string[] {
  return kindOf(kind).refersTo?.(spec) ?? [];
}

function invalid({ name }: OrderedArtifact, problem: string): KilnError {
  return new KilnError("ARTIFACT_INVALID", `${name}: ${problem}`, {
    hint: "an artifact's digest is known once it is packed: name another artifact of the recipe",
  });
}
