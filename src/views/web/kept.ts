// The pages under digests that gc leaves: those that the front page and the pages of names lead to. A style is never removed: there are
// few, and pages of releases that nobody touched since name older ones.

import type { Generations, KeptSource } from "../generations.ts";
import { webKeys } from "./keys.ts";
import { readFrontState, readNames, readNameState, readOlderEvents } from "./state.ts";

export const webGenerations: Generations = {
  prefix: "web/",
  pattern: /^web\/(?:[^/]+\/)?_\/[0-9a-f]{64}\.html$/,
  async *kept(source) {
    const front = await source.read(webKeys.front);
    if (front === undefined) return;
    const { recent, pages } = readFrontState(front, webKeys.front);
    const names = new Set(recent.map(({ name }) => name));
    for (const { digest } of pages) {
      const key = webKeys.names(digest);
      yield key;
      const bytes = await source.object(key, digest);
      if (bytes !== undefined) for (const { name } of readNames(bytes, key).names) names.add(name);
    }
    for (const name of names) yield* keptOf(name, source);
  },
};

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
