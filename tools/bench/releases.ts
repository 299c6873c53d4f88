// Bakes to publish and releases to deploy, made without a recipe: what is measured is what comes after the bake.

import { cp, lstat, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { digestOf } from "../../src/artifact/digest.ts";
import { canonicalBytes } from "../../src/artifact/json.ts";
import { type Artifact, type Blob, type Manifest, manifestBytes, manifestFile } from "../../src/artifact/manifest.ts";
import { predicateTypes, statementBytes } from "../../src/artifact/statement.ts";
import { entriesOf } from "../../src/system/archive-entries.ts";
import { writeArchive } from "../../src/system/archive.ts";
import { hashFile } from "../../src/system/hash-file.ts";
import { type TreeShape, writeTree } from "./bytes.ts";
import { type Run, timeProcess } from "./measure.ts";
import type { Bench } from "./row.ts";

export const origin = "bench.kiln.test";

/** An empty store with keys of its own. Returns its path. */
export async function createStore({ folder, program }: Bench, name: string): Promise<string> {
  const store = join(folder, name);
  await timeProcess(program.kiln(["store", "create", store, "--origin", origin]));
  return store;
}

/** Makes the folder `to` as `from` is. */
export async function copyFolder(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await cp(from, to, { recursive: true });
}

export interface BakeOptions {
  /** The file in the folder. */
  readonly artifact: string;
  readonly name?: string;
  readonly version?: string;
  readonly kind?: string;
  readonly record?: Artifact["record"];
}

/** Makes the file `artifact` in `folder` a whole bake of app, or of what `name` says. */
export async function completeBake(
  folder: string,
  { artifact, name = "app", version = "1.0.0", kind = "archive", record = {} }: BakeOptions,
): Promise<void> {
  const write = async (file: string, body: Uint8Array): Promise<Blob> => {
    await writeFile(join(folder, file), body);
    return { file, size: body.length, sha256: digestOf(body) };
  };
  const path = join(folder, artifact);
  const app: Artifact = {
    name: "app",
    kind,
    platform: "any",
    file: artifact,
    size: (await lstat(path)).size,
    sha256: await hashFile(path),
    record,
    sbom: await write(
      `${artifact}.cdx.json`,
      canonicalBytes({ bomFormat: "CycloneDX", specVersion: "1.6", version: 1 }),
    ),
  };
  const commit = digestOf(`bench ${name} ${version}`).slice(0, 40);
  const source = { repository: "https://code.example/app", commit, recipe: "kiln.yaml", time: 1_767_000_000 };
  const provenance = statementBytes(predicateTypes.provenance, [app], {
    buildDefinition: {
      buildType: "https://kiln.example/bake/v1",
      externalParameters: { name, version },
      resolvedDependencies: [{ uri: `git+${source.repository}@refs/heads/main`, digest: { gitCommit: commit } }],
    },
    runDetails: { builder: { id: "https://kiln.example/bake" } },
  });
  const manifest: Manifest = {
    kiln: 1,
    name,
    version,
    source,
    bakeKey: digestOf("bench"),
    artifacts: [app],
    provenance: await write("provenance.json", provenance),
    activate: {},
  };
  await writeFile(join(folder, manifestFile), manifestBytes(manifest));
}

export interface Deployable {
  /** Path of the archive. */
  readonly archive: string;
  /** Bytes of the archive. */
  readonly size: number;
  /** Where deploys of it put everything. */
  readonly host: string;
  deploy(options?: Omit<Run, "argv" | "env">): Run;
}

/** A tree, packed and published, and shown by the channel production. */
export async function deployable(bench: Bench, shape: TreeShape): Promise<Deployable> {
  const { folder, program } = bench;
  const tree = join(folder, "tree");
  const bake = join(folder, "bake");
  const host = join(folder, "host");
  const archive = join(bake, "app-1.0.0.tar.zst");
  await mkdir(bake);
  await writeTree(tree, shape);
  const { size } = await writeArchive(archive, entriesOf(tree), { time: 1_767_000_000 });
  await rm(tree, { recursive: true });
  await completeBake(bake, { artifact: "app-1.0.0.tar.zst" });
  const store = await createStore(bench, "store");
  await timeProcess(program.kiln(["publish", bake, "--channel", "production", "--store", store]));
  const trust = join(program.env["HOME"] ?? "", ".config/kiln/trust", `${origin}.json`);
  const args = ["deploy", "app:production", "--store", store, "--trust", trust, "--root", host];
  return { archive, size, host, deploy: (options) => program.kilnDeploy(args, options) };
}
