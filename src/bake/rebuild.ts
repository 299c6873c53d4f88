// A published release, baked again from what its provenance records: the same commit, recipe, version and isolation, in a
// workspace of its own, which knows nothing of earlier bakes. What came out is compared with what was published, artifact by
// artifact; the machine's tools may be others, and are said to be.

import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import type { Artifact, Manifest } from "../artifact/manifest.ts";
import type { Context } from "../context.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { inStep } from "../report.ts";
import { fetchCommit } from "../system/git-fetch.ts";
import { openRepository, type Repository } from "../system/git.ts";
import { bakeAll } from "./bake-all.ts";
import { differenceOf } from "./compare.ts";
import { writeDiffoscope } from "./diffoscope.ts";
import type { Bake } from "./kept.ts";
import { type OrderOptions, ordersOf } from "./prepare.ts";
import { type InputDifference, inputDifferences, type Recorded, recordedBake } from "./recorded.ts";

export interface Published {
  readonly manifest: Manifest;
  readonly provenance: Uint8Array;
  /** Writes the published bytes of an artifact to a new file, checked. */
  readonly copyTo: (artifact: Artifact, path: string) => Promise<void>;
}

export interface RebuildOptions extends OrderOptions {
  /** Absolute path of an empty folder for everything. */
  readonly folder: string;
  /** Absolute path of a clone that has the commit; without it, it is fetched from the recorded address. */
  readonly source: string | undefined;
  /** Whether what was baked is kept: then diffoscope, where there is one, says what differs in its logs. */
  readonly keep: boolean;
}

export interface RebuiltArtifact {
  readonly name: string;
  readonly file: string;
  /** Of the published one. */
  readonly sha256: string;
  /** Of the rebuilt one; null: there is none. */
  readonly rebuilt: string | null;
  readonly identical: boolean;
  /** In words; null when they are identical. */
  readonly difference: string | null;
}

export interface Rebuilt {
  readonly recorded: Recorded;
  readonly bake: Bake;
  readonly artifacts: readonly RebuiltArtifact[];
  /** Inputs that weren't the recorded ones. */
  readonly inputs: readonly InputDifference[];
}

/** Throws REBUILD_IMPOSSIBLE, COMMIT_NOT_FOUND, GIT_FAILED, and what a bake throws. */
export async function rebuild(published: Published, options: RebuildOptions, context: Context): Promise<Rebuilt> {
  const { manifest, provenance, copyTo } = published;
  if (manifest.imported !== undefined) {
    throw new KilnError(
      "REBUILD_IMPOSSIBLE",
      `${manifest.name}@${manifest.version}: it was made elsewhere and imported`,
      {
        hint: "`kiln show` says what is known of its origin",
      },
    );
  }
  const recorded = recordedBake(manifest, provenance, "provenance");
  const repository = await sourceOf(recorded, options, context);
  const kiln = { path: join(options.folder, "kiln") };
  const orders = await ordersOf(recorded, { ...options, repository, folder: kiln }, context);
  const bake = await bakeAll(orders, { folder: kiln, check: "once" }, context);
  const artifacts = await inStep(
    context.report,
    "compare with what was published",
    async () => {
      const compared: RebuiltArtifact[] = [];
      for (const artifact of manifest.artifacts)
        compared.push(await compareOne(artifact, { bake, copyTo, options, context }));
      return compared;
    },
    (all) => `${all.filter(({ identical }) => identical).length} of ${all.length} identical`,
  );
  const fresh = await readFile(join(bake.folder, bake.manifest.provenance.file));
  return { recorded, bake, artifacts, inputs: inputDifferences(provenance, fresh) };
}

async function sourceOf(recorded: Recorded, { source, folder }: RebuildOptions, context: Context): Promise<Repository> {
  if (source !== undefined) return await openRepository(source, context);
  const { repository: url, commit, name, version } = recorded;
  if (url === null) {
    throw new KilnError("REBUILD_IMPOSSIBLE", `${name}@${version}: got no address of its source in the provenance`, {
      hint: `name a clone that has commit ${commit}: --source DIR`,
    });
  }
  const clone = join(folder, "clone");
  await mkdir(clone);
  await inStep(context.report, `fetch ${commit.slice(0, 12)} from ${url}`, () =>
    fetchCommit({ url, commit, folder: clone, env: context.env, signal: context.signal }),
  );
  return await openRepository(clone, context);
}

async function compareOne(
  artifact: Artifact,
  {
    bake,
    copyTo,
    options,
    context,
  }: {
    readonly bake: Bake;
    readonly copyTo: Published["copyTo"];
    readonly options: RebuildOptions;
    readonly context: Context;
  },
): Promise<RebuiltArtifact> {
  const { name, file, sha256 } = artifact;
  const own = bake.manifest.artifacts.find((other) => other.name === name);
  const identical = own?.sha256 === sha256;
  const facts = { name, file, sha256, rebuilt: own?.sha256 ?? null, identical };
  if (identical) return { ...facts, difference: null };
  if (own === undefined) return { ...facts, difference: "the recipe made no such artifact" };
  const folder = join(options.folder, "published");
  if (!existsSync(folder)) await mkdir(folder);
  const path = join(folder, file);
  try {
    await copyTo(artifact, path);
  } catch (error) {
    // It was retired: only its digest is known.
    if (!isKilnError(error, "NOT_FOUND")) throw error;
    return { ...facts, difference: "what was published isn't kept, so there is nothing to compare it with" };
  }
  const pair = [path, join(bake.folder, own.file)] as const;
  if (options.keep) await writeDiffoscope(pair, join(bake.folder, "logs", `diffoscope-${own.file}.txt`), context);
  return { ...facts, difference: await differenceOf(artifact.kind, pair, context) };
}
