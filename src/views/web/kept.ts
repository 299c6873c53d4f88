// What gc leaves of the objects under digests: the pages that the front page and the pages of names lead to, and every style that any page
// names. When one was superseded is said by its age: see superseding.ts.

import pMap from "p-map";

import type { Generations, KeptSource } from "../generations.ts";
import { isList, underDigest, webKeys } from "./keys.ts";
import { type FrontState, readFrontState, readNames, readNameState, readOlderEvents } from "./state.ts";
import { namedBy } from "./superseding.ts";

export const webGenerations: Generations = {
  prefix: "web/",
  pattern: underDigest,
  async *kept(source) {
    const front = await source.read(webKeys.front);
    if (front === undefined) {
      // Nothing leads to the pages of names, so nothing can be said of what those lead to.
      for await (const { key } of source.list("web/")) yield key;
      return;
    }
    yield* keptStyles(front, source);
    const { recent, pages } = readFrontState(front, webKeys.front);
    const names = new Set(recent.map(({ name }) => name));
    for (const { digest } of pages) {
      const key = webKeys.names(digest);
      yield key;
      const bytes = await source.object(key, digest);
      if (bytes !== undefined) for (const { name } of readNames(bytes, key).names) names.add(name);
    }
    for (const name of names) yield* keptOf(name, source);
    yield* keptLists(pages, source);
  },
};

/** Lists that were superseded: one was when its successor was made, which begins with the same names. That one may have had others before it. */
async function* keptLists(pages: FrontState["pages"], source: KeptSource): AsyncGenerator<string> {
  const current = new Set(pages.map(({ digest }) => webKeys.names(digest)));
  for await (const { key, modified } of source.list("web/_/")) {
    if (!isList(key) || current.has(key) || modified > source.since) continue;
    const bytes = await source.read(key);
    const [first] = bytes === undefined ? [] : readNames(bytes, key).names;
    const successor = first && (pages.findLast((page) => page.first <= first.name) ?? pages[0]);
    const made = successor && (await source.modified(webKeys.names(successor.digest)));
    if (made !== undefined && made > source.since) yield key;
  }
}

const pagesAtOnce = 16;

/** Pages that nobody touched since another Kiln wrote them name its style. They are read only where there is one to ask about. */
async function* keptStyles(front: Uint8Array, source: KeptSource): AsyncGenerator<string> {
  const isStyle = (key: string) => key.endsWith(".css");
  const used = new Set([...namedBy(front, webKeys.front)].filter(isStyle));
  yield* used;
  const open = new Set<string>();
  for await (const { key, modified } of source.list("web/_/")) {
    if (isStyle(key) && !used.has(key) && modified <= source.since) open.add(key);
  }
  if (open.size === 0) return;
  const named = await pMap(
    source.list("web/"),
    async ({ key }) => {
      const page = open.size === 0 || !key.endsWith(".html") ? undefined : await source.read(key);
      const styles = page === undefined ? [] : [...namedBy(page, key)].filter((style) => open.delete(style));
      return styles;
    },
    { concurrency: pagesAtOnce },
  );
  yield* named.flat();
}

async function* keptOf(name: string, source: KeptSource): AsyncGenerator<string> {
  const key = webKeys.name(name);
  const page = await source.read(key);
  if (page === undefined) return;
  const { olderReleases, olderEvents } = readNameState(page, key);
  for (const { digest } of olderReleases) yield webKeys.older(name, digest);
  for (let digest = olderEvents?.digest ?? null; digest !== null;) {
    const older = webKeys.older(name, digest);
    yield older;
    const bytes = await source.object(older, digest);
    digest = bytes === undefined ? null : readOlderEvents(bytes, older).before;
  }
}
