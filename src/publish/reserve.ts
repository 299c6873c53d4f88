// Reserving a version before the bake, so that two bakes at once never get the same one. A reservation belongs to one
// commit and recipe: asking again gives it back, and after a day it lapses. It is no promise to readers: only the log
// says what exists. Lost or garbled, it costs a bake its number, never a release.

import { z } from "zod";

import { canonicalBytes, parseStored } from "../artifact/json.ts";
import { versionSchema } from "../artifact/name.ts";
import { keys } from "../artifact/pool.ts";
import type { Trust } from "../artifact/trust.ts";
import { isKilnError, KilnError } from "../errors.ts";
import { settle } from "../log/append.ts";
import { logOf } from "../log/checkpoint.ts";
import { readDocument } from "../stores/read.ts";
import type { ReadableStore, Store } from "../stores/store.ts";
import { aliases, type CatalogReader, findClaim, releases } from "../views/catalog.ts";
import { notWithdrawn } from "./decide.ts";
import { stateAt } from "./state.ts";

const lapse = 24 * 60 * 60 * 1000;
const mostAttempts = 1000;

const reservationsSchema = z.strictObject({
  kiln: z.literal(1),
  reserved: z.array(
    z.strictObject({
      version: versionSchema,
      commit: z.string(),
      recipe: z.string(),
      /** When it lapses, milliseconds since 1970 by the clock of whoever reserved it. */
      until: z.int(),
    }),
  ),
});

type Reservation = z.infer<typeof reservationsSchema>["reserved"][number];

export interface ReserveOptions {
  readonly store: Store;
  readonly trust: Trust;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly pause: (attempt: number) => Promise<void>;
  readonly name: string;
  readonly claim: { readonly commit: string; readonly recipe: string };
  /** The version that follows the ones that are taken. */
  readonly next: (taken: readonly string[]) => string;
}

/** The version for this commit: of its release, its reservation, or a new one. Throws STORE_CORRUPT, STORE_CONTENDED, RELEASE_YANKED, RELEASE_RETIRED. */
export async function reserveVersion(options: ReserveOptions): Promise<string> {
  const { store, trust, now, pause, name, claim, next } = options;
  const key = keys.reservations(name);
  const { catalog } = await stateAt({ store, trust, head: await settle({ store, log: logOf(trust) }) });
  const released = await findClaim(catalog, name, claim);
  if (released !== undefined) return (await notWithdrawn(catalog, { name, version: released.version })).version;
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    if (attempt > 0) await pause(attempt);
    const { live, etag } = await liveReservations(store, { name, now });
    const own = live.find(({ commit, recipe }) => commit === claim.commit && recipe === claim.recipe);
    if (own !== undefined) return own.version;
    const taken = [...(await versionsOf(catalog, name)), ...live.map(({ version }) => version)];
    const version = next(taken);
    const bytes = canonicalBytes({ kiln: 1, reserved: [...live, { version, ...claim, until: now + lapse }] });
    if ((await store.replace(key, bytes, etag)) === "replaced") return version;
  }
  throw new KilnError("STORE_CONTENDED", `${key}: got ${mostAttempts} lost races in a row, want one that is won`);
}

/** Whether all that this document reserves has lapsed. One that can't be read is left to whoever reserves next. */
export async function isLapsed(
  store: ReadableStore,
  { key, now }: { readonly key: string; readonly now: number },
): Promise<boolean> {
  const found = await readDocument(store, key);
  if (found === undefined) return false;
  try {
    return parseReservations(found.bytes, key).every(({ until }) => until <= now);
  } catch (error) {
    if (isKilnError(error, "STORE_CORRUPT")) return false;
    throw error;
  }
}

async function liveReservations(store: ReadableStore, { name, now }: { readonly name: string; readonly now: number }) {
  const key = keys.reservations(name);
  const found = await readDocument(store, key);
  if (found === undefined) return { live: [], etag: null };
  return { live: parseReservations(found.bytes, key).filter(({ until }) => until > now), etag: found.etag };
}

function parseReservations(bytes: Uint8Array, key: string): readonly Reservation[] {
  const result = reservationsSchema.safeParse(parseStored(bytes, key));
  if (!result.success) throw new KilnError("STORE_CORRUPT", `${key}: ${z.prettifyError(result.error)}`);
  return result.data.reserved;
}

async function versionsOf(catalog: CatalogReader, name: string): Promise<string[]> {
  const versions: string[] = [];
  for await (const { version } of releases(catalog, name)) versions.push(version);
  for await (const { alias } of aliases(catalog, name)) versions.push(alias);
  return versions;
}
