// The documents beside packuments that need no signature, made alike by publishers and mirrors: the dist-tags of a package, and the keys of
// the registry's signatures. One that says the same already isn't written again.

import type { RepositorySource, ViewTarget } from "../view.ts";
import { distTagsBytes, type Packument } from "./packument.ts";
import { npmKeys, registryKeys, signingKeysBytes } from "./registry.ts";

/** `name`: of the package whose packument this was read as. */
export function replaceDistTags(name: string, packument: Packument, target: ViewTarget): Promise<void> {
  return replaceBy(target, npmKeys.distTags(name), distTagsBytes(packument));
}

export async function replaceSigningKeys(source: RepositorySource, target: ViewTarget): Promise<void> {
  const keys = await registryKeys(source.releaseKeys, { size: source.checkpoint.size, leaf: source.leaf });
  await replaceBy(target, npmKeys.signingKeys, signingKeysBytes(keys));
}

export async function replaceBy(target: ViewTarget, key: string, bytes: Uint8Array): Promise<void> {
  await target.swap(key, (found) => (found !== undefined && Buffer.compare(found, bytes) === 0 ? undefined : bytes));
}
