// The `files` of a recipe: path on the system → what is put there, with its mode and owner. Two entries never write the same
// path, and nothing gets in that a package of the system, or its lists of files, couldn't hold.

import { basename, dirname, join, relative } from "node:path";

import { z } from "zod";

import { KilnError } from "../../errors.ts";
import { entriesOf, type Entry } from "../../system/archive-entries.ts";
import { builtPath, sourcePathSchema, type PackJob } from "../kind.ts";
import { isOddSegment, systemPath } from "./shape.ts";

/** An entry at its path in the package: no leading slash. */
export type Placed = Entry & {
  readonly at: string;
  /** Permission bits, where they aren't the usual ones. */
  readonly mode?: number | undefined;
  /** `user:group`, where it isn't root's. */
  readonly owner?: string | undefined;
};

const special = {
  mode: z
    .string()
    .regex(/^[0-7][4-7][0-7]{2}$/, 'four octal digits that let the owner read, in quotes, as in "0640"')
    .optional()
    .describe('Its mode, as in `"0640"`; 0755 for programs and folders and 0644 for others when left out.'),
  owner: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,30}(?::[a-z_][a-z0-9_-]{0,30})?$/, "a user, or user:group, as in `root:adm`")
    .optional()
    .describe("`user` or `user:group`; root when left out. `users` can make it."),
};

const placement = z.union([
  sourcePathSchema,
  z.strictObject({ from: sourcePathSchema.describe("A file or folder in the repository."), ...special }),
  z.strictObject({
    link: z
      .string()
      .min(1)
      .max(1000)
      .regex(/^[^\p{Cc}\p{Cs}]+$/u, "a path on one line")
      .describe("What a link there points to."),
  }),
  z.strictObject({
    folder: z.literal(true).describe("An empty folder."),
    ...special,
    mode: special.mode.refine(
      (mode) => mode?.[1] !== "4" && mode?.[1] !== "5" && mode?.[1] !== "6",
      'a mode that lets the owner in, as in "0750"',
    ),
  }),
]);

export type Placement = z.output<typeof placement>;
export type Files = Readonly<Record<string, Placement>>;

/** A path on the system; `/` at its end: a folder that the file goes into under its own name. */
const target = z
  .string()
  .max(1000)
  .refine(
    (path) => systemPath.safeParse(path.replace(/\/$/, "")).success,
    "an absolute path on the system, without // . and ..",
  );

export const filesSchema = z
  .record(target, placement)
  .describe(
    "Path on the system → file or folder in the repository, or a map. What lies below /etc is a configuration file.",
  );

/** What `files` puts where, folders above included, in path order. Throws ARTIFACT_INVALID. */
export function placeFiles(files: Files, job: Pick<PackJob, "artifact" | "source">): Placed[] {
  return arrange(
    Object.entries(files).flatMap(([path, value]) => placedBy(path, value, job)),
    job,
  );
}

/** Entries with the folders above them, each path once, in path order. Throws ARTIFACT_INVALID. */
export function arrange(entries: readonly Placed[], job: Pick<PackJob, "artifact">): Placed[] {
  const placed = new Map<string, Placed>();
  for (const entry of entries.flatMap((one) => [...foldersAbove(one.at), one])) {
    const before = placed.get(entry.at);
    if (before === undefined) placed.set(entry.at, entry);
    else if (before.type !== "folder" || entry.type !== "folder") throw twice(entry.at, job);
    else if (entry.mode !== undefined || entry.owner !== undefined) placed.set(entry.at, entry);
  }
  const all = [...placed.values()].toSorted((a, b) => (a.at < b.at ? -1 : 1));
  for (const { at } of all) checkPath(at, job);
  return all;
}

function placedBy(path: string, value: Placement, job: Pick<PackJob, "artifact" | "source">): Placed[] {
  const at = path.replace(/^\/|\/$/g, "");
  if (typeof value === "string") return copied(path, builtPath(job, value));
  if ("link" in value) return [{ type: "link", path: at, at, target: linkTarget(at, value.link, job) }];
  const own = {
    mode: value.mode === undefined ? undefined : Number.parseInt(value.mode, 8),
    owner: ownerOf(value.owner),
  };
  if ("folder" in value) return [{ type: "folder", path: at, at, ...own }];
  const entries = copied(path, builtPath(job, value.from));
  const [only] = entries;
  if (own.mode === undefined && own.owner === undefined) return entries;
  if (only?.type === "file" && entries.length === 1) return [{ ...only, ...own }];
  throw new KilnError(
    "ARTIFACT_INVALID",
    `${job.artifact}: got a mode or an owner for the folder ${path}, want one for a file`,
    {
      hint: "give each file in it that needs one an entry of its own, or the folder itself: { folder: true, mode: … }",
    },
  );
}

function ownerOf(owner: string | undefined): string | undefined {
  return owner === undefined || owner.includes(":") ? owner : `${owner}:${owner}`;
}

function copied(target: string, path: string): Placed[] {
  const entries = entriesOf(path).filter((entry) => entry.path !== ".git" && !entry.path.startsWith(".git/"));
  const root = target.replace(/^\/|\/$/g, "");
  const [only] = entries;
  if (only?.type === "file" && only.source === path) {
    return [{ ...only, at: target.endsWith("/") ? `${root}/${basename(path)}` : root }];
  }
  const folder: Placed = { type: "folder", path: root, at: root };
  return [folder, ...entries.map((entry): Placed => ({ ...entry, at: `${root}/${entry.path}` }))];
}

/** As Debian Policy 10.5 has them: relative within one top folder, absolute from one to another. */
function linkTarget(at: string, target: string, job: Pick<PackJob, "artifact">): string {
  const folder = `/${dirname(at)}`;
  const absolute = join(folder, target);
  const meant = target.startsWith("/") ? join("/", target) : absolute;
  const ups = target.split("/").filter((segment) => segment === "..").length;
  if (
    !target.startsWith("/") &&
    ups > folder.split("/").filter((segment) => segment !== "" && segment !== ".").length
  ) {
    throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got a link from /${at} to ${target}, above the root`, {
      hint: "write where it leads as an absolute path",
    });
  }
  return topOf(meant) === topOf(`/${at}`) ? relative(folder, meant) || "." : meant;
}

function topOf(path: string): string {
  return path.split("/")[1] ?? "";
}

function foldersAbove(path: string): Placed[] {
  const segments = path.split("/").slice(0, -1);
  return segments.map((_, index): Placed => {
    const at = segments.slice(0, index + 1).join("/");
    return { type: "folder", path: at, at };
  });
}

function twice(at: string, { artifact }: Pick<PackJob, "artifact">): KilnError {
  return new KilnError("ARTIFACT_INVALID", `${artifact}: got two files for /${at}, want one`, {
    hint: "let the entries of `files` not overlap, nor what `units` and `users` bring",
  });
}

/** Lists of files are lines, which have no way to write some names. */
function checkPath(at: string, { artifact }: Pick<PackJob, "artifact">): void {
  const segments = at.split("/");
  const what = /[\n\r]/.test(at)
    ? "a line break in"
    : segments.some(isOddSegment) || Buffer.byteLength(at) > 3000
      ? "a name that is too long in"
      : undefined;
  if (what === undefined) return;
  const shown = at.length > 300 ? `${at.slice(0, 300)}…` : at;
  throw new KilnError(
    "ARTIFACT_INVALID",
    `${artifact}: got ${what} ${JSON.stringify(`/${shown}`)}, which no package can hold`,
    {
      hint: "rename it in a build step",
    },
  );
}
