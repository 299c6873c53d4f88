// What recipes say about the packages of a system, whatever their format: units, users, folders. What systemd couldn't read is
// an error of the recipe, with its line, and never a package.

import { z } from "zod";

import { sourcePathSchema } from "../kind.ts";

export const line = z
  .string()
  .min(1)
  .max(1000)
  .regex(/^\S(?:[^\p{Cc}\p{Cs}]*\S)?$/u, "one line, without spaces around it");

/** An absolute path on the system, in its one spelling. */
export const systemPath = z
  .string()
  .max(1000)
  .regex(/^\/[^\p{Cc}\p{Cs}]*[^/\p{Cc}\p{Cs}]$/u, "an absolute path on the system")
  .refine(
    (path) => !path.slice(1).split("/").some(isOddSegment),
    "a path without // . and .., its names at most 255 bytes long",
  );

export function isOddSegment(segment: string): boolean {
  return segment === "" || segment === "." || segment === ".." || Buffer.byteLength(segment) > 255;
}

const userName = z.string().regex(/^[a-z_][a-z0-9_-]{0,30}$/, "the name of a user or group: a-z, 0-9, _ and -");

/** sysusers.d has quotes, escapes and % for its own use. */
const plainPath = systemPath.regex(/^[^\s"'\\%:]+$/u, "a path without spaces, quotes and % : \\");

const unitName = z
  .string()
  .max(255)
  .regex(
    /^[A-Za-z0-9:_.\\-]+@?\.(?:service|socket|timer|path|target|mount)$/,
    "the file name of a unit, as in `app.service`",
  );

const unit = z.strictObject({
  from: sourcePathSchema.describe("The unit file in the repository."),
  enable: z.boolean().default(true).describe("Enabled at the first installation, if it has an [Install] section."),
  start: z.boolean().default(true).describe("Started when it is installed."),
  upgrade: z
    .enum(["restart", "stop", "leave"])
    .default("restart")
    .describe(
      "What an upgrade does: `restart` it once all is in place, `stop` it before and start it afterwards, or `leave` it running.",
    ),
});

const user = z.strictObject({
  comment: z
    .string()
    .regex(/^[^\p{Cc}\p{Cs}"'\\%:]{1,100}$/u, "one line without quotes and % : \\")
    .optional()
    .describe("What the user is for."),
  home: plainPath.default("/nonexistent").describe("Its home folder, which isn't made: see `tmpfiles`."),
  shell: plainPath.default("/usr/sbin/nologin").describe("Its shell."),
  groups: z.array(userName).default([]).describe("Groups that it is in beside its own; made if they aren't there."),
});

/** Keys of a recipe; a kind adds its own. */
export const unitsAndUsers = {
  units: z
    .record(
      unitName,
      z.union([sourcePathSchema, unit]).transform((it) => (typeof it === "string" ? unit.parse({ from: it }) : it)),
    )
    .default({})
    .describe("systemd units, by file name: a path in the repository, or a map."),
  users: z.record(userName, user).default({}).describe("System users (sysusers.d) that are made before it starts."),
  tmpfiles: z
    .array(line)
    .default([])
    .describe("Folders and files that are made before it starts, as in `d /var/lib/app 0750 app app -` (tmpfiles.d)."),
} as const;

const shape = z.strictObject(unitsAndUsers);
export type UnitsAndUsers = z.output<typeof shape>;
