// The package.json of a folder that was built: read as data that nobody vouches for, never through a link.

import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import { KilnError } from "../../errors.ts";

const named = z.record(z.string(), z.string()).optional();

/** npm's own limit on a name is 214. */
export const packageNameSchema = z
  .string()
  .max(214, "an npm package name of at most 214 characters")
  .regex(/^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/, "an npm package name");

const packageSchema = z.looseObject({
  name: packageNameSchema,
  version: z.unknown().optional(),
  private: z.boolean().optional(),
  bin: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  scripts: named,
  dependencies: named,
  devDependencies: named,
  optionalDependencies: named,
  peerDependencies: named,
  publishConfig: z.record(z.string(), z.json()).optional(),
});

export type Package = z.infer<typeof packageSchema>;

/** The package.json in `folder` (absolute), keys in the order in which they stand. Throws ARTIFACT_INVALID; `where` is its path for a person. */
export function readPackage(folder: string, where: string): Package {
  const path = join(folder, "package.json");
  if (!(lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false)) {
    throw new KilnError("ARTIFACT_INVALID", `${where}: got no such file`, {
      hint: "name the folder that has the package.json: `from`",
    });
  }
  return parsePackage(readFileSync(path, "utf8"), where);
}

export function parsePackage(text: string, where: string): Package {
  const json = parseJson(text, where);
  const parsed = packageSchema.safeParse(json);
  if (!parsed.success) {
    checkPackageName(Object(json) as { name?: unknown }, where);
    throw new KilnError("ARTIFACT_INVALID", `${where}: ${z.prettifyError(parsed.error)}`, {
      hint: "npm could not install it: correct the package.json",
    });
  }
  // In the order in which it was written.
  return json as Package;
}

/** Throws ARTIFACT_INVALID: the one field of which a person must know what it may be. */
function checkPackageName({ name }: { readonly name?: unknown }, where: string): void {
  if (packageNameSchema.safeParse(name).success) return;
  const text = name === undefined ? "none" : JSON.stringify(name);
  const got = text.length > 80 ? `${text.slice(0, 80)}… (${text.length - 2} characters)` : text;
  throw new KilnError(
    "ARTIFACT_INVALID",
    `${where}: name: got ${got}, want an npm package name: at most 214 lower-case letters, digits and . _ ~ -, after @SCOPE/ if it has one`,
    { hint: "npm could not install it: correct the package.json" },
  );
}

export function parseJson(text: string, where: string): unknown {
  try {
    // npm takes a byte order mark, too.
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new KilnError("ARTIFACT_INVALID", `${where}: got text that isn't JSON`, {
      hint: "correct the file, or the step that writes it",
      cause,
    });
  }
}
