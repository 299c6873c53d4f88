// Repositories whose documents are not signed for their own clients: every byte of them follows from the log, and is compared. Each
// channel's releases are read once, for all formats. A document that a publisher is about to write is a note; one that shows what was
// published since the audit began is left for the next.

import { isKilnError } from "../../errors.ts";
import { newestLeaf, shownAfter } from "../../views/shown.ts";
import type { DocumentsToCheck } from "./documents.ts";
import { checkUnlistedCharts, helmRepository } from "./helm.ts";
import { checkUnlisted, pypiIndex } from "./pypi.ts";
import type { Repository } from "./repository.ts";
import { movesByChannel, shownSource } from "./shown.ts";

const formats = [pypiIndex, helmRepository];

/** What was looked at. */
export interface CheckedRepositories {
  /** Documents of repositories that the log gives. */
  readonly keys: ReadonlySet<string>;
  /** Channels of which nothing can be said, because a release can't be read: that is a finding of its own. */
  readonly unread: ReadonlySet<string>;
}

export async function checkRepositories(options: DocumentsToCheck): Promise<CheckedRepositories> {
  const keys = new Set<string>();
  const unread = new Set<string>();
  for (const [channel, moves] of movesByChannel(options)) {
    const repositories = formats.map((format) => format(channel, options));
    const isRead = await options.findings.checkAsync(`channels/*/${channel}.json`, () =>
      addShown({ moves, repositories }, options),
    );
    if (isRead !== true) unread.add(channel);
    else for (const repository of repositories) for (const key of await repository.check()) keys.add(key);
  }
  return { keys, unread };
}

/** False: a release can't be read, which is said elsewhere. */
async function addShown(
  { moves, repositories }: { readonly moves: readonly number[]; readonly repositories: readonly Repository[] },
  options: DocumentsToCheck,
): Promise<boolean> {
  const source = shownSource(options);
  try {
    for (const index of moves) {
      const leaf = await source.leaf(index);
      if (leaf?.type !== "channel") continue;
      const now = await shownAfter({ leaf }, source);
      const newest = await newestLeaf({ index, leaf }, now, source);
      for (const repository of repositories) repository.add({ newest, now });
    }
    return true;
  } catch (error) {
    if (isKilnError(error, "NOT_FOUND", "STORE_CORRUPT")) return false;
    throw error;
  }
}

/** Whether a key may be one of a repository's. */
export function isOfRepository(key: string): boolean {
  return /^(?:pypi|charts)\//.test(key);
}

/** A document of a repository that was found in the store: it was looked at, or shows nothing. Throws as its format's check does. */
export async function checkFound(
  key: string,
  { keys, unread }: CheckedRepositories,
  options: DocumentsToCheck,
): Promise<void> {
  if (keys.has(key) || unread.has(key.split("/")[1] ?? "")) return;
  if (key.startsWith("pypi/")) await checkUnlisted(key, options);
  else await checkUnlistedCharts(key, options);
}
