// `releases/<name>/<version>.json`, also under each alias: the release's log entry with its proof, and whether it was taken back.
// Written once, and anew when it is yanked or retired: a document never goes back to what was said of the release before.

import pMap from "p-map";

import type { AliasLeaf, ReleaseLeaf } from "../artifact/leaf.ts";
import { isWithdrawal } from "../artifact/leaf.ts";
import { keys } from "../artifact/pool.ts";
import { isKilnError } from "../errors.ts";
import { documentBytes, parseReleaseDocument, type ReleaseDocument } from "./documents.ts";
import { provenEntry } from "./prove.ts";
import { atOnce, type RepositorySource, type View, type ViewTarget } from "./view.ts";

export const releasesView: View<RepositorySource> = {
  name: "releases",
  async take(leaves, source, target) {
    const named = leaves.flatMap(({ index, leaf }) =>
      leaf.type === "release" || leaf.type === "alias" ? [{ index, leaf }] : [],
    );
    await pMap(named, (one) => writeDocument(one, source, target), { concurrency: atOnce });
    const taken = new Set(leaves.flatMap(({ leaf }) => (isWithdrawal(leaf) ? [`${leaf.name} ${leaf.version}`] : [])));
    for (const release of taken) {
      const [name = "", version = ""] = release.split(" ");
      for (const named of await documentsOf(name, version, source)) await writeDocument(named, source, target);
    }
  },
};

interface Named {
  readonly index: number;
  readonly leaf: ReleaseLeaf | AliasLeaf;
}

async function writeDocument({ index, leaf }: Named, source: RepositorySource, target: ViewTarget): Promise<void> {
  const { name, version } = leaf;
  const released = leaf.type === "release" ? index : await source.releaseIndex(name, version);
  if (released === undefined) return;
  const { yank, retire } = await source.withdrawal(name, version);
  const key = keys.release(name, leaf.type === "release" ? version : leaf.alias);
  const bytes = documentBytes({
    kiln: 1,
    checkpoint: source.checkpoint.note,
    release: await provenEntry(released, source),
    ...(leaf.type === "release" ? {} : { alias: await provenEntry(index, source) }),
    ...(yank === undefined ? {} : { yank: await provenEntry(yank, source) }),
    ...(retire === undefined ? {} : { retire: await provenEntry(retire, source) }),
  });
  const said = Math.max(yank ?? -1, retire ?? -1);
  if (said < 0) await target.once(key, bytes);
  else await target.swap(key, (current) => (!source.afresh && saidIn(current, key) >= said ? undefined : bytes));
}

/** The newest leaf index of what a document says of its release beyond that; -1 for one that can't be read: it is written anew. */
function saidIn(current: Uint8Array | undefined, key: string): number {
  if (current === undefined) return -1;
  try {
    const { yank, retire }: ReleaseDocument = parseReleaseDocument(current, key);
    return Math.max(yank?.index ?? -1, retire?.index ?? -1);
  } catch (error) {
    if (isKilnError(error, "STORE_CORRUPT")) return -1;
    throw error;
  }
}

/** The release and its aliases: each has a document. */
async function documentsOf(name: string, version: string, source: RepositorySource): Promise<Named[]> {
  const index = await source.releaseIndex(name, version);
  const own = index === undefined ? undefined : await source.leaf(index);
  const found: Named[] = index !== undefined && own?.type === "release" ? [{ index, leaf: own }] : [];
  for await (const at of source.aliases(name, version)) {
    const leaf = await source.leaf(at);
    if (leaf?.type === "alias" && leaf.name === name && leaf.version === version) found.push({ index: at, leaf });
  }
  return found;
}
