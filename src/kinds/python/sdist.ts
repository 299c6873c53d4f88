// A Python source distribution, made by the project's own PEP 517 backend and packed again: backends leave the times, owners
// and order of whatever machine they run on. Spec: the source distribution format (PEP 517, PEP 625).

import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";

import { z } from "zod";

import { pythonVersion } from "../../artifact/version.ts";
import { tarMembers } from "../../system/members.ts";
import type { Kind } from "../kind.ts";
import { fields, packDistribution } from "./distribution.ts";
import { inspectDistribution } from "./inspect.ts";
import { pythonPrograms } from "./program.ts";

const schema = z.strictObject({ kind: z.literal("sdist"), ...fields });

export const sdist: Kind<typeof schema> = {
  name: "sdist",
  summary: "a Python source distribution, made by the project's own backend (PEP 517)",
  version: 1,
  programs: pythonPrograms,
  onlyReads: true,
  schema,
  writeVersion: pythonVersion,

  async pack(spec, job) {
    return { ...(await packDistribution("sdist", spec, job)), platform: "any" };
  },

  async readMembers(path, { onMember, signal }) {
    await tarMembers(createReadStream(path, { signal }).pipe(createGunzip()), onMember);
  },

  async inspect(file) {
    if (file.start[0] !== 0x1f || file.start[1] !== 0x8b) return undefined;
    return await inspectDistribution("sdist", file, ({ folder }) => ({ file: `${folder}.tar.gz`, platform: "any" }));
  },
};
