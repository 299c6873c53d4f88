// A wheel's METADATA, as its record in the manifest has it: installers read it before they fetch the wheel, so it must be the very
// bytes that the wheel holds. Spec: core metadata, and its distribution beside the file (PEP 658, PEP 714).

import { z } from "zod";

import { digestOf } from "./digest.ts";
import type { Artifact } from "./manifest.ts";

const recordSchema = z.looseObject({ core_metadata: z.looseObject({ sha256: z.string(), text: z.string() }) });

/** `undefined`: it isn't a wheel, or its record lacks the text (very long ones are left out). */
export function coreMetadataOf({ kind, record }: Pick<Artifact, "kind" | "record">): Buffer | undefined {
  if (kind !== "wheel") return undefined;
  const parsed = recordSchema.safeParse(record);
  if (!parsed.success) return undefined;
  const { sha256, text } = parsed.data.core_metadata;
  const bytes = Buffer.from(text);
  // What isn't the wheel's own would make every installer refuse the wheel.
  return digestOf(bytes) === sha256 ? bytes : undefined;
}
