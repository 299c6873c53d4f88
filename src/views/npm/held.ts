// The npm packages of a release, and what a packument lists of each: the record that its bake made, where its bytes lie, and the
// registry's signature, if the release has one that its key made.

import { verifyBytes } from "../../artifact/ecdsa.ts";
import type { Artifact, Manifest } from "../../artifact/manifest.ts";
import { npmRecordOf, type NpmRecord, registryKeyId, registryText } from "../../artifact/npm-package.ts";
import { poolKey } from "../../artifact/pool.ts";
import type { Signatures } from "../../artifact/signatures.ts";
import { countsAt, type ReleaseKey } from "../../artifact/trust.ts";
import { isKilnError } from "../../errors.ts";
import type { Shown } from "../shown.ts";
import type { PackumentVersion } from "./packument.ts";

export interface Held {
  readonly shown: Omit<Shown, "manifest">;
  readonly artifact: Artifact;
  readonly record: NpmRecord;
}

/** The packages of a release: of two artifacts that are the same one, the first. */
export function heldIn({ manifest, ...shown }: Shown): Held[] {
  return packagesIn(manifest).map(({ artifact, record }) => ({ shown, artifact, record }));
}

function packagesIn({ artifacts }: Manifest): Pick<Held, "artifact" | "record">[] {
  const packages = new Map<string, Pick<Held, "artifact" | "record">>();
  for (const artifact of artifacts) {
    const record = npmRecordOf(artifact);
    if (record !== undefined && !packages.has(record.name)) packages.set(record.name, { artifact, record });
  }
  return [...packages.values()];
}

export function releaseOf({ shown: { release } }: Held): string {
  return `${release.name}@${release.version}`;
}

/** As `dist.signatures` has it. */
export type RegistrySignature = NonNullable<ReturnType<typeof registrySignature>>;

export function versionOf(held: Held, signature: RegistrySignature | undefined): PackumentVersion {
  const { record, artifact, shown } = held;
  const dist = {
    ...record.dist,
    tarball: poolKey(artifact),
    ...(signature === undefined ? {} : { signatures: [signature] }),
  };
  const deprecated = shown.yanked === null ? {} : { deprecated: shown.yanked || "yanked" };
  const id = `${record.name}@${record.version}`;
  return {
    time: shown.release.time,
    listed: { ...record, _id: id, ...deprecated, dist, kilnRelease: releaseOf(held) },
  };
}

/** `keys`: the pinned release keys. `undefined`: the release has none that a key made which counts. */
export function registrySignature(
  { shown: { leaf }, artifact, record }: Held,
  { publicKey, artifacts }: Signatures,
  keys: readonly ReleaseKey[],
): { keyid: string; sig: string } | undefined {
  const signature = artifacts.find(({ name }) => name === artifact.name)?.registry;
  if (signature === undefined || !keys.some((key) => key.publicKey === publicKey && countsAt(key, leaf))) {
    return undefined;
  }
  try {
    verifyBytes({ publicKey, signature }, registryText(record), record.name);
  } catch (error) {
    if (isKilnError(error, "SIGNATURE_INVALID")) return undefined;
    throw error;
  }
  return { keyid: registryKeyId(publicKey), sig: signature };
}
