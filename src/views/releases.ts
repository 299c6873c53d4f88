// `releases/<name>/<version>.json`, also under each alias: the release's log entry with its proof. Written once.

import { keys } from "../artifact/pool.ts";
import { documentBytes, type ReleaseDocument } from "./documents.ts";
import { provenEntry } from "./prove.ts";
import type { View, ViewSource } from "./view.ts";

export const releasesView: View = {
  name: "releases",
  async take(leaves, source, target) {
    for (const { index, leaf } of leaves) {
      if (leaf.type === "release") {
        const release = await provenEntry(index, source);
        await target.once(keys.release(leaf.name, leaf.version), bytesOf({ release }, source));
      } else if (leaf.type === "alias") {
        const aliased = await source.releaseIndex(leaf.name, leaf.version);
        if (aliased === undefined) continue;
        const [release, alias] = await Promise.all([provenEntry(aliased, source), provenEntry(index, source)]);
        await target.once(keys.release(leaf.name, leaf.alias), bytesOf({ release, alias }, source));
      }
    }
  },
};

function bytesOf(entries: Omit<ReleaseDocument, "kiln" | "checkpoint">, source: ViewSource): Uint8Array {
  return documentBytes({ kiln: 1, checkpoint: source.checkpoint.note, ...entries });
}
