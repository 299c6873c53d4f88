// What a chart depends on must be in its charts/, in the version that Chart.lock pins, and Chart.lock must belong to Chart.yaml:
// packing fetches nothing. Spec: Helm's pkg/action/package.go and internal/resolver.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";

import semver from "semver";
import { z } from "zod";

import { KilnError } from "../../errors.ts";
import type { Entry } from "../../system/archive-entries.ts";
import { tarMembers } from "../../system/members.ts";
import { parseYaml, readYaml, type YamlFile } from "./yaml-file.ts";

const dependencySchema = z.looseObject({
  name: z.string().min(1),
  version: z.string().default(""),
  repository: z.string().default(""),
});

export const dependenciesSchema = z.array(dependencySchema).default([]);

const lockSchema = z.looseObject({ digest: z.string(), dependencies: dependenciesSchema });

type Dependency = z.output<typeof dependencySchema>;

interface Chart {
  readonly folder: string;
  /** What Chart.yaml lists, or requirements.yaml of an older chart. */
  readonly dependencies: readonly Dependency[];
  readonly entries: readonly Entry[];
  readonly artifact: string;
  readonly signal: AbortSignal;
}

/** Throws ARTIFACT_INVALID. */
export async function checkDependencies(chart: Chart): Promise<void> {
  const { folder, dependencies, artifact } = chart;
  const lock = readYaml(folder, "Chart.lock", artifact) ?? readYaml(folder, "requirements.lock", artifact);
  if (dependencies.length === 0) return;
  const there = await subchartsOf(chart);
  const locked = lock === undefined ? undefined : lockOf(lock, dependencies);
  for (const { name, version, repository } of dependencies) {
    const found = there.filter((one) => one.name === name);
    const pinned = locked?.find((one) => one.name === name && matches(one.version, version));
    if (found.length === 0) {
      throw invalid(artifact, `charts/: got no ${name}, want what Chart.yaml depends on`, "helm dependency build");
    }
    if (pinned === undefined && !isLocal(repository)) {
      throw invalid(artifact, `Chart.lock: got no version of ${name}, want one`, "helm dependency update");
    }
    const wanted = pinned?.version ?? version;
    if (found.some((one) => one.version === wanted || (pinned === undefined && matches(one.version, wanted)))) continue;
    const got = found.map((one) => one.version).join(", ");
    throw invalid(artifact, `charts/: got ${name} ${got}, want ${wanted}`, "helm dependency build");
  }
}

function lockOf({ document, where }: YamlFile, dependencies: readonly Dependency[]): readonly Dependency[] {
  const parsed = lockSchema.safeParse(document.toJS());
  if (!parsed.success) throw invalid(where, z.prettifyError(parsed.error), "helm dependency update");
  const { digest, dependencies: locked } = parsed.data;
  if (digest === requestDigest(dependencies, locked)) return locked;
  throw invalid(where, "got a lock of other dependencies than Chart.yaml has", "helm dependency update");
}

/** In Helm's order; what is empty is left out, but these three. */
const members = "name version repository condition tags enabled import-values alias".split(" ");

/** Helm's digest of what was asked for and what was chosen. */
function requestDigest(asked: readonly Dependency[], chosen: readonly Dependency[]): string {
  const listed = (all: readonly Dependency[]) =>
    all.map((one) =>
      Object.fromEntries(
        members.flatMap((key) => {
          const value = one[key];
          const isEmpty = value === undefined || value === null || value === "" || value === false;
          const isNone = Array.isArray(value) && value.length === 0;
          return key === "name" || key === "repository" || !(isEmpty || isNone) ? [[key, sorted(value)]] : [];
        }),
      ),
    );
  // As Go writes JSON.
  const text = JSON.stringify([listed(asked), listed(chosen)]).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  );
}

function isLocal(repository: string): boolean {
  return repository === "" || repository.startsWith("file://");
}

/** Helm's ranges are semver's. */
function matches(version: string, range: string): boolean {
  return version === range || semver.satisfies(version, range.replaceAll(",", " "), { includePrerelease: false });
}

const subchartSchema = z.looseObject({ name: z.string(), version: z.string() });

/** Name and version of everything in charts/: folders and packages. */
async function subchartsOf({ folder, entries, artifact, signal }: Chart): Promise<z.output<typeof subchartSchema>[]> {
  const found: z.output<typeof subchartSchema>[] = [];
  for (const entry of entries) {
    if (entry.type !== "file") continue;
    const isFolders = /^charts\/[^/]+\/Chart\.yaml$/.test(entry.path);
    if (!isFolders && !/^charts\/[^/]+\.tgz$/.test(entry.path)) continue;
    const where = `${artifact}: ${entry.path}`;
    const document = isFolders
      ? readYaml(folder, entry.path, artifact)?.document
      : parseYaml(await chartYamlIn(entry.source, signal), where);
    const parsed = subchartSchema.safeParse(document?.toJS());
    if (!parsed.success) throw invalid(where, z.prettifyError(parsed.error), "helm dependency build");
    found.push(parsed.data);
  }
  return found;
}

async function chartYamlIn(path: string, signal: AbortSignal): Promise<string> {
  let text = "";
  await tarMembers(createReadStream(path, { signal }).pipe(createGunzip()), (member) => {
    if (!/^[^/]+\/Chart\.yaml$/.test(member.path)) return () => undefined;
    return (piece) => {
      text += piece.toString("utf8");
    };
  });
  return text;
}

function invalid(where: string, problem: string, command: string): KilnError {
  return new KilnError("ARTIFACT_INVALID", `${where}: ${problem}`, {
    hint: `run \`${command}\` and commit Chart.lock; charts/ may be filled by a fetch step`,
  });
}
