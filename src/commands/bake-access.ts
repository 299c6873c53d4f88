// What every command that bakes has in common: the order that its options and the repository give. The bake
// itself knows no store: what it asks one is answered here.

import { resolve } from "node:path";

import { activators } from "../activators/index.ts";
import {
  type Claim,
  type Prepared,
  type PrepareOptions,
  type Released,
  type StoreQuestions,
  withPrepared,
} from "../bake/prepare.ts";
import type { Context } from "../context.ts";
import { kinds } from "../kinds/index.ts";
import { version as kilnVersion } from "../program/version.ts";
import { recipeSchema } from "../recipe/schema.ts";
import type { CatalogReader } from "../views/catalog.ts";
import type { Input } from "./command.ts";
import { type Configuration, loadConfiguration, requireStore } from "./configuration.ts";

export interface BakeQuestion {
  readonly input: Input;
  readonly context: Context;
  /** `reserve`: a version that the store hands out is this bake's from now on. `look`: nothing changes. */
  readonly next: "reserve" | "look";
}

/** Runs `work` with what the options and the working folder ask to be baked. Throws what `withPrepared` throws. */
export async function withBake<T>(question: BakeQuestion, work: (prepared: Prepared) => Promise<T>): Promise<T> {
  const { input, context } = question;
  const configuration = await loadConfiguration(input, context);
  const { recipe, ref, allowDirty, cell } = input.options;
  const options: PrepareOptions = {
    recipe: typeof recipe === "string" ? recipe : undefined,
    ref: typeof ref === "string" ? ref : undefined,
    cell: typeof cell === "string" ? cell : undefined,
    changes: allowDirty === true ? "mark" : "refuse",
    schema: recipeSchema({ kinds, activators }),
    isolation: configuration.isolation === "sandbox" ? "bubblewrap" : "none",
    node: { path: process.execPath, versions: process.versions },
    bases: { mirrors: configuration.mirrors },
    kiln: kilnVersion,
    store: configuration.store === undefined ? undefined : storeQuestions(configuration, question),
  };
  return await withPrepared(options, context, work);
}

/** The folder that --out names, absolute. */
export function outFolder({ options }: Input, { cwd }: Context): string | undefined {
  return typeof options["out"] === "string" ? resolve(cwd, options["out"]) : undefined;
}

function storeQuestions(configuration: Configuration, question: BakeQuestion): StoreQuestions {
  const { context, next } = question;
  return {
    released: (claim) => findReleased(configuration, context, claim),
    reserve: (name, claim) => async (pick) => {
      // A dirty tree claims nothing, so there is nothing that a version could be kept for.
      if (next === "look" || claim === null) return pick(await takenVersions(configuration, context, name));
      return await reserve(configuration, context, { claim, pick });
    },
  };
}

async function findReleased(
  configuration: Configuration,
  context: Context,
  { name, commit, recipe }: Claim,
): Promise<Released | undefined> {
  const { findClaim } = await import("../views/catalog.ts");
  const row = await findClaim(await catalogOf(configuration, context), name, { commit, recipe });
  return row === undefined ? undefined : { name, version: row.version, manifest: row.manifest };
}

async function takenVersions(configuration: Configuration, context: Context, name: string): Promise<string[]> {
  const { aliases, releases } = await import("../views/catalog.ts");
  const catalog = await catalogOf(configuration, context);
  const versions: string[] = [];
  for await (const { version } of releases(catalog, name)) versions.push(version);
  for await (const { alias } of aliases(catalog, name)) versions.push(alias);
  return versions;
}

async function catalogOf(configuration: Configuration, context: Context): Promise<CatalogReader> {
  const { openStore } = await import("../stores/index.ts");
  const { openCatalog } = await import("./catalog-access.ts");
  const { originOf } = await import("./store-access.ts");
  const store = await openStore(requireStore(configuration), context);
  await originOf(store);
  return await openCatalog(store);
}

interface Reservation {
  readonly claim: Claim;
  readonly pick: (taken: readonly string[]) => string;
}

async function reserve(configuration: Configuration, context: Context, wanted: Reservation): Promise<string> {
  const { reserveVersion } = await import("../publish/reserve.ts");
  const { openWritableStore } = await import("../stores/writable.ts");
  const { randomPause } = await import("../publish/pause.ts");
  const { originOf, readTrust } = await import("./store-access.ts");
  const store = await openWritableStore(requireStore(configuration), context);
  const { name, commit, recipe } = wanted.claim;
  return await reserveVersion({
    store,
    trust: await readTrust(configuration, context, await originOf(store)),
    now: context.now(),
    pause: randomPause(context.signal),
    name,
    claim: { commit, recipe },
    next: wanted.pick,
  });
}
