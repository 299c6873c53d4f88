// One artifact of a bake, from what the build left to the finished file with its SBOM: packed in a stage of its own, looked through
// for secrets, hashed.

import { lstatSync, mkdirSync, realpathSync, renameSync } from "node:fs";
import { join, relative } from "node:path";

import type { Artifact, Blob } from "../artifact/manifest.ts";
import { checkArtifactFile } from "../artifact/name.ts";
import { isSystemError, KilnError } from "../errors.ts";
import { kindOf } from "../kinds/index.ts";
import type { Packed } from "../kinds/kind.ts";
import type { Step } from "../report.ts";
import { changedFile } from "../system/changed-file.ts";
import { hashFile } from "../system/hash-file.ts";
import { inKitchen, type Kitchen, writeBlob } from "./kitchen.ts";
import type { BakeOrder } from "./order.ts";
import { runStep } from "./run-step.ts";
import { refuseSecrets } from "./secret-leak.ts";

/** Throws STEP_FAILED, ARTIFACT_INVALID, and what its kind throws. */
export async function packArtifact(artifact: BakeOrder["artifacts"][number], kitchen: Kitchen): Promise<Artifact> {
  const { order } = kitchen;
  return await inKitchen(
    `${artifact.kind}: ${artifact.name}`,
    kitchen,
    async (step) => {
      const packed = await whileItStays(kitchen.source, () => runPacker(artifact, kitchen, step));
      checkArtifactFile(packed.file, artifact.name);
      await refuseSecrets({
        artifact: artifact.name,
        kind: artifact.kind,
        path: join(kitchen.out, packed.file),
        secrets: new Set(order.steps.flatMap(({ secrets }) => secrets)),
        context: kitchen.context,
      });
      const blob = await blobOf(kitchen.out, packed);
      const { sbomOf } = await import("./sbom/sbom.ts");
      const sbom = sbomOf({
        packed,
        kind: artifact.kind,
        sha256: blob.sha256,
        release: order.plan,
        time: order.plan.source.time,
        source: realpathSync(kitchen.source),
        base: order.base,
        kiln: order.plan.kiln,
      });
      for (const path of sbom.lockFiles) kitchen.followed.add(path);
      return {
        name: artifact.name,
        kind: artifact.kind,
        platform: packed.platform,
        ...blob,
        record: packed.record,
        sbom: writeBlob(kitchen.out, `${packed.file}.cdx.json`, sbom.bytes),
      };
    },
    ({ file, size }) => `${file}, ${size} bytes`,
  );
}

async function runPacker(artifact: BakeOrder["artifacts"][number], kitchen: Kitchen, shown: Step): Promise<Packed> {
  const { order, context, source, out, logs, options } = kitchen;
  // Each artifact has a stage of its own, at the one path that packers see.
  const stage = join(kitchen.stage, artifact.name);
  mkdirSync(stage);
  const sandbox = kitchen.sandbox.withStage(stage);
  let runs = 0;
  return await kindOf(artifact.kind).pack(artifact.spec, {
    artifact: artifact.name,
    release: order.plan,
    lossy: order.lossy.includes(artifact.kind),
    source,
    artifacts: order.artifacts,
    packed: kitchen.packed,
    stage,
    out,
    time: order.plan.source.time,
    suite: kitchen.suite,
    sandbox,
    runPacker: (argv, { places } = {}) => {
      runs += 1;
      const log = `${artifact.kind}-${artifact.name}${runs === 1 ? "" : `-${runs}`}.log`;
      return runStep(
        {
          title: `${artifact.kind}: ${artifact.name}`,
          argv,
          ...(places === undefined ? {} : { places }),
          as: "packer",
          network: "closed",
          secrets: [],
          hidden: [],
          log: join(logs, log),
          keptLog: join(options.keptLogs, log),
        },
        sandbox,
        { ...context, shown },
      );
    },
    take: (file) => takeFile({ file, stage }, artifact.name, kitchen),
    onProgress: (bytes) => shown.progress(bytes, undefined, "bytes"),
    signal: kitchen.signal,
  });
}

/** What is gone from the source while it is packed was taken by something that a step left running. */
async function whileItStays<T>(source: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const path = isSystemError(error, "ENOENT", "ENOTDIR", "EISDIR") ? (error.path ?? "") : "";
    const inner = relative(realpathSync(source), path);
    if (path === "" || inner.startsWith("..")) throw error;
    throw changedFile(inner, "another sort of file, or none,", error);
  }
}

/** Two artifacts under one name would be one file in every repository. */
function takeFile(
  { file, stage }: { readonly file: string; readonly stage: string },
  artifact: string,
  { out, taken }: Kitchen,
): void {
  const before = taken.get(file);
  if (before !== undefined) {
    // Sorted: which of them was quicker says nothing.
    const both = [before, artifact].toSorted().join(" and ");
    throw new KilnError("ARTIFACT_INVALID", `${both}: got the file name ${file} for both, want one each`, {
      hint: "give one of them another name, or another package name",
    });
  }
  taken.set(file, artifact);
  renameSync(join(stage, file), join(out, file));
}

async function blobOf(folder: string, { file, sha256 }: Packed): Promise<Blob> {
  const path = join(folder, file);
  return { file, size: lstatSync(path).size, sha256: sha256 ?? (await hashFile(path)) };
}
