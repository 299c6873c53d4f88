// The workspaces of a monorepo: package.json's `workspaces` (npm, yarn) or pnpm-workspace.yaml's `packages`. Which folders they
// are follows from the list of files alone, so the commit and the built source are asked by the same code.

import { matchesGlob, posix } from "node:path";

import { parseDocument } from "yaml";
import { z } from "zod";

import { KilnError } from "../../errors.ts";

const globs = z.array(z.string());
const rootSchema = z.looseObject({ workspaces: z.union([globs, z.looseObject({ packages: globs })]) });
const ranges = z.record(z.string(), z.string());
const settingsSchema = z.looseObject({
  packages: globs.optional(),
  catalog: ranges.optional(),
  catalogs: z.record(z.string(), ranges).optional(),
});

/** What pnpm-workspace.yaml or .yarnrc.yml say. */
export type MonorepoSettings = z.infer<typeof settingsSchema>;

/** Where the two tools keep them, beside the package.json at the top of the monorepo. */
export const settingsFiles = ["pnpm-workspace.yaml", ".yarnrc.yml"] as const;

/** `where` is the file's path for a person. Throws ARTIFACT_INVALID. */
export function parseSettings(text: string, where: string): MonorepoSettings {
  const document = parseDocument(text, { prettyErrors: false });
  const [fault] = document.errors;
  const parsed = settingsSchema.safeParse(fault === undefined ? (document.toJS() ?? {}) : undefined);
  if (parsed.success) return parsed.data;
  throw new KilnError("ARTIFACT_INVALID", `${where}: ${fault?.message ?? z.prettifyError(parsed.error)}`, {
    hint: "correct the file: pnpm and yarn read it too",
  });
}

/** The patterns of a package.json that has been read, or undefined. */
export function patternsOf(root: unknown): readonly string[] | undefined {
  const parsed = rootSchema.safeParse(root);
  if (!parsed.success) return undefined;
  return Array.isArray(parsed.data.workspaces) ? parsed.data.workspaces : parsed.data.workspaces.packages;
}

/**
 * The folders with a package.json that match the patterns, sorted; the last pattern that fits decides, and `!` means not.
 * `files` and the result are relative to the top of the monorepo, which is no workspace itself.
 */
export function workspaceFolders(files: readonly string[], patterns: readonly string[]): string[] {
  const folders = files.flatMap((file) => {
    const folder = posix.dirname(file);
    const isInstalled = `/${folder}/`.includes("/node_modules/");
    return posix.basename(file) === "package.json" && folder !== "." && !isInstalled ? [folder] : [];
  });
  const rules = patterns.map((pattern) => ({
    means: !pattern.startsWith("!"),
    glob: pattern
      .replace(/^!/, "")
      .replace(/^\.?\/+/, "")
      .replace(/\/+$/, ""),
  }));
  return folders
    .filter((folder) => rules.findLast(({ glob }) => matchesGlob(folder, glob))?.means ?? false)
    .toSorted((a, b) => (a < b ? -1 : 1));
}
