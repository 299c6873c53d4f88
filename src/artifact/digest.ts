// A digest is the lower-case hex SHA-256 of some bytes: how everything immutable is named.

import { createHash } from "node:crypto";

import { z } from "zod";

export type Digest = string;

export const digestSchema = z.string().regex(/^[0-9a-f]{64}$/, "a SHA-256 in lower-case hex");

/** SHA-256 of `bytes`, hex. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return createHash("sha256").update(bytes).digest("hex");
}
