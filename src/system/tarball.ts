// A gzipped tar that was made elsewhere, read to its end: which files are in it, and the bytes of a few that are asked for. Nothing is
// written. What leads out of it, is cut off or unpacks without an end is an error.

import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";

import { isSystemError } from "../errors.ts";
import { shown, tarReader, unsafe } from "./tar-reader.ts";

export interface Tarball {
  /** Paths below the one folder at its top, in their order. */
  readonly paths: readonly string[];
  /** Bytes of all files. */
  readonly size: number;
  /** Of the files that were asked for, by their paths. */
  readonly texts: ReadonlyMap<string, string>;
}

/** What takes more room is made to fill somebody's disk. */
const mostUnpacked = 64 * 1024 ** 3;
const mostFiles = 1_000_000;
/** Of a file whose bytes are kept. */
const longestText = 5 * 1024 * 1024;

export function isGzip(start: Buffer): boolean {
  return start[0] === 0x1f && start[1] === 0x8b;
}

/** `wanted`: paths below the folder at its top. Throws ARCHIVE_UNSAFE. */
export async function readTarball(
  path: string,
  { wanted, signal }: { readonly wanted: readonly string[]; readonly signal: AbortSignal },
): Promise<Tarball> {
  const paths: string[] = [];
  const texts = new Map<string, Buffer[]>();
  let top: string | undefined;
  let size = 0;
  let kept: Buffer[] | undefined;
  let left = 0;
  const reader = tarReader({
    entry(entry) {
      const [first = "", ...rest] = entry.path.split("/").filter((part) => part !== "" && part !== ".");
      if (entry.path.startsWith("/") || rest.includes("..") || first === "..") {
        throw unsafe(`got ${shown(entry.path)}, want paths that stay inside`);
      }
      kept = undefined;
      if (entry.type !== "file") return;
      top ??= first;
      if (first !== top) throw unsafe(`got ${shown(first)} at its top beside ${shown(top)}, want one folder`);
      const inner = rest.join("/");
      size += entry.size;
      paths.push(inner);
      if (size > mostUnpacked || paths.length > mostFiles) throw unsafe("got more in it than anybody means");
      if (!wanted.includes(inner)) return;
      if (texts.has(inner)) throw unsafe(`got ${shown(inner)} twice`);
      if (entry.size > longestText)
        throw unsafe(`got ${entry.size} bytes of ${shown(inner)}, want at most ${longestText}`);
      texts.set(inner, (kept = []));
    },
    data: (piece) => void kept?.push(Buffer.from(piece)),
    end: () => {},
  });
  try {
    await pipeline(
      createReadStream(path, { highWaterMark: 1024 * 1024, signal }),
      createGunzip(),
      async (pieces: AsyncIterable<Buffer>) => {
        for await (const piece of pieces) {
          // Headers take room too.
          left += piece.length;
          if (left > 2 * mostUnpacked) throw unsafe("got more in it than anybody means");
          reader.write(piece);
        }
      },
    );
  } catch (error) {
    if (error instanceof Error && isSystemError(error, "Z_DATA_ERROR", "Z_BUF_ERROR"))
      throw unsafe(`got no gzip to its end: ${error.message}`, error);
    throw error;
  }
  reader.finish();
  return {
    paths,
    size,
    texts: new Map([...texts].map(([inner, pieces]) => [inner, Buffer.concat(pieces).toString("utf8")])),
  };
}
