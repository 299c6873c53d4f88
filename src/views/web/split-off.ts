// What is too much for the page of a name goes to pages of its own, a hundred at a time, oldest first. How many those are depends on
// nothing but how much there is.

import { perPage } from "./fold.ts";
import { type OlderPage, olderEventsPage, olderReleasesPage } from "./name.ts";
import type { WebSource } from "./source.ts";
import type { NameState, ReleaseRow } from "./state.ts";

/** Takes the oldest off a state that has too many, page by page. */
export function* splitOff(state: NameState, place: Pick<WebSource, "origin">): Generator<OlderPage> {
  const { name } = state;
  while (state.releases.length >= 2 * perPage) {
    const rows = state.releases.splice(0, perPage);
    const page = olderReleasesPage(name, rows, place);
    const [first, last] = [rows[0] as ReleaseRow, rows.at(-1) as ReleaseRow];
    state.olderReleases.push({ leaf: first.leaf, first: first.version, last: last.version, digest: page.digest });
    yield page;
  }
  yield* splitEvents(state, place);
}

/** The same of events alone: they never change once they are there. */
export function* splitEvents(state: NameState, place: Pick<WebSource, "origin">): Generator<OlderPage> {
  // A name that nothing was released of isn't on the front page, so nothing leads to pages of its own.
  while (state.releases.length > 0 && state.events.length >= 2 * perPage) {
    const page = olderEventsPage(state, state.events.splice(0, perPage), place);
    state.olderEvents = { count: (state.olderEvents?.count ?? 0) + perPage, digest: page.digest };
    yield page;
  }
}
