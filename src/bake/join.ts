// Bakes of the cells of one matrix as one release: one manifest with the artifacts of all, one provenance that lists every
// cell. They may come from several machines, so nothing is believed of them but what has to be the same: name, version,
// source and what the recipe says of the release.

import { z } from "zod";

import { digestOf } from "../artifact/digest.ts";
import { canonicalBytes, canonicalText, parseStored } from "../artifact/json.ts";
import type { BakedCell, Blob, Manifest } from "../artifact/manifest.ts";
import { predicateTypes, statementBytes } from "../artifact/statement.ts";
import { KilnError } from "../errors.ts";
import { cellText } from "../recipe/matrix.ts";
import { provenanceFile } from "./provenance.ts";

export interface Part {
  readonly manifest: Manifest;
  /** The bytes of its provenance. */
  readonly provenance: Uint8Array;
  /** As a person knows it: its folder. */
  readonly where: string;
}

export interface Joined {
  readonly manifest: Manifest;
  readonly provenance: Uint8Array;
}

/** Throws BAKE_MISMATCH: they aren't of one release, or a cell is there twice. Cells that are missing stay so. */
export function join(given: readonly [Part, ...Part[]]): Joined {
  // In the order of their cells: where they come from, and in which order, says nothing.
  const parts = given.toSorted((a, b) => (firstCell(a) < firstCell(b) ? -1 : 1)) as [Part, ...Part[]];
  const [first, ...others] = parts;
  for (const other of others) requireSame(first, other);
  const cells = cellsOf(parts);
  const artifacts = parts.flatMap(({ manifest }) => manifest.artifacts);
  requireNames(artifacts.map(({ file }) => file));
  const byName = artifacts.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const bakeKey = joinedKey(cells.map((cell) => cell.bakeKey));
  const provenance = joinedProvenance(parts, { bakeKey, artifacts: byName });
  const common = withoutCells(first.manifest);
  const missing = missingOf(parts, cells);
  return {
    provenance,
    manifest: {
      ...common,
      bakeKey,
      cells,
      ...(missing.length === 0 ? {} : { missing }),
      artifacts: byName,
      provenance: blobOf(provenanceFile, provenance),
      ...checkedIn(parts),
      activate: Object.assign({}, ...parts.map(({ manifest }) => manifest.activate)) as Manifest["activate"],
    },
  };
}

/** What is the same in all cells. */
function withoutCells(manifest: Manifest): Pick<Manifest, "kiln" | "name" | "version" | "source"> {
  const { kiln, name, version, source } = manifest;
  return { kiln, name, version, source };
}

/** What checks and gates say, of all cells: their names tell them apart. An attestation is about its own cell's artifacts. */
function checkedIn(parts: readonly Part[]): Pick<Manifest, "attestations" | "checks" | "gates"> {
  const attestations = parts.flatMap(({ manifest }) => {
    const names = manifest.artifacts.map(({ name }) => name);
    return (manifest.attestations ?? []).map((one) => ({ ...one, artifacts: one.artifacts ?? names }));
  });
  const checks = parts.flatMap(({ manifest }) => Object.entries(manifest.checks ?? {}));
  const gates = new Map(
    parts.flatMap(({ manifest }) => (manifest.gates ?? []).map((gate) => [canonicalText(gate), gate])),
  );
  return {
    ...(attestations.length === 0 ? {} : { attestations: sorted(attestations) }),
    ...(checks.length === 0 ? {} : { checks: Object.fromEntries(checks) }),
    ...(gates.size === 0 ? {} : { gates: sorted([...gates.values()]) }),
  };
}

function firstCell({ manifest }: Part): string {
  return cellText(manifest.cells?.[0]?.values ?? {});
}

/** The key of a release of several cells, whatever their order. */
export function joinedKey(bakeKeys: readonly string[]): string {
  return digestOf(canonicalBytes({ cells: bakeKeys.toSorted() }));
}

/** Throws BAKE_MISMATCH when cells of its matrix weren't baked: a release has all of them. */
export function requireWhole({ name, version, missing = [] }: Manifest): void {
  if (missing.length === 0) return;
  const cells = missing.map(cellText);
  throw new KilnError(
    "BAKE_MISMATCH",
    `${name}@${version}: got a bake without ${cells.join(" and ")}, want all cells of the matrix`,
    {
      hint: "bake the others too, here or elsewhere, and name all folders: kiln publish DIR DIR …",
      details: { cells },
    },
  );
}

/** Members of a manifest that say what a cell made. */
const ofCells = new Set("bakeKey cells missing artifacts provenance attestations checks gates activate".split(" "));

/** What must be the same in all cells of a release: what a manifest says beside what each of them made. */
function facts(manifest: Manifest): Record<string, unknown> {
  const { cells = [], missing = [] } = manifest;
  const all = [...cells.map(({ values }) => values), ...missing];
  return {
    ...Object.fromEntries(Object.entries(manifest).filter(([key]) => !ofCells.has(key))),
    matrix: all.map(cellText).toSorted(),
  };
}

function requireSame(one: Part, other: Part): void {
  const [a, b] = [facts(one.manifest), facts(other.manifest)];
  for (const key of Object.keys({ ...a, ...b })) {
    const [want, got] = [JSON.stringify(a[key]), JSON.stringify(b[key])];
    if (want === got) continue;
    throw mismatch(`${other.where}: ${key}: got ${got}, want ${want} as in ${one.where}`);
  }
}

function cellsOf(parts: readonly Part[]): BakedCell[] {
  const cells = parts.flatMap(({ manifest, where }) => {
    if (manifest.cells === undefined) throw mismatch(`${where}: got a bake without a matrix beside others`);
    return manifest.cells.map((cell) => ({ cell, where }));
  });
  const seen = new Map<string, string>();
  for (const { cell, where } of cells) {
    const text = cellText(cell.values);
    const before = seen.get(text);
    if (before !== undefined) throw mismatch(`${where}: got the cell ${text}, which ${before} has too`);
    seen.set(text, where);
  }
  return cells.map(({ cell }) => cell).toSorted((a, b) => (cellText(a.values) < cellText(b.values) ? -1 : 1));
}

function missingOf(parts: readonly Part[], cells: readonly BakedCell[]): NonNullable<Manifest["missing"]> {
  const there = new Set(cells.map(({ values }) => cellText(values)));
  return (parts[0]?.manifest.missing ?? []).filter((values) => !there.has(cellText(values)));
}

function requireNames(files: readonly string[]): void {
  const twice = files.find((file, at) => files.indexOf(file) !== at);
  if (twice === undefined) return;
  throw new KilnError("ARTIFACT_INVALID", `${twice}: got this file from two cells, want one each`, {
    hint: 'let its name say which cell it is of, as `suffix: "+${matrix.suite}"` of a .deb or `release` of an rpm does',
  });
}

const provenanceSchema = z.looseObject({
  predicate: z.looseObject({
    buildDefinition: z.looseObject({
      buildType: z.string(),
      externalParameters: z.record(z.string(), z.json()),
      internalParameters: z.record(z.string(), z.json()),
      resolvedDependencies: z.array(z.json()),
    }),
    runDetails: z.looseObject({ builder: z.json() }),
  }),
});

/** One statement about all artifacts: what differs from cell to cell stands in `cells`, dependencies are those of all. */
function joinedProvenance(
  parts: readonly Part[],
  { bakeKey, artifacts }: Pick<Manifest, "bakeKey" | "artifacts">,
): Uint8Array {
  const said = parts.map(({ provenance, where }) => {
    const { predicate } = provenanceSchema.parse(parseStored(provenance, `${where}/${provenanceFile}`));
    return predicate;
  });
  const builders = [...new Set(said.map(({ runDetails }) => JSON.stringify(runDetails.builder)))];
  if (builders.length > 1) throw mismatch(`got bakes of several builders, ${builders.join(" and ")}, want one`);
  const definitions = said.map(({ buildDefinition }) => buildDefinition);
  const [{ buildType, externalParameters } = {}] = definitions;
  const { cell: _cell, env: _env, base: _base, cells: _cells, ...common } = externalParameters ?? {};
  const dependencies = new Map(
    definitions.flatMap(({ resolvedDependencies }) => resolvedDependencies.map((one) => [JSON.stringify(one), one])),
  );
  return statementBytes(predicateTypes.provenance, artifacts, {
    buildDefinition: {
      buildType,
      externalParameters: { ...common, cells: sorted(definitions.flatMap(externalCells)) },
      internalParameters: { bakeKey, cells: sorted(definitions.flatMap(internalCells)) },
      resolvedDependencies: sorted([...dependencies.values()]),
    },
    runDetails: { ...said[0]?.runDetails, metadata: { invocationId: bakeKey } },
  });
  function externalCells({ externalParameters: external }: (typeof definitions)[number]): unknown[] {
    const { cell, env, base, cells: inner } = external;
    return Array.isArray(inner) ? inner : [{ cell, env, ...(base === undefined ? {} : { base }) }];
  }
  function internalCells({ internalParameters: internal }: (typeof definitions)[number], at: number): unknown[] {
    const { cells: inner } = internal;
    return Array.isArray(inner) ? inner : [{ cell: parts[at]?.manifest.cells?.[0]?.values, ...internal }];
  }
}

/** By their text: whose they are must not show in the order. */
function sorted<T>(values: readonly T[]): T[] {
  return values.toSorted((a, b) => (canonicalText(a) < canonicalText(b) ? -1 : 1));
}

function blobOf(file: string, bytes: Uint8Array): Blob {
  return { file, size: bytes.length, sha256: digestOf(bytes) };
}

function mismatch(message: string): KilnError {
  return new KilnError("BAKE_MISMATCH", message, {
    hint: "bake all cells from one commit with one version of Kiln, and name each folder once",
  });
}
