// A report of tests, coverage or a scan, or any other file, as an artifact that a gate can read and an auditor can keep. In a
// format that is understood it is kept without what a clock or the build folder left in it, so that `--twice` compares what was
// found; its numbers stand in the record. Anything else is kept byte by byte, and has no numbers.

import {
  closeSync,
  createReadStream,
  createWriteStream,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";

import { PackageURL } from "packageurl-js";
import { z } from "zod";

import { checkArtifactFile } from "../artifact/name.ts";
import { KilnError } from "../errors.ts";
import { couldBeReport, formats, type NamedReport, otherFormat, readReport, readReportAs } from "../reports/formats.ts";
import { reportInvalid, reportLimit } from "../reports/report.ts";
import { builtPath, type Kind, type PackJob, sourcePathSchema } from "./kind.ts";

const schema = z.strictObject({
  kind: z.literal("report"),
  from: sourcePathSchema.describe("The file that a step or a check writes."),
  format: z
    .enum([...formats.map(({ name }) => name), otherFormat])
    .optional()
    .describe("What it must be; told from the file when left out. `other` keeps any file as it is, without numbers."),
});

export const report: Kind<typeof schema> = {
  name: "report",
  summary: "a report of tests, coverage or a scan, whose numbers a gate can ask for; or any other file to keep",
  version: 1,
  programs: [],
  onlyReads: true,
  schema,

  async pack(spec, job) {
    const from = builtPath(job, spec.from);
    const size = sizeOf(from, spec.from, job);
    const { name, version } = job.release;
    const stem = job.artifact === name ? name : `${name}-${job.artifact}`;
    const file = checkArtifactFile(`${stem}-${version}${endOf(spec.from)}`, job.artifact);
    const read = readIn(from, { ...spec, size, job });
    if (read === undefined) await pipeline(createReadStream(from), createWriteStream(join(job.out, file), fresh), job);
    else writeFileSync(join(job.out, file), read.text, fresh);
    return {
      file,
      platform: "any",
      record: recordOf(read),
      purl: new PackageURL("generic", undefined, stem, version, undefined, undefined).toString(),
      from: [],
      requires: [],
    };
  },

  async readMembers(path, { onMember, signal }) {
    const take = onMember({ path: basename(path), facts: {} });
    for await (const piece of createReadStream(path, { signal })) take(piece as Buffer);
  },
};

const fresh = { flag: "wx", mode: 0o644 } as const;

/** Bytes. Throws ARTIFACT_INVALID. */
function sizeOf(path: string, shown: string, { artifact }: PackJob): number {
  const facts = lstatSync(path);
  if (!facts.isFile()) {
    throw new KilnError("ARTIFACT_INVALID", `${artifact}: got no regular file at ${shown}, want a report`, {
      hint: "name the file itself; a folder of pages is an artifact of the kind `archive`",
    });
  }
  if (facts.size > 0) return facts.size;
  throw new KilnError("ARTIFACT_INVALID", `${artifact}: got an empty file at ${shown}, want a report`, {
    hint: "let the step that writes it finish",
  });
}

/** Undefined: a file that is kept as it is. Throws REPORT_INVALID. */
function readIn(
  path: string,
  options: z.output<typeof schema> & { readonly size: number; readonly job: PackJob },
): NamedReport | undefined {
  const { from: where, format, size, job } = options;
  if (format === otherFormat) return undefined;
  if (size > reportLimit) {
    if (format === undefined && !couldBeReport(headOf(path))) return undefined;
    throw reportInvalid(where, `got ${size} bytes, want a report of at most ${reportLimit}`);
  }
  const context = { where, folder: job.sandbox.inside(job.source), time: job.time };
  const bytes = readFileSync(path);
  return format === undefined ? readReport(bytes, context) : readReportAs(format, bytes, context);
}

function headOf(path: string): Uint8Array {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(4096);
    return head.subarray(0, readSync(file, head));
  } finally {
    closeSync(file);
  }
}

function recordOf(read: NamedReport | undefined) {
  if (read === undefined) return { format: otherFormat };
  const { format, numbers, unit } = read;
  return { format, numbers: { ...numbers }, ...(unit === undefined ? {} : { unit }) };
}

/** The end of a file's name that says what it is: `.xml`, `.json`, `.info`; none when it has none that is plain. */
function endOf(path: string): string {
  return /[^/](\.[A-Za-z0-9]{1,12})$/.exec(path)?.[1] ?? "";
}
