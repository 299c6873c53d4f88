// A channel as a Python package index: each page lists the files that the log's moves give, with the digests that their releases
// have, and no other page lists any.

import { KilnError } from "../../errors.ts";
import { readDocument } from "../../stores/read.ts";
import { allDistributions, type ListedFile } from "../../views/pypi/distribution.ts";
import { leafInHtml } from "../../views/pypi/html.ts";
import { channelKeys } from "../../views/pypi/layout.ts";
import { listBytes, listHtml, parseList, type Projects } from "../../views/pypi/list.ts";
import { type Page, pageBytes, pageHtml, pageOf, parsePage } from "../../views/pypi/page.ts";
import { readPresent } from "../release-artifact.ts";
import { type DocumentsToCheck, wasTaken } from "./documents.ts";
import { checkPredicted, isOfLater, noteBehind, notOfLog } from "./predicted.ts";
import type { Repository } from "./repository.ts";

export function pypiIndex(channel: string, options: DocumentsToCheck): Repository {
  const projects = new Map<string, Project>();
  return {
    add({ newest, now }) {
      for (const { project, file } of allDistributions(now)) {
        const { files = [], leaf = 0 } = projects.get(project) ?? {};
        projects.set(project, { files: [...files, file], leaf: Math.max(leaf, newest) });
      }
    },
    async check() {
      const at = channelKeys(channel);
      for (const [name, project] of projects) await checkProject({ name, project, at: at.page(name) }, options);
      if (projects.size === 0) return [];
      const listed = await options.findings.checkAsync(at.list.json, () => checkList({ channel, projects }, options));
      if (listed !== undefined) {
        await options.findings.checkAsync(at.list.html, () => checkListHtml(channel, listed, options));
      }
      const pages = [...projects.keys()].map(at.page);
      return [at.list, ...pages].flatMap(({ json, html }) => [json, html]);
    },
  };
}

interface Project {
  readonly files: readonly ListedFile[];
  readonly leaf: number;
}

interface Forms {
  readonly json: string;
  readonly html: string;
}

async function checkProject(
  { name, project, at }: { readonly name: string; readonly project: Project; readonly at: Forms },
  options: DocumentsToCheck,
): Promise<void> {
  const page = (leaf: number): Page => pageOf(name, { files: project.files, leaf });
  const common = { newest: project.leaf };
  const { findings } = options;
  await findings.checkAsync(at.json, () =>
    checkPredicted({ ...common, key: at.json, leafIn: leafInJson, bytes: (leaf) => pageBytes(page(leaf)) }, options),
  );
  await findings.checkAsync(at.html, () =>
    checkPredicted({ ...common, key: at.html, leafIn: leafInHtml, bytes: (leaf) => pageHtml(page(leaf)) }, options),
  );
}

const leafInJson = (bytes: Uint8Array, key: string): number => parsePage(bytes, key)._leaf;

/** The projects listed; `undefined`: a publisher is about to write the list. Throws OBJECT_MISSING, STORE_CORRUPT, VIEW_MISMATCH. */
async function checkList(
  { channel, projects }: { readonly channel: string; readonly projects: ReadonlyMap<string, Project> },
  options: DocumentsToCheck,
): Promise<Projects | undefined> {
  const at = channelKeys(channel);
  const key = at.list.json;
  const found = await readDocument(options.store, key);
  const isPending = [...projects.values()].some(({ leaf }) => !wasTaken(leaf, options));
  if (found === undefined) {
    if (isPending) return noteBehind(key, options);
    throw new KilnError("OBJECT_MISSING", `${key}: got no such object, want ${projects.size} projects`);
  }
  const listed = parseList(found.bytes, key);
  const others = new Set(listed).symmetricDifference(new Set(projects.keys()));
  for (const project of others) {
    const page = await readDocument(options.store, at.page(project).json);
    if (page !== undefined && (await isOfLater(leafInJson(page.bytes, at.page(project).json), options)))
      return undefined;
    if (isPending) return noteBehind(key, options);
    throw notOfLog(key);
  }
  if (Buffer.compare(found.bytes, listBytes(listed)) !== 0) throw notOfLog(key);
  return listed;
}

/** Throws OBJECT_MISSING, VIEW_MISMATCH. */
async function checkListHtml(channel: string, listed: Projects, { store }: DocumentsToCheck): Promise<void> {
  const key = channelKeys(channel).list.html;
  if (Buffer.compare(await readPresent(store, key), listHtml(channel, listed)) !== 0) throw notOfLog(key);
}

/** A document that the log doesn't give: it may list nothing. Throws VIEW_MISMATCH, STORE_CORRUPT, OBJECT_UNKNOWN. */
export async function checkUnlisted(key: string, options: DocumentsToCheck): Promise<void> {
  const [, channel = "", project, form = ""] =
    /^pypi\/([^/]+)\/simple\/(?:([a-z0-9-]+)\/)?index\.(json|html)$/.exec(key) ?? [];
  const bytes = await readPresent(options.store, key);
  if (form === "") throw new KilnError("OBJECT_UNKNOWN", `${key}: got an object that no package index has`);
  if (project === undefined) {
    const isEmpty =
      form === "json" ? parseList(bytes, key).length === 0 : Buffer.compare(bytes, listHtml(channel, [])) === 0;
    if (isEmpty) return;
    throw notOfLog(key);
  }
  const leaf = (form === "json" ? leafInJson : leafInHtml)(bytes, key);
  if (await isOfLater(leaf, options)) return;
  const empty = pageOf(project, { files: [], leaf });
  if (Buffer.compare(bytes, form === "json" ? pageBytes(empty) : pageHtml(empty)) !== 0) throw notOfLog(key);
}
