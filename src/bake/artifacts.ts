// The artifacts of a recipe, each one file: an entry that stands for several (the workspaces of a monorepo) is written out,
// from what is baked and nothing else, so that every machine finds the same.

import { checkName } from "../artifact/name.ts";
import { KilnError } from "../errors.ts";
import { kindOf } from "../kinds/index.ts";
import type { SourceTree } from "../kinds/kind.ts";
import type { OrderedArtifact } from "./order.ts";

interface Entry {
  readonly kind: string;
}

export interface WrittenOut {
  readonly artifacts: readonly OrderedArtifact[];
  /** What was left out and why. */
  readonly notes: readonly string[];
}

/** Throws ARTIFACT_INVALID, NAME_INVALID. */
export async function artifactsOf(entries: Readonly<Record<string, Entry>>, tree: SourceTree): Promise<WrittenOut> {
  const artifacts = new Map<string, OrderedArtifact & { readonly entry: string }>();
  const notes: string[] = [];
  for (const [entry, spec] of Object.entries(entries)) {
    const expanded = await kindOf(spec.kind).expand?.(entry, { ...spec }, tree);
    notes.push(...(expanded?.notes ?? []));
    for (const one of expanded?.artifacts ?? [{ name: entry, spec: { ...spec } }]) {
      const name = checkName("name", one.name, `${entry}: the artifact`);
      const before = artifacts.get(name);
      if (before !== undefined) throw twice(name, [before.entry, entry]);
      artifacts.set(name, { name, kind: spec.kind, spec: one.spec, entry });
    }
  }
  return { artifacts: [...artifacts.values()].map(({ name, kind, spec }) => ({ name, kind, spec })), notes };
}

function twice(name: string, [one, other]: readonly [string, string]): KilnError {
  return new KilnError(
    "ARTIFACT_INVALID",
    `artifacts: got ${name} from ${one} and from ${other}, want each name once`,
    {
      hint: "give the entry of the recipe, or the package, another name",
    },
  );
}
