// Which artifact of a release this host puts into service, and by which activator. A place holds one.

import type { Activator } from "../activators/activator.ts";
import { activatorNamed, activators } from "../activators/index.ts";
import type { Artifact, Manifest } from "../artifact/manifest.ts";
import { KilnError } from "../errors.ts";

export interface Selection {
  readonly artifact: Artifact;
  readonly activator: Activator;
  readonly specification: unknown;
}

/**
 * What the manifest's `activate` says for this platform (`linux-x64`); when it says nothing at all, the only artifact that an
 * activator takes by default. Throws NOT_DEPLOYABLE.
 */
export function select(manifest: Manifest, platform: string): Selection {
  const subject = `${manifest.name}@${manifest.version}`;
  const fits = manifest.artifacts.filter((artifact) => artifact.platform === "any" || artifact.platform === platform);
  const isSilent = Object.keys(manifest.activate).length === 0;
  const found = isSilent ? fits.flatMap(byDefault) : fits.flatMap((artifact) => asSaid(artifact, manifest));
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  const names = found.map(({ artifact }) => artifact.name);
  throw new KilnError(
    "NOT_DEPLOYABLE",
    names.length === 0
      ? `${subject}: got no artifact that can be put into service on ${platform}`
      : `${subject}: got ${names.join(" and ")} to put into service on ${platform}, want one`,
    { hint: "`activate` in its recipe names the artifact and its activator" },
  );
}

function asSaid(artifact: Artifact, manifest: Manifest): Selection[] {
  const specification = manifest.activate[artifact.name];
  if (specification === undefined) return [];
  const activator = activatorNamed(specification.with);
  if (activator?.kinds.includes(artifact.kind)) return [{ artifact, activator, specification }];
  throw new KilnError(
    "NOT_DEPLOYABLE",
    `${manifest.name}@${manifest.version}: got the activator ${JSON.stringify(specification.with)} for ${artifact.name} (${artifact.kind}), want one of ${activators.map(({ name }) => name).join(", ")} that takes its kind`,
    { hint: "it may have been baked for a newer Kiln" },
  );
}

function byDefault(artifact: Artifact): Selection[] {
  const activator = activators.find(
    ({ kinds, byDefault: spec }) => spec !== undefined && kinds.includes(artifact.kind),
  );
  return activator === undefined ? [] : [{ artifact, activator, specification: activator.byDefault }];
}
