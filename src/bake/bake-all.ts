// Bakes what was ordered: one bake, or one for each cell of a matrix, joined into one folder under a key of its own. Each cell
// is kept by itself, so a bake that was interrupted, or another selection of cells, bakes only what isn't there yet.

import { cp, link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join as joinPath } from "node:path";

import { blobsOf, manifestBytes, manifestFile } from "../artifact/manifest.ts";
import type { Context } from "../context.ts";
import { cellText } from "../recipe/matrix.ts";
import { bake, type BakeOptions, type BakeResult } from "./bake.ts";
import { type Joined, join, joinedKey, type Part } from "./join.ts";
import { type Bake, readBake } from "./kept.ts";
import type { Orders } from "./prepare.ts";
import { touchBake } from "./prune.ts";
import { bakeFolder, withWorkFolder } from "./workspace.ts";

/** Throws what `bake` throws. */
export async function bakeAll(orders: Orders, options: BakeOptions, context: Context): Promise<BakeResult> {
  const [first, ...others] = orders;
  if (others.length === 0) return await bake(first, options, context);
  const finished = bakeFolder(options.folder, keyOf(orders));
  const kept = readBake(finished);
  if (kept !== undefined && options.check === "once") {
    touchBake(finished, context);
    return { ...kept, cached: true };
  }
  const bakes: BakeResult[] = [];
  for (const order of orders) {
    context.report.note(cellText(order.plan.cell ?? {}));
    bakes.push(await bake(order, options, context));
  }
  const cached = bakes.every((one) => one.cached);
  return { ...(await joinInto(finished, bakes, options, context)), cached };
}

/** The key of what these orders make together. */
export function keyOf([first, ...others]: Orders): string {
  return others.length === 0 ? first.bakeKey : joinedKey([first, ...others].map(({ bakeKey }) => bakeKey));
}

async function joinInto(
  finished: string,
  bakes: readonly Bake[],
  { folder }: BakeOptions,
  { signal }: Context,
): Promise<Bake> {
  const [first, ...others] = await Promise.all(bakes.map(partOf));
  if (first === undefined) throw new TypeError("nothing to join");
  const joined = join([first, ...others]);
  const name = `joined-${joined.manifest.bakeKey.slice(0, 16)}`;
  return await withWorkFolder(folder, { name, signal }, async (work) => {
    const path = joinPath(work, "out");
    await mkdir(joinPath(path, "logs"), { recursive: true });
    await writeJoined(path, joined, bakes);
    // What lies there isn't a whole bake, or it had been found.
    await rm(finished, { recursive: true, force: true });
    await rename(path, finished);
    const bake = readBake(finished);
    if (bake === undefined) throw new TypeError(`${finished} changed while it was made`);
    return bake;
  });
}

/** What `join` needs of a finished bake. */
async function partOf({ manifest, folder }: Bake): Promise<Part> {
  const provenance = await readFile(joinPath(folder, manifest.provenance.file));
  return { manifest, provenance, where: cellText(manifest.cells?.[0]?.values ?? {}) };
}

async function writeJoined(path: string, { manifest, provenance }: Joined, bakes: readonly Bake[]): Promise<void> {
  await writeFile(joinPath(path, manifest.provenance.file), provenance, { flag: "wx" });
  const homes = new Map(
    bakes.flatMap((bake) => blobsOf(bake.manifest).map(({ file, sha256 }) => [`${sha256} ${file}`, bake.folder])),
  );
  for (const { file, sha256 } of blobsOf(manifest)) {
    const home = homes.get(`${sha256} ${file}`);
    // Links: a cell's files are never written to again.
    if (home !== undefined) await link(joinPath(home, file), joinPath(path, file));
  }
  for (const { folder, manifest: own } of bakes) {
    const cell = cellText(own.cells?.[0]?.values ?? {});
    await cp(joinPath(folder, "logs"), joinPath(path, "logs", cell), { recursive: true });
  }
  // Last: a folder without it is no bake.
  await writeFile(joinPath(path, manifestFile), manifestBytes(manifest), { flag: "wx" });
}
