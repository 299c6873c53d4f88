// The reading half of a store in a folder: all that verify, deploy and audit need. It trusts nothing it finds there.
// Files never change in place (a document is swapped by rename), so an open file is one version whole.

import { createHash } from "node:crypto";
import { type FileHandle, realpath, stat } from "node:fs/promises";

import { isSystemError, KilnError } from "../errors.ts";
import { explainFailure } from "../system/durable.ts";
import { openFileInside } from "../system/open-inside.ts";
import { listFolder } from "./folder-list.ts";
import { type ByteRange, checkKey, documentLimit, type ObjectInfo, type ReadableStore, type Store } from "./store.ts";

/** Bytes of a piece of a large object; the next is read while the last is in use. */
const pieceSize = 1024 * 1024;

type FolderReader = ReadableStore & Pick<Store, "list">;

/** Opens a folder (absolute path) for reading. Throws STORE_NOT_FOUND, PERMISSION_DENIED. */
export async function openFolderReader(path: string): Promise<FolderReader> {
  return folderReader(await storeRoot(path));
}

/**
 * The reading half of the store whose root is `root`, as `storeRoot` returned it. `whenSeen` is awaited once an object
 * has been found, before anything of it is given.
 */
export function folderReader(root: string, whenSeen?: (key: string) => Promise<void>): FolderReader {
  const openObject = async (key: string): Promise<FileHandle | undefined> => {
    checkKey(key);
    try {
      const handle = await openFileInside({ root, path: key });
      if (handle !== undefined && whenSeen !== undefined) await orClose(handle, whenSeen(key));
      return handle;
    } catch (error) {
      throw explainFailure(error, `${root}/${key}`);
    }
  };
  return {
    url: root,
    async get(key, range) {
      const handle = await openObject(key);
      if (handle === undefined) return undefined;
      const { info, bytes } = await orClose(handle, describe(handle));
      const start = Math.min(range?.start ?? 0, info.size);
      const length = Math.min(range?.length ?? info.size, info.size - start);
      if (bytes === undefined) return { ...info, body: piecesOf(handle, { start, length }) };
      await handle.close();
      return { ...info, body: once(bytes.subarray(start, start + length)) };
    },
    async head(key) {
      const handle = await openObject(key);
      if (handle === undefined) return undefined;
      const { info } = await orClose(handle, describe(handle));
      await handle.close();
      return info;
    },
    list: (prefix) => listFolder(root, prefix),
  };
}

/** The folder's path without links. Throws STORE_NOT_FOUND, PERMISSION_DENIED. */
export async function storeRoot(path: string): Promise<string> {
  try {
    const root = await realpath(path);
    if ((await stat(root)).isDirectory()) return root;
  } catch (error) {
    if (!isSystemError(error, "ENOENT", "ENOTDIR")) throw explainFailure(error, path);
  }
  throw new KilnError("STORE_NOT_FOUND", `store ${path}: got no such folder`, {
    hint: `check the path, or make a store: kiln store create ${path} --origin HOST`,
    details: { path },
  });
}

/**
 * What an open file is. Up to the limit of documents the etag is the content's digest, so that a document which went back
 * to earlier bytes is that earlier one; above it, it is the file's identity.
 */
export async function describe(handle: FileHandle): Promise<{ info: ObjectInfo; bytes: Buffer | undefined }> {
  const stats = await handle.stat({ bigint: true });
  const size = Number(stats.size);
  const modified = Number(stats.mtimeMs);
  if (size > documentLimit) {
    return { info: { size, modified, etag: `${stats.ino}-${stats.size}-${stats.mtimeNs}` }, bytes: undefined };
  }
  const bytes = await readAt(handle, { start: 0, length: size });
  return { info: { size, modified, etag: createHash("sha256").update(bytes).digest("hex") }, bytes };
}

/** Exactly these bytes of the file. Throws STORE_CORRUPT when it has become shorter: Kiln never does that. */
async function readAt(handle: FileHandle, range: ByteRange): Promise<Buffer> {
  const bytes = await readUpTo(handle, range);
  if (bytes.length === range.length) return bytes;
  throw new KilnError("STORE_CORRUPT", `an object became shorter: got ${bytes.length} bytes, want ${range.length}`);
}

/** These bytes of the file, fewer at its end. */
export async function readUpTo(handle: FileHandle, { start, length }: ByteRange): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, start + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

/** Closes the handle when its end is reached, when it fails, and when the reader leaves early. */
function piecesOf(handle: FileHandle, range: ByteRange): AsyncIterable<Uint8Array> {
  const end = range.start + range.length;
  let position = range.start;
  const readNext = (): Promise<Buffer> | undefined => {
    if (position >= end) return undefined;
    const start = position;
    position = Math.min(position + pieceSize, end);
    const read = readAt(handle, { start, length: position - start });
    // Somebody looks at the failure later, or has left.
    read.catch(() => undefined);
    return read;
  };
  let reading = readNext();
  let closed: Promise<void> | undefined;
  const close = async () => {
    await Promise.allSettled([reading]);
    await (closed ??= handle.close());
  };
  const iterator: AsyncIterator<Uint8Array, undefined> = {
    async next() {
      if (closed !== undefined || reading === undefined) {
        await close();
        return { done: true, value: undefined };
      }
      try {
        const value = await reading;
        reading = readNext();
        return { done: false, value };
      } catch (error) {
        await close();
        throw error;
      }
    },
    async return() {
      await close();
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

/** What `work` gives; when it throws, the handle is closed. */
export async function orClose<T>(handle: FileHandle, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    await handle.close();
    throw error;
  }
}
