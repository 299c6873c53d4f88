// A wheel or sdist that was made elsewhere: its core metadata, as packing would have recorded it. A program in Python reads the file.

import { fileURLToPath } from "node:url";

import { z } from "zod";

import { digestSchema } from "../../artifact/digest.ts";
import { checkArtifactFile } from "../../artifact/name.ts";
import { KilnError } from "../../errors.ts";
import { endOf, runProgram } from "../../system/process.ts";
import type { FileToInspect, Inspected } from "../kind.ts";
import { distributionRecord, pypiPurl, requirementPurls } from "./distribution.ts";
import { refusalSchema } from "./program.ts";

const projectName = z
  .string()
  .max(100, "a Python package name of at most 100 characters")
  .regex(
    /^[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?$/i,
    "a Python package name: letters and digits of ASCII, and . _ - between them",
  );
const versionText = z
  .string()
  .max(100, "a Python version of at most 100 characters")
  .regex(/^[0-9A-Za-z][0-9A-Za-z.!+_-]*$/, "a Python version");

const answerSchema = z.strictObject({
  record: z
    .record(z.string(), z.union([z.string(), z.array(z.string())]))
    .and(z.looseObject({ name: projectName, version: versionText })),
  metadata: z.strictObject({ sha256: digestSchema, text: z.string() }),
  /** The one at its top, or that of a wheel's metadata. */
  folder: z.string(),
  /** Of a wheel. */
  tags: z.array(z.string()),
  build: z.string().nullable(),
});

type Answer = z.output<typeof answerSchema>;

/** On one line: where the first fault is, what stands there if it is text, and what is wanted. */
function problemOf(answer: unknown, { issues }: z.ZodError): string {
  const { path = [], message = "" } = issues[0] ?? {};
  const got = path.reduce<unknown>((value, key) => Object(value)[key], answer);
  const shown = typeof got === "string" ? `got ${JSON.stringify(got.slice(0, 80))}` : "got something else";
  return `${path.join(".")}: ${shown}, want ${message}`;
}

/** `fileOf`: the name that the file must have, and its platform. Throws ARTIFACT_INVALID, TOOL_MISSING. */
export async function inspectDistribution(
  sort: "wheel" | "sdist",
  file: FileToInspect,
  fileOf: (answer: Answer) => { readonly file: string; readonly platform: string },
): Promise<Inspected | undefined> {
  const answer = await ask(sort, file);
  if (answer === null) return undefined;
  const parsed = answerSchema.safeParse(answer);
  if (!parsed.success) throw refused(file, problemOf(answer, parsed.error));
  const { record } = parsed.data;
  const { file: name, platform } = fileOf(parsed.data);
  const license = record["license_expression"] ?? record["license"];
  return {
    file: checkArtifactFile(name, file.name),
    platform,
    record: distributionRecord(parsed.data),
    purl: pypiPurl(record.name, record.version),
    requires: requirementPurls(record),
    package: { name: record.name.replace(/[-_.]+/g, "-").toLowerCase(), version: record.version },
    ...(typeof license === "string" && license !== "" && license !== "UNKNOWN" ? { license } : {}),
  };
}

async function ask(sort: string, file: FileToInspect): Promise<unknown> {
  const program = fileURLToPath(new URL("programs/inspect_file.py", import.meta.url));
  // Neither variables nor a folder of the user's may bring other modules in.
  const result = await runProgram(["python3", "-EsB", program, file.path, sort], {
    cwd: "/",
    env: { PATH: file.env["PATH"], LC_ALL: "C.UTF-8" },
    signal: file.signal,
  });
  if (result.status !== 0) {
    const last = result.stderr.toString("utf8").trim().split("\n").at(-1) ?? "";
    throw refused(file, `got a file that can't be read (${endOf(result)}): ${last}`);
  }
  const answer: unknown = JSON.parse(result.stdout.toString("utf8"));
  const refusal = refusalSchema.safeParse(answer);
  if (!refusal.success) return answer;
  const { code, what, hint } = refusal.data.refused;
  throw new KilnError(code, `${file.name}: ${what}`, { hint });
}

function refused({ name }: FileToInspect, problem: string): KilnError {
  return new KilnError("ARTIFACT_INVALID", `${name}: ${problem}`);
}
