// The SLSA v1 provenance of a bake, as an in-toto statement about all its artifacts: from what, with what, how. It follows
// from the plan and the source alone: no wall-clock time, nothing of the machine but what the plan names, never a secret.
// Spec: slsa.dev/spec/v1.0/provenance, in-toto attestation v1 (ResourceDescriptor).

import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";

import { type Digest, digestOf } from "../artifact/digest.ts";
import { predicateTypes, statementBytes } from "../artifact/statement.ts";
import type { Material } from "../bases/base.ts";
import { isKilnError } from "../errors.ts";
import type { Plan } from "./plan.ts";
import { byText, type LockedPackage } from "./sbom/lock.ts";
import { lockNames, readLock } from "./sbom/locks.ts";

export const provenanceFile = "provenance.json";

/** A URI that names the way of baking, for verifiers to compare: docs/bake.md describes it. */
export const buildType = "urn:kiln:bake:v1";

export interface ProvenanceInput {
  readonly plan: Plan;
  /** What the base is made of; empty for the machine's own system. */
  readonly materials: readonly Material[];
  readonly bakeKey: Digest;
  readonly artifacts: readonly { readonly file: string; readonly sha256: Digest }[];
  readonly lockFiles: readonly LockFile[];
  /** What the lock files pin that the bake followed. */
  readonly packages: readonly LockedPackage[];
}

export interface LockFile {
  /** Relative to the source. */
  readonly path: string;
  readonly sha256: Digest;
}

/** The statement's canonical bytes. */
export function provenanceBytes(input: ProvenanceInput): Uint8Array {
  const { plan, bakeKey } = input;
  return statementBytes(predicateTypes.provenance, input.artifacts, {
    buildDefinition: {
      buildType,
      externalParameters: {
        name: plan.name,
        version: plan.version,
        recipe: plan.source.recipe,
        source: sourceDescriptor(plan),
        isolation: plan.isolation,
        env: plan.env,
        ...(plan.cell === undefined ? {} : { cell: plan.cell }),
      },
      internalParameters: { bakeKey, steps: plan.steps, kinds: plan.kinds, sourceDateEpoch: plan.source.time },
      resolvedDependencies: [
        sourceDescriptor(plan),
        ...input.lockFiles.map(({ path, sha256 }) => ({ name: path, digest: { sha256 } })),
        ...packageDescriptors(input.packages),
        { name: plan.source.recipe, digest: { sha256: plan.recipe } },
        ...Object.entries(plan.tools).map(([name, tool]) => ({
          name,
          uri: `pkg:generic/${name}@${encodeURIComponent(tool.version)}`,
          ...(tool.sha256 === undefined ? {} : { digest: { sha256: tool.sha256 } }),
        })),
        ...systemDescriptors(input),
      ],
    },
    runDetails: {
      builder: { id: `urn:kiln:builder:${plan.isolation}`, version: { kiln: plan.kiln } },
      metadata: { invocationId: bakeKey },
    },
  });
}

/** The machine's packages, or the base and everything in it. */
function systemDescriptors({ plan: { system, base, mounts }, materials }: ProvenanceInput): Record<string, unknown>[] {
  const packages =
    system === undefined
      ? []
      : [{ name: "packages of the machine", digest: { sha256: system.packages }, annotations: { os: system.os } }];
  const root = base === undefined ? [] : [{ name: `base: ${base.title}`, digest: { sha256: base.digest } }];
  const parts = materials.map(({ name, uri, sha256 }) => ({
    name,
    ...(uri === undefined ? {} : { uri }),
    digest: { sha256 },
  }));
  const mounted = Object.entries(mounts ?? {}).map(([at, sha256]) => ({ name: `mount: ${at}`, digest: { sha256 } }));
  return [...packages, ...root, ...parts, ...mounted];
}

/** As an in-toto resource descriptor. */
export function sourceDescriptor({ source }: Plan): Record<string, unknown> {
  const uri = source.repository === null ? {} : { uri: `git+${source.repository}` };
  // A dirty tree is no commit: its own digest stands for it.
  if (source.commit === null) return { name: "source", ...uri, digest: { gitTree: source.tree } };
  return { name: "source", ...uri, digest: { gitCommit: source.commit } };
}

/** One for each file that an installer may have taken; a package whose lock file has no digest is named all the same. */
function packageDescriptors(packages: readonly LockedPackage[]): Record<string, unknown>[] {
  const all = new Map<string, Record<string, unknown>>();
  for (const { name, version, purl, files } of packages) {
    if (files.length === 0) all.set(purl, { name: `${name}@${version}`, uri: purl });
    for (const file of files) {
      const descriptor = { name: file.name ?? `${name}@${version}`, uri: purl, digest: file.hashes };
      all.set(`${purl} ${JSON.stringify(file.hashes)}`, descriptor);
    }
  }
  return [...all].toSorted(([a], [b]) => byText(a, b)).map(([, descriptor]) => descriptor);
}

/** Formats that are known to pin, whether Kiln reads them or not. */
const pinning = new Set([
  ...lockNames,
  ..."yarn.lock pnpm-lock.yaml bun.lock Pipfile.lock Gemfile.lock composer.lock gradle.lockfile".split(" "),
]);

/** Whether a path of the source is a lock file's. */
export function isLockFile(path: string): boolean {
  return pinning.has(basename(path));
}

/** The lock files of a checkout, before any step ran, in path order; `named`: others that pin, by path. */
export function findLockFiles(source: string, named: readonly string[] = []): LockFile[] {
  const found: LockFile[] = [];
  const look = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) look(path);
      else if (entry.isFile() && (isLockFile(entry.name) || named.includes(relative(source, path)))) {
        found.push({ path: relative(source, path), sha256: digestOf(readFileSync(path)) });
      }
    }
  };
  if (existsSync(source)) look(source);
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * The packages of those lock files that an artifact followed, and of those at the top, where `fetch` steps find them; only
 * if they are still as they were committed. Throws ARTIFACT_INVALID for one that can't be read and was followed.
 */
export function lockedPackages(
  source: string,
  lockFiles: readonly LockFile[],
  followed: ReadonlySet<string>,
): LockedPackage[] {
  return lockFiles.flatMap(({ path, sha256 }) => {
    if (!followed.has(path) && dirname(path) !== ".") return [];
    const file = join(source, path);
    const stats = lstatSync(file, { throwIfNoEntry: false });
    if (stats === undefined || !stats.isFile() || digestOf(readFileSync(file)) !== sha256) return [];
    try {
      return readLock(file, path)?.lock.packages ?? [];
    } catch (error) {
      if (followed.has(path) || !isKilnError(error, "ARTIFACT_INVALID")) throw error;
      // Nothing that was baked depends on what it says; its digest is named in any case.
      return [];
    }
  });
}
