// Values of a chart that the bake fills in: a version, or what another artifact of the same bake is, by its digest.

import { z } from "zod";

import type { Artifact } from "../../artifact/manifest.ts";
import { KilnError } from "../../errors.ts";
import type { PackJob } from "../kind.ts";

const placeholder = /\$\{([^}]*)\}/g;
const known = /^(?:version|artifact\.(?<name>[a-z0-9._+-]+?)\.(?<what>sha256|file|record\.[A-Za-z0-9_.-]+))$/;

export const valuesSchema = z
  .record(
    z
      .string()
      .max(300)
      .refine((path) => pathOf(path).every((key) => key !== ""), "keys with dots between them, as in `image.digest`"),
    z.union([
      z
        .string()
        .max(2000)
        .refine(
          (text) => [...text.matchAll(placeholder)].every(([, inside = ""]) => known.test(inside)),
          "`${version}`, or `${artifact.NAME.sha256}`, `.file` or `.record.KEY`",
        ),
      z.number(),
      z.boolean(),
    ]),
  )
  .default({})
  .describe(
    "Values that are written into values.yaml, by their path, as in `image.digest: sha256:${artifact.app.sha256}`: `${version}`, and of an artifact of the same bake `${artifact.NAME.sha256}`, `.file`, or a member of its record (`.record.KEY`). A dot that belongs to a key is written `\\.`.",
  );

export type Values = z.output<typeof valuesSchema>;

/** The keys on the way: `a\.b.c` is `a.b`, then `c`. */
export function pathOf(path: string): string[] {
  return path.split(/(?<!\\)\./).map((key) => key.replaceAll("\\.", "."));
}

/** Names of the artifacts that the values name. */
export function artifactsIn(values: Values): string[] {
  const texts = Object.values(values).filter((value) => typeof value === "string");
  const names = texts.flatMap((text) =>
    [...text.matchAll(placeholder)].flatMap(([, inside = ""]) => known.exec(inside)?.groups?.["name"] ?? []),
  );
  return [...new Set(names)];
}

/** Throws ARTIFACT_INVALID. */
export function fillIn(value: Values[string], job: Pick<PackJob, "artifact" | "release" | "packed">): Values[string] {
  if (typeof value !== "string") return value;
  return value.replace(placeholder, (_, inside: string) => {
    const { name, what } = known.exec(inside)?.groups ?? {};
    if (name === undefined || what === undefined) return job.release.version;
    const artifact = job.packed.get(name);
    if (artifact === undefined) throw new TypeError(`${name} isn't packed yet`);
    if (what === "sha256" || what === "file") return artifact[what];
    return memberOf(artifact, what.slice("record.".length), job.artifact);
  });
}

function memberOf({ name, record }: Artifact, path: string, artifact: string): string {
  let value: unknown = record;
  for (const key of path.split(".")) {
    value =
      typeof value === "object" && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
  }
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw new KilnError(
    "ARTIFACT_INVALID",
    `${artifact}: values: got no text or number ${path} in the record of ${name}`,
    {
      hint: `its record has ${Object.keys(record).join(", ") || "nothing"}`,
    },
  );
}
