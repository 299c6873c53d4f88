// The bakes of several folders as one that can be published: nothing is copied, each file is read from where it lies.

import { Readable } from "node:stream";

import { digestOf } from "../artifact/digest.ts";
import { blobsOf, manifestBytes } from "../artifact/manifest.ts";
import { join, type Part, requireWhole } from "../bake/join.ts";
import type { Bake } from "../publish/bake-folder.ts";

/** `folders`: where each lies, for messages. Throws BAKE_MISMATCH, also when cells are missing. */
export async function joinBakes(bakes: readonly Bake[], folders: readonly string[]): Promise<Bake> {
  const [only, ...more] = bakes;
  if (only === undefined) throw new TypeError("no bake to publish");
  if (more.length === 0) {
    requireWhole(only.manifest);
    return only;
  }
  const [first, ...others] = await Promise.all(
    bakes.map(async (bake, at): Promise<Part> => {
      const provenance = Buffer.concat(await Array.fromAsync(bake.open(bake.manifest.provenance)));
      return { manifest: bake.manifest, provenance, where: folders[at] ?? "" };
    }),
  );
  const { manifest, provenance } = join([first as Part, ...others]);
  requireWhole(manifest);
  const homes = new Map(bakes.flatMap((bake) => blobsOf(bake.manifest).map(({ sha256 }) => [sha256, bake] as const)));
  return {
    manifest,
    identity: digestOf(manifestBytes(manifest)),
    open: (blob) => (blob.sha256 === manifest.provenance.sha256 ? Readable.from([provenance]) : openFrom(homes, blob)),
  };
}

function openFrom(homes: ReadonlyMap<string, Bake>, blob: Parameters<Bake["open"]>[0]): AsyncIterable<Uint8Array> {
  const home = homes.get(blob.sha256);
  if (home === undefined) throw new TypeError(`${blob.file} is in none of the bakes`);
  return home.open(blob);
}
