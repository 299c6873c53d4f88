// A Debian package of what the recipe maps: each path on the system is a file or folder of the repository.

import { z } from "zod";

import { debVersion } from "../../artifact/version.ts";
import { KilnError } from "../../errors.ts";
import { builtPath, type Kind } from "../kind.ts";
import { filesSchema, placeFiles } from "../system-package/files.ts";
import { inspectDeb } from "./inspect.ts";
import { libraryPrograms } from "./libraries.ts";
import { debPrograms, packDeb } from "./package.ts";
import { readDeb } from "./read.ts";
import { debShape } from "./shape.ts";

const schema = z.strictObject({
  kind: z.literal("deb"),
  ...debShape,
  files: filesSchema.refine((files) => Object.keys(files).length > 0, "at least one file or folder"),
});

export const deb: Kind<typeof schema> = {
  name: "deb",
  summary: "a Debian package, made by `dpkg-deb`",
  version: 3,
  programs: debPrograms,
  mayRun: libraryPrograms,
  onlyReads: true,
  schema,
  writeVersion: debVersion,

  async pack(spec, job) {
    const placed = placeFiles(spec.files, job);
    if (placed.every(({ type }) => type === "folder")) {
      throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got no file in \`files\`, want at least one`, {
        hint: "let a build step fill the folders, or correct their paths in the recipe",
      });
    }
    const from = Object.values(spec.files).flatMap((value) => {
      const path = typeof value === "string" ? value : "from" in value ? value.from : undefined;
      return path === undefined ? [] : [builtPath(job, path)];
    });
    return await packDeb({ spec, placed, from }, job);
  },

  readMembers: readDeb,
  inspect: inspectDeb,
};
