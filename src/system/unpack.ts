// Unpacks a tar.zst whose bytes are verified but whose content is still nobody's friend. Invariant: every path that is
// written lies in the new folder, below directories that this run made itself, and no link in it leads out. On any
// failure the folder is gone. Owners are those of the caller; modes and times are the archive's.

import {
  chmodSync,
  closeSync,
  fchmodSync,
  futimesSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { join, posix } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";

import { isSystemError, KilnError } from "../errors.ts";
import { staysInside } from "./archive-entries.ts";
import { shown, type TarEntry, tarReader, type TarSink, unsafe } from "./tar-reader.ts";

export interface UnpackOptions {
  readonly signal?: AbortSignal;
  /** Called with the bytes of files written so far. */
  readonly onProgress?: (bytes: number) => void;
}

/** Of what was unpacked. */
export interface Unpacked {
  readonly entries: number;
  /** Bytes in files. */
  readonly bytes: number;
}

/**
 * Unpacks the tar.zst that `archive` yields into `folder`, which it makes (mode 0755, its parent must be there).
 * Not durable yet: the caller syncs. Throws ARCHIVE_UNSAFE, DISK_FULL or CANCELLED, and then nothing is left.
 */
export async function unpack(archive: Readable, folder: string, options: UnpackOptions = {}): Promise<Unpacked> {
  mkdirSync(folder, { mode: 0o700 });
  const writer = folderWriter(folder, options.onProgress);
  try {
    const reader = tarReader(writer);
    await pipeline(archive, createZstdDecompress({ chunkSize: 512 * 1024 }), async (pieces: AsyncIterable<Buffer>) => {
      for await (const piece of pieces) {
        if (options.signal?.aborted) throw new KilnError("CANCELLED", `unpacking into ${folder} was interrupted`);
        reader.write(piece);
      }
    });
    reader.finish();
    writer.finish();
    return { entries: writer.entries, bytes: writer.bytes };
  } catch (error) {
    writer.abandon();
    rmSync(folder, { recursive: true, force: true });
    throw translated(error, folder);
  }
}

interface FolderWriter extends TarSink {
  entries: number;
  bytes: number;
  /** Checks where links lead, and gives directories their modes: a read-only directory takes no files. */
  finish(): void;
  abandon(): void;
}

function folderWriter(folder: string, onProgress: UnpackOptions["onProgress"]): FolderWriter {
  const room = statfsSync(folder);
  /** Directories by relative path, with the mode they get in the end; "" is the folder itself. */
  const directories = new Map<string, number>([["", 0o755]]);
  /** Regular files by relative path: the only things that a hard link may lead to. */
  const files = new Set<string>();
  /** Where symbolic links lead, by relative path. Nothing is ever written through one, so they can be checked at the end. */
  const links = new Map<string, string>();
  let open: { fd: number; modified: number } | undefined;

  /** Makes the directories above `path`. One that is a file or a link there is how an archive would write elsewhere. */
  function enter(path: string): void {
    if (directories.has(path)) return;
    if (files.has(path) || links.has(path)) throw unsafe(`${shown(path)}: got entries below what isn't a directory`);
    enter(parentOf(path));
    mkdirSync(join(folder, path), { mode: 0o700 });
    directories.set(path, 0o755);
  }

  function begin(entry: TarEntry): void {
    writer.entries += 1;
    writer.bytes += entry.size;
    if (writer.bytes > room.bavail * room.bsize || (room.files > 0 && writer.entries > room.ffree)) {
      throw new KilnError(
        "DISK_FULL",
        `${folder}: got an archive of more than ${room.bavail * room.bsize} bytes, want it to fit`,
      );
    }
    const path = safePath(entry);
    if ((entry.mode & 0o7000) !== 0)
      throw unsafe(`${shown(path)}: got mode ${entry.mode.toString(8)}, want no special bits`);
    if (entry.type === "directory") {
      enter(path);
      directories.set(path, entry.mode | 0o700);
      return;
    }
    if (directories.has(path) || files.has(path) || links.has(path)) throw unsafe(`${shown(path)}: got it twice`);
    enter(parentOf(path));
    const full = join(folder, path);
    if (entry.type === "symlink") {
      if (entry.target === "" || Buffer.byteLength(entry.target) > 2000) throw leadsOut(path, entry.target);
      symlinkSync(entry.target, full);
      links.set(path, entry.target);
    } else if (entry.type === "hardlink") {
      const target = relativePath(entry.target);
      if (target === undefined || !files.has(target)) {
        throw unsafe(`${shown(path)}: got a hard link to ${shown(entry.target)}, want a file that came before it`);
      }
      linkSync(join(folder, target), full);
      files.add(path);
    } else {
      const fd = openSync(full, "wx", 0o600);
      open = { fd, modified: entry.modified };
      files.add(path);
      fchmodSync(fd, entry.mode);
    }
  }

  const writer: FolderWriter = {
    entries: 0,
    bytes: 0,
    entry: begin,
    data(piece) {
      if (open === undefined) return;
      for (let at = 0; at < piece.length;) at += writeSync(open.fd, piece, at);
    },
    end() {
      if (open === undefined) return;
      futimesSync(open.fd, open.modified, open.modified);
      closeSync(open.fd);
      open = undefined;
      onProgress?.(writer.bytes);
    },
    finish() {
      for (const [path, target] of links) if (!staysInside(path, links)) throw leadsOut(path, target);
      for (const [path, mode] of directories) chmodSync(join(folder, path), mode);
    },
    abandon() {
      if (open !== undefined) closeSync(open.fd);
    },
  };
  return writer;
}

function safePath(entry: TarEntry): string {
  const path = relativePath(entry.path);
  if (path === undefined || (entry.type !== "directory" && (path === "" || entry.path.endsWith("/")))) {
    throw unsafe(`${shown(entry.path)}: got a path that leaves the folder`);
  }
  return path;
}

/** The path without `.` and doubled slashes; undefined if it is absolute, has a `..`, or is longer than a path may be. */
function relativePath(path: string): string | undefined {
  if (path.startsWith("/") || Buffer.byteLength(path) > 2000) return undefined;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.some((part) => part === ".." || Buffer.byteLength(part) > 255)) return undefined;
  return parts.join("/");
}

function leadsOut(path: string, target: string): KilnError {
  return unsafe(`${shown(path)}: got a link to ${shown(target)}, want one that stays in the folder`);
}

function parentOf(path: string): string {
  const parent = posix.dirname(path);
  return parent === "." ? "" : parent;
}

function translated(error: unknown, folder: string): unknown {
  if (isSystemError(error, "ENOSPC", "EDQUOT")) {
    return new KilnError("DISK_FULL", `${folder}: got no more room while unpacking`, { cause: error });
  }
  if (isSystemError(error, "EACCES", "EPERM", "EROFS")) {
    return new KilnError("PERMISSION_DENIED", `${folder}: can't be written`, { cause: error });
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code.startsWith("ZSTD_") || code.startsWith("Z_")) return unsafe("got bytes that zstd can't read", error);
  return error;
}
