// The digest of a file of any size, read in pieces.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

import type { Digest } from "../artifact/digest.ts";

/** SHA-256 of the file's bytes. */
export async function hashFile(path: string): Promise<Digest> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(piece as Buffer);
  return hash.digest("hex");
}
