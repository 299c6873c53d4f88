// A way of putting an artifact into service on a host. Every operation is idempotent: after a crash the deploy's journal says
// which one was under way, and it is simply done again. None decides anything: which release, and when, is the deploy's.
// The specification comes from a recipe: plain JSON, parsed again here after the manifest that holds it was verified.

import type { Readable } from "node:stream";

import type { z } from "zod";

import type { Context } from "../context.ts";
import { KilnError } from "../errors.ts";
import type { Step } from "../report.ts";

/** Where a name lives on this host. */
export interface Place {
  readonly name: string;
  /** Absolute path; the activator owns what the deploy doesn't: `releases`, `current`, `log`. */
  readonly folder: string;
}

/** The parameters of this host, from its environment file. */
export type Parameters = Readonly<Record<string, string>>;

/** A release at a place, to be put into service. */
export interface Target {
  readonly place: Place;
  /** One path segment, unique to the release: its version and the start of its digest. */
  readonly id: string;
  readonly specification: unknown;
  readonly parameters: Parameters;
}

/** What an activator must know to find again what it started: plain JSON, kept in the journal. */
export type Instance = Readonly<Record<string, string | number>>;

export interface Activator {
  /** What a recipe's `with` says. */
  readonly name: string;
  /** Kinds of artifacts that it can put into service. */
  readonly kinds: readonly string[];
  /** What may stand in a recipe under `activate`. */
  readonly specification: z.ZodType;
  /** What holds when a recipe says nothing; undefined if it must. */
  readonly byDefault: Readonly<Record<string, unknown>> | undefined;
  /** Parses and fills in; touches nothing. Throws NOT_DEPLOYABLE or PARAMETER_MISSING. */
  prepare(target: Target, context: Context): Activation;
  /** The id of the release that is in service at the place, as far as can be seen. */
  shown(place: Place): string | undefined;
  /** Takes the place out of service, when there was nothing before. */
  withdraw(place: Place): Promise<void>;
  isRunning(instance: Instance): boolean;
  /** Ends what `start` started, however far it got. */
  stop(instance: Instance, place: Place): Promise<void>;
  /** Removes staged releases other than these, and what an interrupted `stage` left. */
  prune(place: Place, keep: readonly string[]): Promise<void>;
}

/** A prepared target. */
export interface Activation {
  /** Whether `start` leaves something running. */
  readonly hasInstance: boolean;
  isStaged(): boolean;
  /** Makes the release ready beside the others, whole and durable, or not at all. The bytes are verified. */
  stage(artifact: Readable, step: Step): Promise<void>;
  /** Makes it the one in service, atomically. */
  switch(): Promise<void>;
  /** Starts it. `onStarted` makes the instance known durably before anything of it runs. */
  start(onStarted: (instance: Instance) => Promise<void>): Promise<void>;
  /** Returns when it is well. Throws PROBE_FAILED. */
  probe(instance: Instance | undefined): Promise<void>;
}

/** Replaces each `${KEY}` by that parameter. Throws PARAMETER_MISSING, which names the file, never a value. */
export function fillIn(text: string, { parameters, place }: Pick<Target, "parameters" | "place">): string {
  return text.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, key: string) => {
    const value = parameters[key];
    if (value !== undefined) return value;
    throw new KilnError("PARAMETER_MISSING", `${place.folder}/environment: got no ${key}, want it for \`${text}\``, {
      hint: `add a line ${key}=… to it`,
      details: { parameter: key },
    });
  });
}
