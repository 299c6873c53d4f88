// What the pool has of releases, as far as pages show it. The log was written by many: a release whose signer made it wrong has a page
// that says so, and nobody else's pages wait for it.

import type { Leaf, ReleaseLeaf } from "../../artifact/leaf.ts";
import { type Manifest, manifestFile, parseManifest } from "../../artifact/manifest.ts";
import { poolKey } from "../../artifact/pool.ts";
import { parseSignatures, signaturesFile } from "../../artifact/signatures.ts";
import { isKilnError } from "../../errors.ts";
import type { ViewSource } from "../view.ts";
import type { Contents } from "./artifact-card.ts";
import { describeChannel, describeName } from "./fold.ts";
import { componentsOf } from "./sbom.ts";
import type { NameState } from "./state.ts";

type BlobSource = Pick<ViewSource, "blob">;

/** `undefined`: the pool hasn't what the leaf names, or another release; an audit says what is wrong, and nobody waits for it. */
export async function contentsOf(leaf: ReleaseLeaf, source: BlobSource): Promise<Contents | undefined> {
  try {
    const manifest = await manifestOf(leaf, source);
    if (manifest === undefined) return undefined;
    const blob = { sha256: leaf.signatures, file: signaturesFile };
    const signatures = parseSignatures(await source.blob(blob), poolKey(blob));
    const sboms = await Promise.all(manifest.artifacts.map(({ sbom }) => source.blob(sbom)));
    return { manifest, signatures, components: sboms.map(componentsOf) };
  } catch (error) {
    if (isKilnError(error, "STORE_CORRUPT", "NOT_FOUND")) return undefined;
    throw error;
  }
}

async function manifestOf(
  { name, version, manifest: sha256 }: Pick<ReleaseLeaf, "name" | "version" | "manifest">,
  source: BlobSource,
): Promise<Manifest | undefined> {
  const blob = { sha256, file: manifestFile };
  const manifest = parseManifest(await source.blob(blob), poolKey(blob));
  return manifest.name === name && manifest.version === version ? manifest : undefined;
}

/** What manifests add to the name: that of its newest release, and those of what its channels show. */
export async function describeState(
  state: NameState,
  leaves: readonly { readonly leaf: Leaf }[],
  source: BlobSource,
): Promise<void> {
  const read = async (version: string, manifest: string) => {
    try {
      return await manifestOf({ name: state.name, version, manifest }, source);
    } catch (error) {
      if (isKilnError(error, "STORE_CORRUPT", "NOT_FOUND")) return undefined;
      throw error;
    }
  };
  const newest = state.releases.at(-1);
  if (newest !== undefined && leaves.some(({ leaf }) => leaf.type === "release")) {
    const manifest = await read(newest.version, newest.manifest);
    if (manifest !== undefined) describeName(state, manifest);
  }
  for (const row of state.channels) {
    const move = leaves.findLast(({ leaf }) => leaf.type === "channel" && leaf.channel === row.channel)?.leaf;
    // A move that the fold left out says nothing here either.
    if (move?.type !== "channel" || move.counter !== row.counter || move.version !== row.version) continue;
    const manifest = await read(move.version, move.manifest);
    if (manifest !== undefined) describeChannel(row, manifest);
  }
}
