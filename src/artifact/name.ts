// Names, versions and channels: one alphabet that is a legal file name, URL path, apt suite, npm dist-tag and OCI tag.
// They reach keys and paths unescaped, so this check is a security border: every parser of untrusted input uses it.

import { z } from "zod";

import { KilnError } from "../errors.ts";

const rules = {
  name: {
    pattern: /^[a-z0-9](?:[a-z0-9._+-]*[a-z0-9+])?$/,
    max: 100,
    allowed: "lower-case letters, digits and . _ + - between them",
  },
  version: {
    pattern: /^[0-9A-Za-z](?:[0-9A-Za-z.+~!_-]*[0-9A-Za-z+~])?$/,
    max: 120,
    allowed: "letters, digits and . + ~ ! _ - between them",
  },
  channel: {
    pattern: /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/,
    max: 100,
    allowed: "lower-case letters, digits and . _ - between them",
  },
} as const;

type Sort = keyof typeof rules;

const schemaOf = (sort: Sort) =>
  z
    .string()
    .max(rules[sort].max, `a ${sort} of at most ${rules[sort].max} characters`)
    .regex(rules[sort].pattern, `a ${sort}: ${rules[sort].allowed}`)
    .refine((text) => !text.includes(".."), `a ${sort} without ".."`);

export const nameSchema = schemaOf("name");
export const versionSchema = schemaOf("version");
export const channelSchema = schemaOf("channel");

/** A file name in a bake: one path segment that every client finds at the address it is written in, never hidden. */
export const fileNameSchema = z
  .string()
  .max(240)
  .regex(/^[0-9A-Za-z_][0-9A-Za-z._+~^!-]*$/, "a plain file name")
  .refine((text) => !text.includes(".."), 'a file name without ".."');

/** The longest file name of an artifact: those of the files beside it are up to 25 longer, and 255 is the end. */
const longestArtifact = 230;

/** Returns `file`, or throws ARTIFACT_INVALID. `artifact`: what the recipe calls it. */
export function checkArtifactFile(file: string, artifact: string): string {
  const isPlain = fileNameSchema.safeParse(file).success;
  if (isPlain && file.length <= longestArtifact) return file;
  const got = isPlain
    ? `a file name of ${file.length} characters`
    : `the file name ${JSON.stringify(file.slice(0, 300))}`;
  throw new KilnError("ARTIFACT_INVALID", `${artifact}: got ${got}, want a plain one of at most ${longestArtifact}`, {
    hint: "it is made of the release's name, the artifact's and the version: shorten one of them",
  });
}

/** Returns `text`, or throws NAME_INVALID, which says what is allowed. `where`: what the text was taken from. */
export function checkName(sort: Sort, text: string, where: string = sort): string {
  const rule = rules[sort];
  const result = schemaOf(sort).safeParse(text);
  if (result.success) return text;
  const shown = text.length > 60 ? `${text.slice(0, 60)}… (${text.length} characters)` : text;
  throw new KilnError(
    "NAME_INVALID",
    `${where}: got ${JSON.stringify(shown)}, want a ${sort} of 1 to ${rule.max} characters`,
    {
      hint: `a ${sort} has ${rule.allowed}`,
    },
  );
}
