// A folder as a tar.zst: what `kiln deploy` unpacks. The same files give the same bytes: names sorted, one time, owner 0,
// modes 0644 and 0755, one zstd level.

import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createZstdDecompress } from "node:zlib";

import { PackageURL } from "packageurl-js";
import { z } from "zod";

import { checkArtifactFile } from "../artifact/name.ts";
import { KilnError } from "../errors.ts";
import { architecturesOf } from "../system/architecture.ts";
import { entriesOf, type Entry } from "../system/archive-entries.ts";
import { writeArchive } from "../system/archive.ts";
import { tarMembers } from "../system/members.ts";
import { builtPath, sourcePathSchema, type Kind } from "./kind.ts";

const schema = z.strictObject({
  kind: z.literal("archive"),
  from: sourcePathSchema.describe(
    "The folder (or file) to pack, relative to the repository; its content is the archive's top level.",
  ),
});

export const archive: Kind<typeof schema> = {
  name: "archive",
  summary: "a folder as a deterministic .tar.zst, which `kiln deploy` unpacks",
  version: 1,
  programs: [],
  onlyReads: true,
  schema,

  async pack(spec, job) {
    const from = builtPath(job, spec.from);
    const entries = entriesOf(from).filter(isContent);
    if (!entries.some(({ type }) => type !== "folder")) {
      throw new KilnError("ARTIFACT_INVALID", `${job.artifact}: got nothing in ${spec.from}, want files to pack`, {
        hint: "let a build step fill it, or correct `from` in the recipe",
      });
    }
    const { name, version } = job.release;
    const stem = job.artifact === name ? name : `${name}-${job.artifact}`;
    const file = checkArtifactFile(`${stem}-${version}.tar.zst`, job.artifact);
    const { sha256 } = await writeArchive(join(job.out, file), entries, {
      time: job.time,
      signal: job.signal,
      onProgress: job.onProgress,
    });
    const architectures = architecturesOf(entries);
    return {
      file,
      sha256,
      // Programs for several machines are a bundle that each picks from.
      platform: architectures.length === 1 ? `linux-${architectures[0]?.node}` : "any",
      record: {
        format: "tar.zst",
        entries: entries.length,
        unpackedSize: entries.reduce((sum, entry) => sum + (entry.type === "file" ? entry.size : 0), 0),
      },
      purl: new PackageURL("generic", undefined, stem, version, undefined, undefined).toString(),
      from: [from],
      requires: [],
    };
  },

  async readMembers(path, { onMember, signal }) {
    await tarMembers(createReadStream(path, { signal }).pipe(createZstdDecompress()), onMember);
  },
};

/** A checkout's own folder is no content, when the whole source is packed. */
function isContent({ path }: Entry): boolean {
  return path !== ".git" && !path.startsWith(".git/");
}
