// What a recipe says about a Debian package beside its files: shared by all kinds that end as a .deb. Whatever dpkg, apt or
// systemd couldn't read is an error of the recipe, with its line, and never a package.

import { z } from "zod";

import { sourcePathSchema } from "../kind.ts";
import { line, systemPath, unitsAndUsers } from "../system-package/shape.ts";
import { alternatives, provided, relation } from "./relation.ts";

export const packageName = z
  .string()
  .max(200)
  .regex(/^[a-z0-9][a-z0-9+.-]+$/, "a Debian package name: a-z, 0-9 and + - .");

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
  suffix: z
    .string()
    .max(40)
    .regex(/^[+~](?:[0-9A-Za-z+~]|\.(?!\.|$))+$/, "`+` or `~`, then letters, digits and . + ~")
    .optional()
    .describe(
      "What stands behind the version, to tell it from packages of the same version for other suites, as in `+${matrix.suite}`.",
    ),
  component: z
    .string()
    .max(40)
    .regex(/^[a-z0-9][a-z0-9-]*$/)
    .optional()
    .describe("The component of the apt repositories in which it stands; `main` when left out."),
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
    .describe("The first line is the synopsis; what follows says more."),
  maintainer: line
    .regex(/^[^<>,]+ <[^<>\s,]+@[^<>\s,]+>$/, "a name and an address, as in `Jo Doe <jo@example.org>`")
    .default("Unknown <unknown@kiln.invalid>")
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
  ...unitsAndUsers,
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
