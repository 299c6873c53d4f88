// What a recipe says about a Debian package beside its files: shared by all kinds that end as a .deb. Whatever dpkg, apt or
// systemd couldn't read is an error of the recipe, with its line, and never a package.

import { z } from "zod";

import { sourcePathSchema } from "../kind.ts";
import { alternatives, provided, relation } from "./relation.ts";

const line = z
  .string()
  .min(1)
  .max(1000)
  .regex(/^\S(?:[^\p{Cc}\p{Cs}]*\S)?$/u, "one line, without spaces around it");

export const packageName = z
  .string()
  .max(200)
  .regex(/^[a-z0-9][a-z0-9+.-]+$/, "a Debian package name: a-z, 0-9 and + - .");

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

/** Debian's own names of control files. */
const control = z.strictObject({
  preinst: sourcePathSchema.optional().describe("A script that runs before the files are unpacked."),
  postinst: sourcePathSchema.optional().describe("A script that configures the package once they are."),
  prerm: sourcePathSchema.optional().describe("A script that runs before they are removed."),
  postrm: sourcePathSchema.optional().describe("A script that runs once they are gone, and on purge."),
  config: sourcePathSchema.optional().describe("The script with debconf's questions."),
  templates: sourcePathSchema.optional().describe("The texts of debconf's questions."),
  triggers: sourcePathSchema.optional().describe("See deb-triggers(5)."),
  shlibs: sourcePathSchema.optional().describe("See deb-shlibs(5)."),
  symbols: sourcePathSchema.optional().describe("See deb-symbols(5)."),
});

const relations = (of: typeof relation, text: string) => z.array(of).optional().describe(text);

/** Keys of a recipe; a kind adds its own. */
export const debShape = {
  package: packageName.optional().describe("The package's name; the release's when left out."),
  architecture: z
    .string()
    .max(40)
    .regex(/^[a-z0-9][a-z0-9-]*$/)
    .refine((name) => !/(?:^|-)any(?:-|$)|^source$/.test(name), "one architecture, as in `amd64`, or `all`")
    .optional()
    .describe("As dpkg names it. When left out: told from the programs inside, `all` when there are none."),
  multiArch: z
    .enum(["same", "foreign", "allowed", "no"])
    .optional()
    .describe("Whether it can be installed for several architectures at once (`same`), or serves all (`foreign`)."),
  description: z
    .string()
    .max(4000)
    .regex(/^[^\S\n]*[^\s\p{Cs}]/u, "a synopsis on the first line")
    .regex(/^(?:[^\p{Cc}\p{Cs}]|\n|\t)*$/u, "text without control characters")
    .optional()
    .describe("The first line is the synopsis."),
  maintainer: line
    .regex(/^[^<>,]+ <[^<>\s,]+@[^<>\s,]+>$/, "a name and an address, as in `Jo Doe <jo@example.org>`")
    .default("Unknown <root@localhost>")
    .describe("As in `Jo Doe <jo@example.org>`."),
  section: line
    .regex(/^[a-z0-9][a-z0-9.+/-]*$/, "a section, as in `utils`")
    .optional()
    .describe("The archive section, as in `utils`."),
  priority: z
    .enum(["required", "important", "standard", "optional", "extra"])
    .default("optional")
    .describe("How much a system needs it."),
  homepage: line
    .refine((text) => URL.parse(text) !== null && /^https?:\/\/\S+$/.test(text), "a URL: https://…")
    .optional()
    .describe("A URL."),
  depends: relations(alternatives, "What must be installed with it, as in `nodejs (>= 20)`."),
  preDepends: relations(alternatives, "What must be installed and configured before it is unpacked."),
  recommends: relations(alternatives, "What is installed with it unless one says no."),
  suggests: relations(alternatives, "What may be useful beside it."),
  enhances: relations(relation, "Packages that it makes more useful."),
  breaks: relations(relation, "What doesn't work any more beside it, as in `app-data (<< 2.0)`."),
  conflicts: relations(relation, "What can't be installed beside it."),
  replaces: relations(relation, "Packages whose files it may overwrite."),
  provides: relations(provided, "Virtual packages that it stands for."),
  shlibs: z
    .boolean()
    .default(true)
    .describe(
      "Whether the libraries that the programs inside are linked to are looked up (`dpkg-shlibdeps`) and added to `depends`.",
    ),
  conffiles: z
    .array(systemPath)
    .default([])
    .describe("Configuration files beside those below /etc: what an administrator changed in them is kept."),
  control: control
    .prefault({})
    .describe(
      "Maintainer scripts and other control files of your own. What units, users and owners need is added: at a line `#DEBHELPER#`, or around what is there.",
    ),
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
  license: line.optional().describe("The licence of what is inside: an SPDX expression, as in `Apache-2.0`."),
  copyright: sourcePathSchema
    .optional()
    .describe("The copyright file. When left out, one is made of `license` and LICENSE or COPYING in the top folder."),
  changelog: sourcePathSchema
    .optional()
    .describe("A changelog: of Debian's form, or any text, which is put beside a generated one."),
} as const;

const shape = z.strictObject(debShape);
export type DebSpec = z.output<typeof shape>;
