// A packument as a mirror takes it over: its signature covers everything but the addresses, which become the mirror's. The registry's
// keys and the dist-tags beside a packument need no signature, and are made anew. A packument never goes back.

import { isKilnError } from "../../errors.ts";
import type { MirroredStore, RepositorySource, Standing, ViewTarget } from "../view.ts";
import { type Packument, packumentAt, readPackument } from "./packument.ts";
import { npmKeys } from "./registry.ts";
import { replaceDistTags, replaceSigningKeys } from "./unsigned.ts";

/** Throws STORE_CORRUPT, SIGNATURE_INVALID. */
export async function* mirrorPackuments(from: MirroredStore): AsyncGenerator<Standing> {
  const seen = new Set<string>();
  for await (const { artifacts } of from.manifests()) {
    for (const { kind, record } of artifacts) {
      const { name } = record;
      if (kind !== "npm" || typeof name !== "string" || seen.has(name)) continue;
      seen.add(name);
      const key = npmKeys.packument(name);
      const found = await from.read(key);
      if (found === undefined) continue;
      const packument = await readPackument(found, key, from);
      yield {
        size: packument.leaf + 1,
        copy: (target, source) => copyPackument({ key, bytes: found, packument }, target, source),
      };
    }
  }
}

async function copyPackument(
  { key, bytes, packument }: { readonly key: string; readonly bytes: Uint8Array; readonly packument: Packument },
  target: ViewTarget,
  source: RepositorySource,
): Promise<void> {
  const next = packumentAt(bytes, key, source.publicUrl);
  let isNewer = true;
  await target.swap(key, async (current) => {
    isNewer = current === undefined || (await leafOf(current, key, source)) <= packument.leaf;
    return isNewer && (current === undefined || Buffer.compare(current, next) !== 0) ? next : undefined;
  });
  if (isNewer) await replaceDistTags(packument.name, packument, target);
  await replaceSigningKeys(source, target);
}

/** The newest leaf that a packument of the target knows of; -1: it can't be read, and is in nobody's way. */
async function leafOf(current: Uint8Array, key: string, { signer }: RepositorySource): Promise<number> {
  try {
    return (await readPackument(current, key, signer)).leaf;
  } catch (error) {
    if (isKilnError(error, "STORE_CORRUPT", "SIGNATURE_INVALID")) return -1;
    throw error;
  }
}
