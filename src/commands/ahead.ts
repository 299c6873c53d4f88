// Whether what a channel shows is ahead of the commit that is being published: a job that comes late must not take a channel
// back. The clone says which commit descends from which; where it doesn't know the other one (a shallow clone, or a branch
// that was rewritten since), the later commit date counts.

import { manifestFile, parseManifest } from "../artifact/manifest.ts";
import { poolKey } from "../artifact/pool.ts";
import { isKilnError } from "../errors.ts";
import type { Released } from "../publish/decide.ts";
import { readWholeBlob } from "../stores/read.ts";
import type { ReadableStore } from "../stores/store.ts";
import { type Commit, findCommit, isAncestor, type Repository } from "../system/git.ts";

/** For the commit that is checked out in `repository`. */
export function isAheadOf(repository: Repository, store: ReadableStore): (shown: Released) => Promise<boolean> {
  return async (shown) => {
    if (shown.commit === null) return false;
    const own = await findCommit(repository, "HEAD");
    try {
      return shown.commit !== own.id && (await isAncestor(repository, { ancestor: own.id, descendant: shown.commit }));
    } catch (error) {
      if (!isKilnError(error, "COMMIT_NOT_FOUND", "HISTORY_MISSING")) throw error;
      return (await timeOf(shown, store)) > own.time;
    }
  };
}

/** The date of a release's commit, in seconds since 1970. */
async function timeOf({ manifest }: Released, store: ReadableStore): Promise<Commit["time"]> {
  const key = poolKey({ sha256: manifest, file: manifestFile });
  return parseManifest(await readWholeBlob(store, key, manifest), key).source.time;
}
