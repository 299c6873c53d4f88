// What a provenance records of a bake, as far as it takes to repeat it, and what differs between two of them: inputs by their
// names. Nothing else is known of the first bake.

import { z } from "zod";

import { parseStored } from "../artifact/json.ts";
import type { Manifest } from "../artifact/manifest.ts";
import { KilnError } from "../errors.ts";
import type { CellValues } from "../recipe/matrix.ts";
import { type Isolation, isolations } from "../system/sandbox.ts";
import { buildType } from "./provenance.ts";

export interface Recorded {
  readonly name: string;
  readonly version: string;
  /** Path of the recipe in the source. */
  readonly recipe: string;
  readonly repository: string | null;
  readonly commit: string;
  readonly isolation: Isolation;
  /** The cells of its matrix; empty without one. */
  readonly cells: readonly CellValues[];
}

const dependencySchema = z.looseObject({
  name: z.string(),
  uri: z.string().optional(),
  digest: z.record(z.string(), z.string()).optional(),
});

const statementSchema = z.looseObject({
  predicate: z.looseObject({
    buildDefinition: z.looseObject({
      buildType: z.string(),
      externalParameters: z.looseObject({
        name: z.string(),
        version: z.string(),
        recipe: z.string(),
        isolation: z.enum(isolations),
      }),
      resolvedDependencies: z.array(dependencySchema),
    }),
    runDetails: z.looseObject({
      builder: z.looseObject({ id: z.string(), version: z.record(z.string(), z.string()) }),
    }),
  }),
});

/** What the release's provenance says of how it was baked. Throws REBUILD_IMPOSSIBLE, STORE_CORRUPT. */
export function recordedBake({ source, cells = [] }: Manifest, provenance: Uint8Array, where: string): Recorded {
  const { buildDefinition } = parse(provenance, where);
  const { externalParameters } = buildDefinition;
  const { name, version, recipe, isolation } = externalParameters;
  if (buildDefinition.buildType !== buildType) {
    throw impossible(`${name}@${version}: got the build type ${buildDefinition.buildType}, want ${buildType}`);
  }
  if (source.commit === null) {
    throw impossible(
      `${name}@${version}: it was baked from a work tree that is no commit, so nobody else has its source`,
    );
  }
  return {
    name,
    version,
    recipe,
    repository: source.repository,
    commit: source.commit,
    isolation,
    cells: cells.map(({ values }) => values),
  };
}

export interface InputDifference {
  /** As in the provenance: `node`, `kiln.yaml`, `packages of the machine`. */
  readonly input: string;
  /** Null: there was, or is, no such input. */
  readonly recorded: string | null;
  readonly now: string | null;
}

/** The inputs that differ between two provenances, in the first one's order. Throws STORE_CORRUPT. */
export function inputDifferences(recorded: Uint8Array, now: Uint8Array): InputDifference[] {
  const [old, fresh] = [inputsOf(recorded), inputsOf(now)];
  return [...new Set([...old.keys(), ...fresh.keys()])].flatMap((input) => {
    const difference = { input, recorded: old.get(input) ?? null, now: fresh.get(input) ?? null };
    return difference.recorded === difference.now ? [] : [difference];
  });
}

function inputsOf(provenance: Uint8Array): Map<string, string> {
  const { buildDefinition, runDetails } = parse(provenance, "provenance");
  const inputs = new Map<string, string>();
  for (const [program, version] of Object.entries(runDetails.builder.version)) inputs.set(program, version);
  for (const { name, uri, digest } of buildDefinition.resolvedDependencies) {
    const version = /^pkg:[^?#]*@([^?#]*)/.exec(uri ?? "")?.[1];
    const digests = Object.values(digest ?? {}).map((hex) => hex.slice(0, 12));
    const said = [...(version === undefined ? [] : [decodeURIComponent(version)]), ...digests].join(" ");
    // Cells may have several of one name.
    const before = inputs.get(name);
    inputs.set(name, before === undefined ? said : `${before}, ${said}`);
  }
  return inputs;
}

function parse(provenance: Uint8Array, where: string): z.output<typeof statementSchema>["predicate"] {
  const result = statementSchema.safeParse(parseStored(provenance, where));
  if (result.success) return result.data.predicate;
  throw new KilnError("STORE_CORRUPT", `${where}: ${z.prettifyError(result.error)}`);
}

function impossible(message: string): KilnError {
  return new KilnError("REBUILD_IMPOSSIBLE", message, {
    hint: "only what was baked from a commit by Kiln can be repeated",
  });
}
