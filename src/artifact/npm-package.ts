// An npm package among the artifacts of a release: what a registry signs of it, and which names a registry can show. The
// signature is made at publish with the release key and lies in the signatures document; clients check it against the
// registry's keys (`npm audit signatures`, pacote).

import { z } from "zod";

import type { Artifact } from "./manifest.ts";
import { keyHint } from "./trust.ts";

/** As npm has it for new packages: no capitals, nothing that a URL would escape, no name of a folder or file of its own. */
const nameSchema = z
  .string()
  .max(214)
  .regex(/^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*$/)
  .refine((name) => !["node_modules", "favicon.ico"].includes(name));

/** Whether npm installs a package of this name, and a registry can show it. */
export function isNpmName(name: string): boolean {
  return nameSchema.safeParse(name).success;
}

const recordSchema = z.looseObject({
  name: nameSchema,
  version: z.string().max(256),
  dist: z.looseObject({ integrity: z.string().regex(/^sha512-[0-9A-Za-z+/]{86}==$/), shasum: z.string().optional() }),
});

/** What the packument lists of it, as the bake recorded it. */
export type NpmRecord = z.infer<typeof recordSchema>;

/** `undefined`: it is none, or one that no registry could show. */
export function npmRecordOf({ kind, record }: Pick<Artifact, "kind" | "record">): NpmRecord | undefined {
  return kind === "npm" ? recordSchema.safeParse(record).data : undefined;
}

/** The bytes that a registry signs. */
export function registryText({ name, version, dist }: NpmRecord): Uint8Array {
  return Buffer.from(`${name}@${version}:${dist.integrity}`);
}

/** The id of a key of a registry: base64 SHA-256 of the SPKI, as npm's own registry writes it. */
export function registryKeyId(spki: string): string {
  return `SHA256:${keyHint(spki).replace(/=+$/, "")}`;
}
