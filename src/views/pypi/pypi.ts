// `pypi/<channel>/simple/`: a channel of all names as a Python package index. A project's page is what installers poll, and a
// document of its own: swapped in its JSON form, then in its HTML form, and never for what an older leaf decided. The list of
// projects, which no installer reads, follows the pages. Which files there are is said by the log's moves alone: see ../shown.ts.

import pMap from "p-map";

import { isKilnError } from "../../errors.ts";
import type { ChannelChange } from "../shown.ts";
import { atOnce, type RepositorySource, type View, type ViewTarget } from "../view.ts";
import { allDistributions, type ListedFile } from "./distribution.ts";
import { leafInHtml } from "./html.ts";
import { channelKeys, type ChannelKeys } from "./layout.ts";
import { listBytes, listHtml, parseList, type Projects } from "./list.ts";
import { type Page, pageBytes, pageHtml, pageOf, parsePage } from "./page.ts";

export const pypiView: View<RepositorySource> = {
  name: "pypi",
  async take(_, source, target) {
    const channels = Map.groupBy(source.changes, ({ channel }) => channel);
    for (const [channel, changes] of channels) await takeChannel({ channel, changes, source, target });
  },
};

interface Index {
  readonly channel: string;
  readonly changes: readonly ChannelChange[];
  readonly source: RepositorySource;
  readonly target: ViewTarget;
}

async function takeChannel(index: Index): Promise<void> {
  const { channel, source, target } = index;
  const keys = channelKeys(channel);
  const changes = new Map<string, ProjectChange>(projectChanges(index.changes));
  if (source.afresh) {
    // What nobody shows any more has an empty page, whatever stands there.
    for (const project of await listedBefore(keys, target)) {
      if (!changes.has(project)) changes.set(project, { project, leaf: 0, names: new Set(), files: [] });
    }
  }
  const written = await pMap(changes.values(), (change) => writePage(change, { ...index, keys }), {
    concurrency: atOnce,
  });
  const unsure = written.flatMap(({ project, isListed }) => (isListed ? [] : [project]));
  if (unsure.length > 0) await writeList(unsure, { ...index, keys });
}

interface ProjectChange {
  readonly project: string;
  /** The newest leaf of all names that show it. */
  readonly leaf: number;
  /** Whose files are given anew: those of other names stay. */
  readonly names: Set<string>;
  readonly files: ListedFile[];
}

function projectChanges(changes: readonly ChannelChange[]): Map<string, ProjectChange> {
  const projects = new Map<string, ProjectChange>();
  for (const { name, newest, now, before } of changes) {
    const shown = allDistributions(now);
    for (const project of new Set([...shown, ...allDistributions(before)].map((one) => one.project))) {
      const { leaf = 0, names = new Set<string>(), files = [] } = projects.get(project) ?? {};
      files.push(...shown.flatMap((one) => (one.project === project ? [one.file] : [])));
      projects.set(project, { project, leaf: Math.max(leaf, newest), names: names.add(name), files });
    }
  }
  return projects;
}

/** Empty when there is no list that can be read. */
async function listedBefore({ list }: ChannelKeys, target: ViewTarget): Promise<Projects> {
  try {
    const found = await target.read(list.json);
    return found === undefined ? [] : parseList(found, list.json);
  } catch (error) {
    if (isKilnError(error, "STORE_CORRUPT")) return [];
    throw error;
  }
}

type Place = Index & { readonly keys: ChannelKeys };

/** `isListed`: it stands in the list, where it stays. */
async function writePage(
  change: ProjectChange,
  { keys, source, target }: Place,
): Promise<{ readonly project: string; readonly isListed: boolean }> {
  const { project } = change;
  const at = keys.page(project);
  let before: Page | undefined;
  let page: Page | undefined;
  await target.swap(at.json, (found) => {
    before = found === undefined || source.afresh ? undefined : parsePage(found, at.json);
    const isIn = before !== undefined && before._leaf >= change.leaf;
    page = isIn ? before : nextPage(change, before);
    // A project that never had a file here has no page.
    if (page === undefined || (found === undefined && page.files.length === 0)) return (page = undefined);
    const bytes = pageBytes(page);
    return found !== undefined && Buffer.compare(found, bytes) === 0 ? undefined : bytes;
  });
  if (page !== undefined) await writeHtml(page, { at: at.html, source, target });
  // The list comes after the pages: of a page by a publisher who didn't come to an end, nobody knows whether it is listed.
  const wasShown = before !== undefined && before.files.length > 0 && before._leaf < source.settled;
  return { project, isListed: wasShown && page !== undefined && page.files.length > 0 };
}

function nextPage({ project, leaf, names, files }: ProjectChange, before: Page | undefined): Page {
  const kept =
    before?.files.filter(({ _release: release }) => !names.has(release.slice(0, release.indexOf("@")))) ?? [];
  return pageOf(project, { files: [...kept, ...files], leaf });
}

/** Where somebody was quicker, and had a newer page, theirs stays. */
async function writeHtml(
  page: Page,
  { at, source, target }: { readonly at: string } & Pick<Place, "source" | "target">,
): Promise<void> {
  const html = pageHtml(page);
  await target.swap(at, (found) => {
    if (found !== undefined && Buffer.compare(found, html) === 0) return undefined;
    const isNewer = found !== undefined && !source.afresh && leafInHtml(found, at) > page._leaf;
    return isNewer ? undefined : html;
  });
}

/**
 * Brings the list into agreement with the pages of these projects. A page that somebody changes meanwhile is looked at once more: so
 * of two publishers the later one sees what the other did.
 */
async function writeList(projects: Projects, place: Place): Promise<void> {
  const { keys, source, target } = place;
  const at = keys.list;
  for (let shown = await shownOf(projects, place); ;) {
    await target.swap(at.json, (found) => {
      const before = found === undefined || source.afresh ? [] : parseList(found, at.json);
      const now = [...new Set([...before.filter((one) => !projects.includes(one)), ...shown])].toSorted();
      if (found === undefined && now.length === 0) return undefined;
      const bytes = listBytes(now);
      return found !== undefined && Buffer.compare(found, bytes) === 0 ? undefined : bytes;
    });
    const again = await shownOf(projects, place);
    if (again.join() === shown.join()) break;
    shown = again;
  }
  await writeListHtml(place);
}

/** Which of them have a page with files. */
async function shownOf(projects: Projects, { keys, target }: Place): Promise<Projects> {
  const shown = async (project: string) => {
    const at = keys.page(project).json;
    const found = await target.read(at);
    return found !== undefined && parsePage(found, at).files.length > 0 ? [project] : [];
  };
  return (await pMap(projects, shown, { concurrency: atOnce })).flat();
}

/** Whoever was slower writes that of the newer list once more. */
async function writeListHtml({ channel, keys, target }: Place): Promise<void> {
  const at = keys.list;
  let copied: Uint8Array | undefined;
  for (;;) {
    const current = await target.read(at.json);
    if (current === undefined || (copied !== undefined && Buffer.compare(current, copied) === 0)) return;
    const html = listHtml(channel, parseList(current, at.json));
    await target.swap(at.html, (found) =>
      found !== undefined && Buffer.compare(found, html) === 0 ? undefined : html,
    );
    copied = current;
  }
}
