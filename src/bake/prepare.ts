// From a folder in a repository to an order: which commit, which recipe, which version, which tools. What must be looked up
// or reserved in a store comes as an argument. A commit that was released before isn't baked again: its release is the answer.

import { isUtf8 } from "node:buffer";
import { randomBytes } from "node:crypto";
import { realpathSync } from "node:fs";
import { arch } from "node:os";
import { join, relative, resolve, sep } from "node:path";

import type { z } from "zod";

import type { Digest } from "../artifact/digest.ts";
import type { BaseSettings } from "../bases/base.ts";
import { needsSandbox, resolveBase } from "../bases/index.ts";
import type { Context } from "../context.ts";
import { KilnError } from "../errors.ts";
import { kindOf, type kinds } from "../kinds/index.ts";
import { selectCells } from "../recipe/cell.ts";
import { loadRecipe, type LoadedRecipe } from "../recipe/load.ts";
import { cellText, type CellValues, nameInCell } from "../recipe/matrix.ts";
import { type Ordered, waitsFor } from "../recipe/order.ts";
import type { Cell } from "../recipe/parse.ts";
import { findRef } from "../recipe/ref.ts";
import type { Recipe } from "../recipe/schema.ts";
import { tagsOf } from "../recipe/tag-version.ts";
import { type ReserveVersion, lossyKinds, resolveVersion, versionSourceFor } from "../recipe/version.ts";
import { architectureNamed } from "../system/architecture.ts";
import { checkOut, takeSnapshot } from "../system/git-checkout.ts";
import {
  type Commit,
  blobsAt,
  findCommit,
  listChanges,
  listFilesAt,
  openRepository,
  readFileAt,
  remoteUrl,
  type Repository,
  type Snapshot,
} from "../system/git.ts";
import type { Isolation } from "../system/sandbox.ts";
import { artifactsOf } from "./artifacts.ts";
import { lookAtMachine, type NodeProgram, programsInBase } from "./inputs.ts";
import { pinnedMounts } from "./mounts.ts";
import type { BakeOrder, OrderedStep } from "./order.ts";
import { bakeKeyOf, type Plan } from "./plan.ts";
import { isLockFile } from "./provenance.ts";
import type { Recorded } from "./recorded.ts";
import { type KilnFolder, makeKilnFolder, withWorkFolder } from "./workspace.ts";

export interface PrepareOptions {
  /** Path of the recipe, relative to the working folder; `kiln.yaml` by default. */
  readonly recipe?: string | undefined;
  /** The ref that the bake is for; found from the repository when left out. */
  readonly ref?: string | undefined;
  /** What to do about changes that aren't committed: refuse, or bake them under a version that says so. */
  readonly changes: "refuse" | "mark";
  /** Which cells of a matrix to bake, as in `suite=bookworm`; all when left out. */
  readonly cell?: string | undefined;
  /** The recipe's, made of the kinds and the activators. */
  readonly schema: z.ZodType<KnownRecipe>;
  readonly isolation: Isolation;
  readonly node: NodeProgram;
  /** Where bases come from. */
  readonly bases: BaseSettings;
  /** Kiln's own version. */
  readonly kiln: string;
  readonly store: StoreQuestions | undefined;
}

/** What identifies a bake before its version is known: unique in a store. */
export interface Claim {
  readonly name: string;
  readonly commit: string;
  readonly recipe: string;
}

export interface StoreQuestions {
  /** The release that claims this commit, if there is one. */
  readonly released: (claim: Claim) => Promise<Released | undefined>;
  /** See ReserveVersion; a dirty tree claims nothing. */
  readonly reserve: (name: string, claim: Claim | null) => ReserveVersion;
}

export interface Released {
  readonly name: string;
  readonly version: string;
  /** Digest of its manifest. */
  readonly manifest: Digest;
}

export type KnownRecipe = Recipe<(typeof kinds)[number]>;

export interface Source {
  readonly repository: Repository;
  readonly recipe: KnownRecipe;
  /** The full name of the ref that the bake is for, if it is for one. */
  readonly ref: string | undefined;
  readonly folder: KilnFolder;
}

/** What is to be baked: one order, or one for each cell of a matrix. */
export type Orders = readonly [BakeOrder, ...BakeOrder[]];

export type Prepared = Source & ({ readonly orders: Orders } | { readonly released: Released });

/**
 * Runs `work` with what the folder `context.cwd` asks to be baked. Throws NOT_A_REPOSITORY, DIRTY_TREE, RECIPE_NOT_FOUND,
 * RECIPE_INVALID, VERSION_UNRESOLVED, TOOL_MISSING, USAGE, and what git and the store's questions throw.
 */
export async function withPrepared<T>(
  options: PrepareOptions,
  context: Context,
  work: (prepared: Prepared) => Promise<T>,
): Promise<T> {
  const repository = await openRepository(context.cwd, context);
  const folder = { path: join(repository.hasWorkTree ? repository.folder : context.cwd, ".kiln") };
  await makeKilnFolder(folder);
  const [commit, changes] = await Promise.all([findCommit(repository, "HEAD"), listChanges(repository)]);
  const at = { repository, folder, commit };
  if (changes.length === 0) return await work(await prepare(at, options, context));
  if (options.changes === "refuse") throw dirty(changes);
  const name = `snapshot-${randomBytes(6).toString("hex")}`;
  return await withWorkFolder(folder, { name, signal: context.signal }, async (path) => {
    const snapshot = await takeSnapshot(repository, path);
    return await work(await prepare({ ...at, snapshot }, options, context));
  });
}

function dirty(changes: readonly string[]): KilnError {
  const named = changes.slice(0, 3).join(", ") + (changes.length > 3 ? ` and ${changes.length - 3} more` : "");
  return new KilnError("DIRTY_TREE", `the work tree: got changes in ${named}, want none: a bake is of a commit`, {
    hint: "commit them, or bake with --allow-dirty: the version will say so, and claim no commit",
    details: { changes: changes.slice(0, 100) },
  });
}

interface Place {
  readonly repository: Repository;
  readonly folder: KilnFolder;
  readonly commit: Commit;
  /** Of a dirty tree. */
  readonly snapshot?: Snapshot;
}

async function prepare(place: Place, options: PrepareOptions, context: Context): Promise<Prepared> {
  const { repository, folder, commit, snapshot } = place;
  const path = recipePath(repository, options.recipe ?? "kiln.yaml", context);
  const tree = { tree: snapshot?.tree ?? commit.tree, snapshot };
  const [loaded, ref, remote] = await Promise.all([
    loadRecipe(repository, { ...tree, path, schema: options.schema }),
    findRef(repository, { commit, asked: options.ref }),
    remoteUrl(repository),
  ]);
  const { recipe } = loaded;
  const source: Source = { repository, recipe, ref, folder };
  const claim = snapshot === undefined ? { name: recipe.name, commit: commit.id, recipe: path } : null;
  const released = claim === null ? undefined : await options.store?.released(claim);
  if (released !== undefined) return { ...source, released };
  const from = versionSourceFor(recipe.version, ref);
  const version = await resolveVersion(from, {
    read: (file) => readFileAt(repository, { ...tree, path: file, limit: 1024 * 1024 }),
    tags: tagsOf(repository, { commit: commit.id, ref }),
    reserve: options.store?.reserve(recipe.name, claim),
    dirtyTree: snapshot?.tree,
  });
  const wanted = options.cell === undefined ? loaded.cells : selectCells(loaded.cells, options.cell);
  const orderOf = (cell: Cell<KnownRecipe>): Promise<BakeOrder> =>
    orderFor(
      cell,
      {
        place,
        loaded,
        version,
        source: { repository: remote ?? null, commit: claim?.commit ?? null, tree: tree.tree, recipe: path },
      },
      options,
      context,
    );
  const [first, ...others] = wanted;
  checkVersion(version, recipe, from.lossy ?? []);
  return { ...source, orders: [await orderOf(first), ...(await Promise.all(others.map(orderOf)))] };
}

/** What an order takes beside what is baked. */
export type OrderOptions = Pick<PrepareOptions, "schema" | "node" | "kiln" | "bases">;

/** The orders of a bake that was recorded: of its very commit, with its version; no store is asked. Throws COMMIT_NOT_FOUND. */
export async function ordersOf(
  recorded: Recorded,
  options: OrderOptions & { readonly repository: Repository; readonly folder: KilnFolder },
  context: Context,
): Promise<Orders> {
  const { version, recipe: path, repository: url, isolation } = recorded;
  const { repository, folder } = options;
  await makeKilnFolder(folder);
  const commit = await findCommit(repository, recorded.commit);
  const loaded = await loadRecipe(repository, { tree: commit.tree, path, schema: options.schema });
  const source = { repository: url, commit: commit.id, tree: commit.tree, recipe: path };
  const resolved = { place: { repository, folder, commit }, loaded, version, source };
  const texts = recorded.cells.map(cellText);
  const cells = loaded.cells.filter(({ values }) => texts.length === 0 || texts.includes(cellText(values)));
  const [first, ...others] = cells.map((cell) => orderFor(cell, resolved, { ...options, isolation }, context));
  if (first === undefined) throw new TypeError("a recipe without cells");
  return [await first, ...(await Promise.all(others))];
}

interface Resolved {
  readonly place: Place;
  readonly loaded: LoadedRecipe<KnownRecipe>;
  readonly version: string;
  readonly source: Omit<Plan["source"], "time">;
}

/** The order of one cell. Throws TOOL_MISSING, CELL_ELSEWHERE. */
async function orderFor(
  { values, recipe }: Cell<KnownRecipe>,
  { place, loaded, version, source }: Resolved,
  options: OrderOptions & Pick<PrepareOptions, "isolation">,
  context: Context,
): Promise<BakeOrder> {
  const { repository, folder, commit, snapshot } = place;
  checkMachine(values);
  const isCell = Object.keys(values).length > 0;
  const tree = { tree: source.tree, snapshot };
  const expanded = await artifactsOf(recipe.artifacts, {
    list: () => listFilesAt(repository, tree),
    read: async (file) => textAt(file, await readFileAt(repository, { ...tree, path: file, limit: 1024 * 1024 })),
  });
  for (const note of expanded.notes) context.report.note(note);
  const artifacts = expanded.artifacts.map((one) => ({ ...one, name: nameInCell(one.name, values) }));
  const kindNames = [...new Set(artifacts.map(({ kind }) => kind))].toSorted();
  const read = (file: string) => readFileAt(repository, { ...tree, path: file, limit: 4 * 1024 * 1024 });
  const mounts = await pinnedMounts(recipe.mounts, { recipe: source.recipe, read });
  const base = await resolveBase(recipe.base, {
    read,
    recipe: source.recipe,
    programs: programsInBase(kindNames),
    folder: repository.folder,
  });
  if (options.isolation === "none" && base !== undefined) throw needsSandbox(`the base ${base.title}`);
  if (options.isolation === "none" && mounts.length > 0) throw needsSandbox("mounts");
  const machine = lookAtMachine({
    base,
    isolation: options.isolation,
    kinds: kindNames,
    node: options.node,
    path: context.env["PATH"] ?? "",
    memory: folder.path,
  });
  const lockFiles = [...(await blobsAt(repository, tree))].filter(([file]) => isLockFile(file));
  const steps = stepsOf(recipe, values);
  const plan: Plan = {
    kiln: options.kiln,
    name: recipe.name,
    version,
    source: { ...source, time: commit.time },
    recipe: loaded.digest,
    ...(isCell ? { cell: values } : {}),
    ...(lockFiles.length === 0 ? {} : { lockFiles: Object.fromEntries(lockFiles) }),
    steps: steps.map(({ phase, run }) => ({ phase, run })),
    kinds: Object.fromEntries(kindNames.map((name) => [name, kindOf(name).version])),
    tools: machine.tools,
    ...(machine.system === undefined ? {} : { system: machine.system }),
    ...(mounts.length === 0 ? {} : { mounts: Object.fromEntries(mounts.map(({ at, sha256 }) => [at, sha256])) }),
    ...(base === undefined ? {} : { base: { title: base.title, digest: base.digest } }),
    isolation: options.isolation,
    env: recipe.env,
  };
  return {
    plan,
    matrix: isCell ? loaded.cells.map((cell) => cell.values) : [],
    bakeKey: bakeKeyOf(plan),
    machine,
    base,
    baseSettings: options.bases,
    mounts,
    limits: recipe.limits,
    steps,
    artifacts,
    // Which rule counted was decided when the version was: what has no loss is written the same.
    lossy: lossyKinds(recipe.version),
    activate: Object.fromEntries(
      Object.entries(recipe.activate).map(([name, specification]) => [nameInCell(name, values), specification]),
    ),
    gates: recipe.gates.map((gate) => gateInCell(gate, values)),
    checkOut: (into) => checkOut(repository, { tree: source.tree, snapshot, folder: into, time: commit.time }),
  };
}

function textAt(path: string, bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined || isUtf8(bytes))
    return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8");
  throw new KilnError("SOURCE_UNSUPPORTED", `${path}: got bytes that aren't UTF-8, want text`);
}

/** The axis `architecture` names the machine that bakes: everything else of a matrix is the recipe's own business. */
function checkMachine(cell: CellValues): void {
  const wanted = cell["architecture"];
  const here = architectureNamed(arch());
  if (wanted === undefined || Object.values(here).includes(wanted)) return;
  throw new KilnError("CELL_ELSEWHERE", `the cell ${cellText(cell)}: got a machine of ${here.debian}, want ${wanted}`, {
    hint: `bake it on such a machine with --cell architecture=${wanted}, the others here, and publish both folders together; steps that cross-compile want an axis of another name, such as target`,
  });
}

/** Before anything is built: whether the format of each artifact has this version. Throws VERSION_UNMAPPABLE. */
function checkVersion(version: string, { artifacts }: KnownRecipe, lossy: readonly string[]): void {
  for (const kind of new Set(Object.values(artifacts).map((spec) => spec.kind))) {
    kindOf(kind).writeVersion?.(version, { lossy: lossy.includes(kind) });
  }
}

/** The recipe's path within the repository. One from outside isn't of the commit, and never counts. */
function recipePath({ folder, hasWorkTree }: Repository, path: string, { cwd }: Context): string {
  const inner = hasWorkTree ? relative(folder, resolve(realpathSync(cwd), path)) : path;
  if (inner !== ".." && !inner.startsWith(`..${sep}`)) return inner;
  throw new KilnError("USAGE", `--recipe ${path}: got a path outside the repository, want one in the commit`);
}

function stepsOf(recipe: KnownRecipe, cell: CellValues): OrderedStep[] {
  const { fetch, build, checks } = recipe;
  // A phase begins when the one before is done.
  const placed = (phase: OrderedStep["phase"], steps: readonly RecipeStep[], before: number): OrderedStep[] => {
    const waits = waitsFor(steps);
    return steps.map((step, at) => ({
      phase,
      title: step.name ?? firstLine(step.run),
      run: step.run,
      secrets: step.secrets ?? [],
      after: [...Array.from({ length: before }).keys(), ...(waits[at] ?? []).map((place) => before + place)],
      report: step.report,
      check:
        step.required === undefined
          ? undefined
          : { name: nameInCell(step.name ?? "", cell), isRequired: step.required },
    }));
  };
  return [
    ...placed("fetch", fetch, 0),
    ...placed("build", build, fetch.length),
    ...placed("check", checks, fetch.length + build.length),
  ];
}

interface RecipeStep extends Ordered {
  readonly run: string;
  readonly secrets?: readonly string[];
  readonly report?: string | undefined;
  /** Of a check. */
  readonly required?: boolean;
}

/** A gate of a cell asks about that cell's own checks and reports. */
function gateInCell(gate: BakeOrder["gates"][number], cell: CellValues): BakeOrder["gates"][number] {
  const { demand } = gate;
  const own =
    demand.sort === "check"
      ? { ...demand, check: nameInCell(demand.check, cell) }
      : { ...demand, report: nameInCell(demand.report, cell) };
  return { ...gate, name: nameInCell(gate.name, cell), demand: own };
}

/** What a step without a name is called. */
function firstLine(command: string): string {
  const [first = "", ...others] = command.trim().split("\n");
  return others.length === 0 ? first : `${first} …`;
}
