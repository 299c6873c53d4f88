// What a recipe says about an rpm package beside its files. A value is one line that rpm can hold, or an error of the recipe
// with its place; that none of them means anything to rpmbuild is spec-file.ts's work.

import { z } from "zod";

import { sourcePathSchema } from "../kind.ts";
import { line, systemPath, unitsAndUsers } from "../system-package/shape.ts";

const name = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9+._-]*$/, "an rpm package name: letters, digits and + . _ -");

/** A name, maybe with a version; or a condition in parentheses, which rpmbuild checks. */
const relation = z
  .string()
  .max(1000)
  .regex(
    /^(?:[A-Za-z0-9_/][^\s,%"\p{Cc}\p{Cs}\\]*(?: (?:<|<=|=|>=|>) [A-Za-z0-9][A-Za-z0-9._+~^:-]*)?|\([^,%"\p{Cc}\p{Cs}\\]+\))$/u,
    "one relation, as in `nodejs >= 20`",
  );

const relations = (text: string) => z.array(relation).default([]).describe(text);

/** rpm's own names of scripts, in the order in which they run. */
export const scriptNames = ["pretrans", "pre", "post", "preun", "postun", "posttrans"] as const;
export type ScriptName = (typeof scriptNames)[number];

const script = (text: string) => sourcePathSchema.optional().describe(text);

const scripts = z.strictObject({
  pretrans: script("Runs before the whole transaction: on a new system not even /bin/sh is there."),
  pre: script("Runs before the files are unpacked; `$1` is how many versions will be installed: 2 at an upgrade."),
  post: script("Runs after they are."),
  preun: script("Runs before the files are removed; `$1` is how many versions stay: 0 unless it is an upgrade."),
  postun: script("Runs after they are."),
  posttrans: script("Runs after the whole transaction."),
} satisfies Record<ScriptName, z.ZodType>);

/** A line that begins with % or # is rpmbuild's own in a description, however it is written. */
export function isPlainText(text: string): boolean {
  return !/^\s*[%#]/m.test(text);
}

export const rpmShape = {
  package: name.optional().describe("The package's name; the release's when left out."),
  release: z
    .string()
    .max(40)
    .regex(/^[0-9A-Za-z][0-9A-Za-z._+~^]*$/, "letters, digits and . _ + ~ ^")
    .optional()
    .describe(
      "rpm's release: which packaging of the same version it is. 1 when left out; a revision in the version goes before it.",
    ),
  architecture: z
    .string()
    .max(40)
    .regex(/^[a-z0-9_]+$/, "one architecture, as in `x86_64`, or `noarch`")
    .optional()
    .describe("As rpm names it. When left out: told from the programs inside, `noarch` when there are none."),
  summary: line.optional().describe("One line about it; the first of `description` when left out."),
  description: z
    .string()
    .max(4000)
    .regex(/^(?:[^\p{Cc}\p{Cs}]|\n|\t)*$/u, "text without control characters")
    .regex(/\S/, "a text")
    .refine(isPlainText, "lines that don't begin with % or #: rpmbuild would take them for its own")
    .optional()
    .describe("What it is, at length."),
  license: line.describe("The licence of what is inside: an SPDX expression, as in `Apache-2.0`."),
  url: line
    .refine((text) => URL.parse(text) !== null && /^https?:\/\/\S+$/.test(text), "a URL: https://…")
    .optional()
    .describe("Where more is said about it."),
  vendor: line.optional().describe("Who publishes it."),
  packager: line.optional().describe("Who made it, as in `Jo Doe <jo@example.org>`."),
  group: line.optional().describe("Its place in the old list of groups, as in `System Environment/Daemons`."),
  requires: relations("What must be installed with it, as in `nodejs >= 20`."),
  recommends: relations("What is installed with it unless one says no."),
  suggests: relations("What may be useful beside it."),
  supplements: relations("Packages beside which it is installed unless one says no."),
  enhances: relations("Packages that it makes more useful."),
  conflicts: relations("What can't be installed beside it."),
  obsoletes: relations("Packages that it takes the place of."),
  provides: relations("What it stands for beside its own name."),
  automatic: z
    .boolean()
    .default(true)
    .describe("Whether rpmbuild adds what it finds itself: libraries that programs need, interpreters of scripts."),
  config: z
    .array(systemPath)
    .default([])
    .describe("Configuration files beside those below /etc: what an administrator changed in them is kept."),
  scripts: scripts
    .prefault({})
    .describe("Scripts of your own, without #! or with one for any interpreter. What units and users need is added."),
  ...unitsAndUsers,
} as const;

const shape = z.strictObject(rpmShape);
export type RpmSpec = z.output<typeof shape>;
export const relationTags = [
  "requires",
  "recommends",
  "suggests",
  "supplements",
  "enhances",
  "conflicts",
  "obsoletes",
  "provides",
] as const satisfies readonly (keyof RpmSpec)[];
