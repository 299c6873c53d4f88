// What a project's files say needn't be what a kind can hold (a relation that dpkg wouldn't read, a file name that can't be): such
// parts of an artifact's entry are left out and named, so that what is written is a recipe all the same.

import { kinds } from "../kinds/index.ts";
import type { ProposedArtifact } from "./finding.ts";

export interface Fitting {
  /** Undefined where nothing of use is left. */
  readonly artifact: ProposedArtifact | undefined;
  /** Keys of what was left out: `depends: - #`. */
  readonly left: readonly string[];
}

export function fittingArtifact(artifact: ProposedArtifact): Fitting {
  const schema = kinds.find(({ name }) => name === artifact.spec.kind)?.schema;
  if (schema === undefined) return { artifact: undefined, left: [] };
  const left: string[] = [];
  let spec: Record<string, unknown> = { ...artifact.spec };
  // Each round leaves something out, so it ends.
  for (;;) {
    const parsed = schema.safeParse(spec);
    if (parsed.success) return { artifact: { ...artifact, spec: { ...spec, kind: artifact.spec.kind } }, left };
    const [key, inner] = parsed.error.issues[0]?.path ?? [];
    if (typeof key !== "string" || !(key in spec)) return { artifact: undefined, left };
    const value = spec[key];
    const [rest, gone] = typeof value === "object" && value !== null ? without(value, inner) : [undefined, value];
    left.push(`${key}: ${typeof gone === "string" ? gone : JSON.stringify(gone)}`);
    const { [key]: _, ...others } = spec;
    spec = rest === undefined ? others : { ...spec, [key]: rest };
  }
}

/** A list or map without one entry, and that entry; all of it where none is named, or only one was there. */
function without(value: object, inner: PropertyKey | undefined): [object | undefined, unknown] {
  const entries = Object.entries(value);
  const gone = entries.find(([key]) => key === String(inner));
  if (gone === undefined || entries.length === 1) return [undefined, value];
  const kept = entries.filter((entry) => entry !== gone);
  return [Array.isArray(value) ? kept.map(([, one]) => one as unknown) : Object.fromEntries(kept), gone];
}
