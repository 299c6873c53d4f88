// Takes names that changed into the front page. While they are few it has all of them; beyond that a name or channel that is new
// also goes into the list of all names, whose pages lie under their digests and are written before the front page names them.

import { digestOf } from "../../artifact/digest.ts";
import { canonicalText } from "../../artifact/json.ts";
import type { Next, ViewTarget } from "../view.ts";
import { frontPage, namesPage } from "./front.ts";
import { webKeys } from "./keys.ts";
import type { WebSource } from "./source.ts";
import { type FrontRow, type FrontState, type ListedName, readFrontState, readNames } from "./state.ts";

/** How many names the front page shows with what their channels lead to. */
export const mostOnFront = 100;

export const emptyFront: FrontState = { taken: 0, recent: [], pages: [] };

export interface FrontToWrite {
  /** Of the names that changed, in any order. */
  readonly rows: readonly FrontRow[];
  /** What the names' own pages had of them until now. */
  readonly before: ReadonlyMap<string, FrontRow>;
  readonly source: WebSource;
  readonly target: ViewTarget;
  /** The page as it was read just now. */
  readonly read?: Uint8Array | undefined;
}

export async function writeFront({ rows, before: known, source, target, read }: FrontToWrite): Promise<void> {
  const next: Next = async (found) => {
    const before = found === undefined || source.afresh ? emptyFront : readFrontState(found, webKeys.front);
    const late = rows.filter(({ leaf }) => leaf >= before.taken);
    if (found !== undefined && !source.afresh && late.length === 0) return undefined;
    const { state, made } = await withNames(before, late, source, known);
    const isThere = new Set(before.pages.map(({ digest }) => digest));
    for (const [digest, bytes] of made) if (!isThere.has(digest)) await target.once(webKeys.names(digest), bytes);
    return frontPage(state, source);
  };
  await target.swap(webKeys.front, next, read ?? "absent");
}

/** The state with these rows, and the pages that it names and `before` doesn't. */
export async function withNames(
  before: FrontState,
  rows: readonly FrontRow[],
  source: Pick<WebSource, "object" | "origin">,
  known: ReadonlyMap<string, FrontRow> = new Map(),
): Promise<{ state: FrontState; made: Map<string, Buffer> }> {
  const all = new Map(before.recent.map((row) => [row.name, row]));
  for (const row of rows) all.set(row.name, row);
  const newestLast = [...all.values()].toSorted((a, b) => a.leaf - b.leaf);
  const taken = Math.max(before.taken, ...rows.map(({ leaf }) => leaf + 1));
  const recent = newestLast.slice(-mostOnFront);
  const isFew = before.pages.length === 0 && newestLast.length <= mostOnFront;
  if (isFew) return { state: { taken, recent, pages: [] }, made: new Map() };
  // What was taken in when the name's channels were the same has nothing new for the list.
  const isListed = (row: FrontRow): boolean => {
    const one = known.get(row.name);
    return (
      one !== undefined && one.leaf < before.taken && canonicalText(listedOf(one)) === canonicalText(listedOf(row))
    );
  };
  const listed = before.pages.length === 0 ? newestLast : rows.filter((row) => !isListed(row));
  const { pages, made } = await withListed(before.pages, listed, source);
  return { state: { taken, recent, pages }, made };
}

type Pages = FrontState["pages"];

async function withListed(
  pages: Pages,
  rows: readonly FrontRow[],
  source: Pick<WebSource, "object" | "origin">,
): Promise<{ pages: Pages; made: Map<string, Buffer> }> {
  const made = new Map<string, Buffer>();
  const next: Pages = [];
  const byPage = Map.groupBy(rows, ({ name }) => pages.findLastIndex(({ first }) => first <= name));
  // What sorts before the first page goes into it.
  const changesOf = (place: number) => [...(byPage.get(place) ?? []), ...(place === 0 ? (byPage.get(-1) ?? []) : [])];
  for (let place = 0; place < Math.max(1, pages.length); place++) {
    const old = pages[place];
    const changes = changesOf(place);
    const names = new Map(
      old === undefined || changes.length === 0
        ? []
        : readNames(await source.object(webKeys.names(old.digest), old.digest), webKeys.names(old.digest)).names.map(
            (one) => [one.name, one] as const,
          ),
    );
    for (const row of changes) names.set(row.name, listedOf(row));
    if (old !== undefined && changes.length === 0) next.push(old);
    else next.push(...pagesOf([...names.values()], source, made));
  }
  return { pages: next, made };
}

function listedOf({ name, channels, count }: FrontRow): ListedName {
  return { name, channels: channels.map(([channel]) => channel), count };
}

function pagesOf(names: readonly ListedName[], place: Pick<WebSource, "origin">, made: Map<string, Buffer>): Pages {
  const parts: ListedName[][] = [];
  for (const one of names.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (parts.length === 0 || opensPage(one.name)) parts.push([]);
    parts.at(-1)?.push(one);
  }
  return parts.map((part) => {
    const { digest, bytes } = namesPage(part, place);
    made.set(digest, bytes);
    const [first, last] = [part[0] as ListedName, part.at(-1) as ListedName];
    return { first: first.name, last: last.name, count: part.length, digest };
  });
}

/** One name in 128 opens a page, whatever came before it: a list that grew is one that was made at once. */
function opensPage(name: string): boolean {
  return Number.parseInt(digestOf(name).slice(0, 2), 16) < 2;
}
