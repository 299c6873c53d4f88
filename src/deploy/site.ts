// A place that this process holds: locked, its journal open. Whoever has one may change what is in service, nobody else.

import { readdirSync } from "node:fs";
import { join } from "node:path";

import type { Place } from "../activators/activator.ts";
import { nameSchema } from "../artifact/name.ts";
import type { Context } from "../context.ts";
import { isSystemError, KilnError } from "../errors.ts";
import { makeFolder } from "../system/durable.ts";
import { withLock } from "../system/lock.ts";
import { type Journal, openJournal, readJournal, type Transition } from "./journal.ts";
import { type State, stateOf } from "./state.ts";

/** Called around each line of the journal: tests stop the process there. */
export type OnTransition = (transition: Transition, when: "before" | "after") => void;

export interface Host {
  /** Where deploys are kept on this host: an absolute path. */
  readonly root: string;
  readonly context: Context;
  readonly onTransition?: OnTransition;
}

export interface Site {
  readonly place: Place;
  readonly context: Context;
  state(): State;
  /** Durable when it returns; what it says may be done then. */
  record(transition: Transition): void;
}

export function placeOf({ root }: Pick<Host, "root">, name: string): Place {
  return { name, folder: join(root, name) };
}

/** What the journal says of a place now; nobody is kept from changing it. */
export function stateAt(place: Place): State {
  return stateOf(readJournal(journalOf(place)));
}

/** Runs `work` while nobody else changes the place. Throws BUSY when another process does for longer than `patience` ms. */
export async function withSite<T>(
  host: Host,
  { name, patience }: { readonly name: string; readonly patience: number },
  work: (site: Site) => Promise<T>,
): Promise<T> {
  const place = placeOf(host, name);
  const { context, onTransition } = host;
  await makeFolder(place.folder);
  return await withLock(join(place.folder, "lock"), { signal: context.signal, patience }, async () => {
    const journal = await openJournal(journalOf(place));
    try {
      return await work(siteOf({ place, journal, context, onTransition }));
    } finally {
      journal.close();
    }
  });
}

/** Names that a deploy was ever begun of here, sorted. */
export function namesAt(host: Pick<Host, "root">): string[] {
  return readNames(host.root)
    .filter((name) => nameSchema.safeParse(name).success && isKnown(name, host))
    .toSorted();
}

export function isKnown(name: string, host: Pick<Host, "root">): boolean {
  return readJournal(journalOf(placeOf(host, name))).length > 0;
}

export function unknownName(name: string, { root }: Pick<Host, "root">): KilnError {
  return new KilnError("NOT_FOUND", `${name}: got nothing of this name on this host, in ${root}`, {
    hint: "`kiln status` shows what is deployed",
  });
}

function siteOf({
  place,
  journal,
  context,
  onTransition,
}: Pick<Site, "place" | "context"> & { journal: Journal; onTransition: OnTransition | undefined }): Site {
  return {
    place,
    context,
    state: () => stateOf(journal.lines),
    record(transition) {
      onTransition?.(transition, "before");
      journal.append(transition, context.now());
      onTransition?.(transition, "after");
    },
  };
}

function readNames(root: string): string[] {
  try {
    return readdirSync(root);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return [];
    throw error;
  }
}

const journalOf = (place: Place): string => join(place.folder, "journal");
