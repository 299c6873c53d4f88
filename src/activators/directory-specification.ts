// What a recipe may say under `activate` for `with: directory`, and the same with a host's parameters filled in. Filling in
// fails before anything on the host has changed.

import { z } from "zod";

import { KilnError } from "../errors.ts";
import type { Question } from "../system/probe.ts";
import { fillIn, type Target } from "./activator.ts";

type Argv = [string, ...string[]];

const argv = z.tuple([z.string().min(1)], z.string());

const probe = z
  .strictObject({
    http: z
      .string()
      .regex(/^https?:\/\//, "an address that starts with http:// or https://")
      .optional()
      .describe("An address that must answer with a 2xx status. Redirects don't count."),
    tcp: z
      .string()
      .regex(/^.+:[^:]+$/, "host:port")
      .optional()
      .describe("`host:port` that must accept a connection."),
    command: argv.optional().describe("A program that must exit with status 0, run in the release's folder."),
    within: z
      .string()
      .regex(/^[1-9][0-9]{0,5}(?:ms|s|m)$/, "a time such as 30s")
      .default("30s")
      .describe("How long it may take until the first good answer: `500ms`, `30s`, `2m`."),
  })
  .refine(({ http, tcp, command }) => [http, tcp, command].filter((way) => way !== undefined).length === 1, {
    message: "one of http, tcp and command",
  });

export const directorySpecification = z.strictObject({
  with: z
    .literal("directory")
    .describe("Unpacks the archive beside earlier releases and points the link `current` at it."),
  start: argv
    .optional()
    .describe(
      "A program that runs for as long as the release is in service, and its arguments. It is run in the release's folder.",
    ),
  probe: probe.optional().describe("How to tell that the release is well. When it isn't, what ran before is put back."),
});

type DirectorySpecification = z.infer<typeof directorySpecification>;

export interface FilledProbe {
  readonly question: Question;
  /** As the recipe has it, for messages. */
  readonly shown: string;
  /** Milliseconds. */
  readonly within: number;
}

export interface Filled {
  readonly start: Argv | undefined;
  readonly probe: FilledProbe | undefined;
}

/** Parses the target's specification and fills it in. Throws NOT_DEPLOYABLE, PARAMETER_MISSING, ENVIRONMENT_INVALID. */
export function fill(target: Target): Filled {
  const { start, probe } = parse(target);
  return {
    start: start && fillAll(start, target),
    probe: probe && { ...fillProbe(probe, target), within: milliseconds(probe.within) },
  };
}

function parse({ specification, id }: Target): DirectorySpecification {
  const result = directorySpecification.safeParse(specification);
  if (result.success) return result.data;
  const problem = z.prettifyError(result.error);
  throw new KilnError("NOT_DEPLOYABLE", `${id}: got an activation that this Kiln can't read: ${problem}`, {
    hint: "it may have been baked for a newer Kiln",
  });
}

function fillAll([first, ...rest]: Argv, target: Target): Argv {
  return [fillIn(first, target), ...rest.map((word) => fillIn(word, target))];
}

function fillProbe(
  { http, tcp, command = ["true"] }: NonNullable<DirectorySpecification["probe"]>,
  target: Target,
): Omit<FilledProbe, "within"> {
  if (http !== undefined) {
    const address = fillIn(http, target);
    if (!URL.canParse(address)) throw unusable(http, target);
    return { question: { http: address }, shown: http };
  }
  if (tcp !== undefined) {
    const address = fillIn(tcp, target);
    const port = Number(/:([0-9]{1,5})$/.exec(address)?.[1] ?? 0);
    if (port < 1 || port > 65_535) throw unusable(tcp, target);
    return { question: { tcp: address }, shown: tcp };
  }
  return { question: { command: fillAll(command, target) }, shown: command.join(" ") };
}

/** Names what the recipe says, not what it became: a parameter may be a secret. */
function unusable(template: string, { place }: Target): KilnError {
  return new KilnError(
    "ENVIRONMENT_INVALID",
    `${place.folder}/environment: got no usable address for the probe ${template}`,
  );
}

/** Of `500ms`, `30s`, `2m`. */
function milliseconds(time: string): number {
  const unit = time.endsWith("ms") ? 1 : time.endsWith("s") ? 1000 : 60_000;
  return Number.parseInt(time, 10) * unit;
}
