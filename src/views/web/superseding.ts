// What a page named and its successor doesn't: a style, older releases and events. (Of a list of names its successor says when it was
// superseded: see kept.ts.) Whoever supersedes such an object makes it again, of its own bytes, which renews its age: so gc, which asks
// for that alone, leaves it for the grace time to whoever read the page before. If we stop in between, it may go a little early, and the
// link of a page that is open leads nowhere.

import { posix } from "node:path";

import type { ViewTarget } from "../view.ts";
import { isList, underDigest } from "./keys.ts";

export function superseding(target: ViewTarget): ViewTarget {
  const renewed = new Set<string>();
  const renew = async (key: string, kept: ReadonlySet<string>): Promise<void> => {
    if (kept.has(key) || renewed.has(key)) return;
    renewed.add(key);
    const bytes = await target.read(key);
    if (bytes === undefined) return;
    await target.once(key, bytes);
    for (const named of namedBy(bytes, key)) await renew(named, kept);
  };
  return {
    ...target,
    async swap(key, next, guess) {
      let [before, after]: (Uint8Array | undefined)[] = [];
      const answer = await target.swap(
        key,
        async (found) => {
          before = found;
          after = await next(found);
          return after;
        },
        guess,
      );
      if (before === undefined || after === undefined) return answer;
      const kept = namedBy(after, key);
      for (const named of namedBy(before, key)) if (!isList(named)) await renew(named, kept);
      return answer;
    },
  };
}

/** The keys under digests that a page leads to, whatever else is in it. */
export function namedBy(page: Uint8Array, key: string): Set<string> {
  const text = Buffer.from(page.buffer, page.byteOffset, page.length).toString("latin1");
  const links = [...text.matchAll(/ href="([^"]*\/[0-9a-f]{64}\.(?:html|css))"/g)];
  const keys = links.map(([, href = ""]) => posix.join(posix.dirname(key), href));
  return new Set(keys.filter((named) => underDigest.test(named)));
}
