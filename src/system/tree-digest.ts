// One digest of a folder or file: of every path in it, what it is, whether it can be run, and its bytes. Owners and times are
// left out: a copy of the folder has the same digest.

import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";

import type { Digest } from "../artifact/digest.ts";
import { hashFile } from "./hash-file.ts";

/** Throws what the system says of files that can't be read. */
export async function treeDigest(path: string, signal?: AbortSignal): Promise<Digest> {
  const hash = createHash("sha256");
  const visit = async (at: string, name: string): Promise<void> => {
    signal?.throwIfAborted();
    const stats = lstatSync(at);
    const line = (...words: readonly string[]): void => void hash.update(`${JSON.stringify([name, ...words])}\n`);
    if (stats.isSymbolicLink()) return line("link", readlinkSync(at));
    if (stats.isFile()) return line("file", (stats.mode & 0o100) === 0 ? "data" : "program", await hashFile(at));
    if (!stats.isDirectory()) return line("other");
    line("folder");
    for (const entry of readdirSync(at).toSorted())
      await visit(join(at, entry), name === "" ? entry : `${name}/${entry}`);
  };
  await visit(path, "");
  return hash.digest("hex");
}
