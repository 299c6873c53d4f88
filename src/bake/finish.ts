// The end of a bake: the provenance of all its artifacts, and the manifest that names everything.

import type { Digest } from "../artifact/digest.ts";
import type { Artifact, Blob, Manifest } from "../artifact/manifest.ts";
import { cellText } from "../recipe/matrix.ts";
import { outcomesOf, testStatements } from "./checks.ts";
import { type Kitchen, writeBlob } from "./kitchen.ts";
import type { BakeOrder } from "./order.ts";
import { lockedPackages, type LockFile, provenanceBytes, provenanceFile } from "./provenance.ts";

export function writeProvenance(
  artifacts: readonly Artifact[],
  lockFiles: readonly LockFile[],
  kitchen: Kitchen,
): Blob {
  const { plan, bakeKey, base } = kitchen.order;
  const packages = lockedPackages(kitchen.source, lockFiles, kitchen.followed);
  const materials = base?.materials ?? [];
  return writeBlob(
    kitchen.out,
    provenanceFile,
    provenanceBytes({ plan, materials, bakeKey, artifacts, lockFiles, packages }),
  );
}

export function manifestOf(kitchen: Kitchen, artifacts: readonly Artifact[], provenance: Blob): Manifest {
  const { order } = kitchen;
  const { plan, bakeKey, activate } = order;
  const { repository, commit, recipe, time } = plan.source;
  const sorted = artifacts.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    kiln: 1,
    name: plan.name,
    version: plan.version,
    source: { repository, commit, recipe, time },
    bakeKey: bakeKey satisfies Digest,
    ...cellsOf(order, sorted),
    artifacts: sorted,
    provenance,
    ...checkedIn(sorted, kitchen),
    activate,
  };
}

/** What checks and gates have to say; of what there is none, the manifest says nothing. */
function checkedIn(
  artifacts: readonly Artifact[],
  { order, results, out }: Kitchen,
): Pick<Manifest, "attestations" | "checks" | "gates"> {
  const all = [...results.values()];
  const attestations = testStatements(order, all, artifacts).map(({ predicateType, check, file, bytes }) => {
    return { predicateType, check, statement: writeBlob(out, file, bytes) };
  });
  const checks = outcomesOf(order, all);
  return {
    ...(attestations.length === 0 ? {} : { attestations }),
    ...(checks === undefined ? {} : { checks }),
    ...(order.gates.length === 0 ? {} : { gates: [...order.gates] }),
  };
}

/** Of a matrix, a bake is one cell; the others are said to be missing until they are joined. */
function cellsOf(
  { plan, bakeKey, matrix }: BakeOrder,
  artifacts: readonly Artifact[],
): Pick<Manifest, "cells" | "missing"> {
  const { cell } = plan;
  if (cell === undefined) return {};
  const missing = matrix.filter((other) => cellText(other) !== cellText(cell));
  return {
    cells: [{ values: cell, bakeKey, artifacts: artifacts.map(({ name }) => name) }],
    ...(missing.length === 0 ? {} : { missing: [...missing] }),
  };
}
