// What `kiln init` proposes for a folder: everything that looks at a project is in this list, in the order in which their
// steps run. What is written must be a recipe that bakes at once, or say in a comment why it can't.

import type { Refs } from "./channels.ts";
import { lookAtChart } from "./chart.ts";
import { lookAtDebian } from "./debian.ts";
import type { Finding } from "./finding.ts";
import { fittingArtifact } from "./fitting.ts";
import type { Folder } from "./folder.ts";
import { lookAtGo } from "./go.ts";
import { lookAtNode } from "./node.ts";
import { lookAtDockerfile, lookAtUnreadable, unknownProject } from "./other.ts";
import { lookAtPython } from "./python.ts";
import { lookAtRust } from "./rust.ts";
import { type Proposal, writeRecipe } from "./write.ts";

export interface Proposed extends Proposal {
  readonly saw: readonly { readonly file: string; readonly what: string }[];
  /** What a Python project's backend needs and no file pins. */
  readonly toLock: readonly string[];
}

export function proposeRecipe(folder: Folder, refs: Refs): Proposed {
  const python = lookAtPython(folder);
  const looked = [
    lookAtNode(folder),
    python,
    lookAtRust(folder),
    lookAtGo(folder),
    lookAtDebian(folder),
    lookAtChart(folder),
  ];
  const known = [...looked, lookAtDockerfile(folder), lookAtUnreadable(folder)].filter(
    (finding): finding is Finding => finding !== undefined,
  );
  const hasArtifact = known.some(({ artifacts = [] }) =>
    artifacts.some((artifact) => fittingArtifact(artifact).artifact !== undefined),
  );
  const findings = hasArtifact ? known : [unknownProject(folder), ...known];
  return {
    ...writeRecipe(folder, findings, refs),
    saw: findings.map(({ file, saw }) => ({ file, what: saw })),
    toLock: python?.toLock ?? [],
  };
}
