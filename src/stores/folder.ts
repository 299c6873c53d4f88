// A store in a folder, for publishers. An object gets its name by one `link` (create) or `rename` (replace) of a temporary
// file whose bytes are on the disk already, so readers and crashes see it whole or not at all.
// `replace`, `remove` and the renewal of an age hold a kernel lock; nothing else needs one.
// What a publisher has *read* is made durable first: else it could build on a document that a power cut takes back.

import { createHash, randomUUID } from "node:crypto";
import { access, constants, type FileHandle, link, lstat, mkdir, rename, unlink } from "node:fs/promises";
import { join, posix } from "node:path";

import { isSystemError, KilnError } from "../errors.ts";
import { foldersBelow, type InFolder } from "../system/durable-folders.ts";
import { folderClock, sweepTemporaries, type Temporary, withTemporary } from "../system/durable-temporary.ts";
import { writeBody } from "../system/durable-write.ts";
import { explainFailure } from "../system/durable.ts";
import { withLock } from "../system/lock.ts";
import { openFileInside, openFolderInside } from "../system/open-inside.ts";
import { describe, folderReader, orClose, readUpTo, storeRoot } from "./folder-reader.ts";
import { checkKey, type ClockReading, documentLimit, replaceLimit, type Store } from "./store.ts";

/** No key begins with a dot, so nothing in here is an object. It is in the store to be in its file system. */
const temporaryFolder = ".tmp";
/** Milliseconds after which a temporary file's process is taken for dead. */
const staleAge = 3_600_000;

interface Place {
  readonly root: string;
  /** Absolute path of the folder of temporary files and of the lock. */
  readonly temporary: string;
  readonly inFolder: InFolder;
  /** Runs `work` while no other process replaces, removes or renews anything here. */
  readonly locked: <T>(work: () => Promise<T>) => Promise<T>;
}

type Pieces = AsyncIterable<Uint8Array>;

/**
 * Opens a folder (absolute path) for reading and writing, and removes what killed publishers left in its temporary folder.
 * `signal` ends waits. Throws STORE_NOT_FOUND, STORE_READ_ONLY, DISK_FULL, STORE_CORRUPT.
 */
export async function openFolderStore(path: string, signal: AbortSignal): Promise<Store> {
  const root = await storeRoot(path);
  const temporary = join(root, temporaryFolder);
  const place: Place = {
    root,
    temporary,
    inFolder: foldersBelow(root),
    locked: (work) => withLock(join(temporary, "lock"), { signal }, work),
  };
  await explained(root, () => prepareTemporary(place));
  return {
    ...folderReader(root, (key) => settle(place, key)),
    async create(key, body) {
      checkKey(key);
      const source = watch(body);
      return explained(root, () => create(place, key, source.body), source.hasThrown);
    },
    clock: () => explained(root, () => readClock(temporary)),
    async link(key, from) {
      checkKey(key);
      checkKey(from);
      return explained(root, () => linkTo(place, key, from));
    },
    async replace(key, body, etag) {
      checkKey(key);
      if (body.length > replaceLimit) throw tooLarge(key, body.length);
      return explained(root, () => replace(place, { key, body, etag }));
    },
    likelyEtag: (body) => (body.length > documentLimit ? undefined : createHash("sha256").update(body).digest("hex")),
    async remove(key, unchangedSince) {
      checkKey(key);
      return explained(root, () => remove(place, key, unchangedSince));
    },
  };
}

async function readClock(temporary: string): Promise<ClockReading> {
  const asked = performance.now();
  const earliest = await folderClock(temporary);
  return { earliest, latest: earliest + performance.now() - asked };
}

async function prepareTemporary({ root, temporary }: Place): Promise<void> {
  try {
    await mkdir(temporary);
  } catch (error) {
    if (!isSystemError(error, "EEXIST")) throw error;
  }
  const handle = await openFolderInside({ root, path: temporaryFolder });
  if (handle === undefined) throw new KilnError("STORE_CORRUPT", `${temporary}: got a file, want a folder`);
  await handle.close();
  // Now, not after an hour of baking and signing.
  await access(temporary, constants.W_OK | constants.X_OK);
  await sweepTemporaries(temporary, staleAge);
}

async function create(place: Place, key: string, body: Uint8Array | Pieces): Promise<"created" | "exists"> {
  const there = await renew(place, key);
  if (there !== undefined) return adopt(place, { key, there, body });
  return withTemporary({ folder: place.temporary }, async (file) => {
    await writeBody(file.handle, body);
    await file.handle.sync();
    while (!(await giveName(place, key, file))) {
      const faster = await renew(place, key);
      // Made and removed again meanwhile: the name is free.
      if (faster === undefined) continue;
      const written = file.handle.createReadStream({ start: 0, autoClose: false });
      return adopt(place, { key, there: faster, body: written });
    }
    return "created";
  });
}

/** Answers for an object that is there (open; it is closed), if it has the bytes of `body`. */
async function adopt(
  place: Place,
  { key, there, body }: { readonly key: string; readonly there: FileHandle; readonly body: Uint8Array | Pieces },
): Promise<"exists"> {
  try {
    if (!(await hasBytes(there, body instanceof Uint8Array ? [body] : body))) {
      throw new KilnError("IMMUTABLE_CONFLICT", `${key}: got other bytes than those which are in ${place.root}`, {
        details: { key },
      });
    }
  } finally {
    await there.close();
  }
  // Its maker may have been stopped before doing this.
  await settle(place, key);
  return "exists";
}

async function hasBytes(handle: FileHandle, body: Iterable<Uint8Array> | Pieces): Promise<boolean> {
  let position = 0;
  for await (const piece of body) {
    const stored = await readUpTo(handle, { start: position, length: piece.length });
    if (Buffer.compare(stored, piece) !== 0) return false;
    position += piece.length;
  }
  return (await handle.stat()).size === position;
}

/** The object, open, its age renewed: `remove` leaves it alone from now on. `undefined` when there is none. */
async function renew({ root, temporary, locked }: Place, key: string): Promise<FileHandle | undefined> {
  const seen = await openFileInside({ root, path: key });
  if (seen === undefined) return undefined;
  await seen.close();
  const now = await folderClock(temporary);
  return locked(async () => {
    const handle = await openFileInside({ root, path: key });
    if (handle === undefined) return undefined;
    await orClose(handle, setAge(handle, now));
    return handle;
  });
}

async function setAge(handle: FileHandle, now: number): Promise<void> {
  const { mtimeMs } = await handle.stat({ bigint: true });
  // In the middle of its millisecond: as a fraction of a second it may be rounded either way.
  const seconds = (now + 0.5) / 1000;
  if (Number(mtimeMs) < now) await handle.utimes(seconds, seconds);
}

/** Makes the name of an object that was found durable, and all folders above it. */
function settle({ inFolder }: Place, key: string): Promise<void> {
  return inFolder(folderOf(key), (folder) => folder.sync());
}

/** Names the temporary file `key`, durably. False: there is such an object already. */
function giveName({ inFolder }: Place, key: string, file: Temporary): Promise<boolean> {
  return inFolder(folderOf(key), async (folder) => {
    const target = folder.at(posix.basename(key));
    try {
      await link(file.path, target);
    } catch (error) {
      if (!isSystemError(error, "EEXIST")) throw error;
      await refuseFolder(target, key);
      return false;
    }
    // If we stop here, readers see the object and a power cut may take it back. Nobody was told that it is there, and a
    // publisher who finds it syncs the folder before saying so.
    await folder.sync();
    return true;
  });
}

async function refuseFolder(target: string, key: string): Promise<void> {
  try {
    if (!(await lstat(target)).isDirectory()) return;
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return;
    throw error;
  }
  throw new KilnError("NAME_INVALID", `${key}: got a key that is the folder of others, want one of its own`, {
    hint: "a key is never a folder of another key",
    details: { key },
  });
}

async function linkTo(place: Place, key: string, from: string): Promise<void> {
  const { root, temporary, inFolder } = place;
  // Both names have one age. It is renewed before there are two: `remove` spares the new one from its first moment.
  const source = await renew(place, from);
  if (source === undefined) {
    throw new KilnError("NOT_FOUND", `${from}: got no such object in ${root}`, { details: { key: from } });
  }
  try {
    const { ino } = await source.stat();
    await inFolder(folderOf(from), (here) =>
      inFolder(folderOf(key), async (folder) => {
        const path = here.at(posix.basename(from));
        const target = folder.at(posix.basename(key));
        try {
          await link(path, target);
        } catch (error) {
          if (!isSystemError(error, "EEXIST")) throw error;
          await refuseFolder(target, key);
          await replaceByLink(path, { target, ino, temporary });
        }
        // The bytes are on the disk since `from` was made. If we stop here the name may be lost, and nobody was told of it.
        await folder.sync();
      }),
    );
  } finally {
    await source.close();
  }
}

/** Does nothing when `target` is the file already: renaming one name of a file to another leaves both. */
async function replaceByLink(
  path: string,
  { target, ino, temporary }: { readonly target: string; readonly ino: number; readonly temporary: string },
): Promise<void> {
  if ((await lstat(target)).ino === ino) return;
  const name = join(temporary, `.kiln-${randomUUID()}`);
  await link(path, name);
  await rename(name, target);
}

interface Replacement {
  readonly key: string;
  readonly body: Uint8Array;
  readonly etag: string | null;
}

function replace(place: Place, { key, body, etag }: Replacement): Promise<"replaced" | "lost"> {
  const { root, temporary, inFolder, locked } = place;
  return withTemporary({ folder: temporary }, async (file) => {
    await writeBody(file.handle, body);
    await file.handle.sync();
    if (etag === null) return (await giveName(place, key, file)) ? "replaced" : "lost";
    return inFolder(folderOf(key), async (folder) => {
      const won = await locked(async () => {
        if ((await currentEtag(root, key)) !== etag) return false;
        await rename(file.path, folder.at(posix.basename(key)));
        return true;
      });
      if (!won) return "lost";
      // Not under the lock: whoever replaces ours meanwhile read it, and so made it durable before its own.
      await folder.sync();
      return "replaced";
    });
  });
}

async function currentEtag(root: string, key: string): Promise<string | undefined> {
  const handle = await openFileInside({ root, path: key });
  if (handle === undefined) return undefined;
  const { info } = await orClose(handle, describe(handle));
  await handle.close();
  return info.etag;
}

async function remove(
  { root, inFolder, locked }: Place,
  key: string,
  unchangedSince: number,
): Promise<"removed" | "kept"> {
  return inFolder(folderOf(key), async (folder) => {
    const kept = await locked(async () => {
      const handle = await openFileInside({ root, path: key });
      if (handle === undefined) return false;
      const { mtimeMs } = await orClose(handle, handle.stat({ bigint: true }));
      await handle.close();
      if (Number(mtimeMs) > unchangedSince) return true;
      await unlink(folder.at(posix.basename(key)));
      return false;
    });
    if (kept) return "kept";
    await folder.sync();
    return "removed";
  });
}

function folderOf(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf("/")));
}

function tooLarge(key: string, size: number): KilnError {
  return new KilnError("DOCUMENT_TOO_LARGE", `${key}: got ${size} bytes, want at most ${replaceLimit}`, {
    details: { key, size },
  });
}

/** The body, and whether an error is one that it threw: such errors aren't the store's. */
function watch(body: Uint8Array | Pieces): { body: Uint8Array | Pieces; hasThrown: (error: unknown) => boolean } {
  if (body instanceof Uint8Array) return { body, hasThrown: () => false };
  const thrown: unknown[] = [];
  async function* passing(pieces: Pieces): AsyncGenerator<Uint8Array> {
    try {
      yield* pieces;
    } catch (error) {
      thrown.push(error);
      throw error;
    }
  }
  return { body: passing(body), hasThrown: (error) => thrown.includes(error) };
}

/** What `work` returns; what the system refused gets a code, unless it is `foreign`. */
async function explained<T>(
  root: string,
  work: () => Promise<T>,
  foreign: (error: unknown) => boolean = () => false,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (foreign(error)) throw error;
    if (isSystemError(error, "EACCES", "EPERM", "EROFS")) {
      throw new KilnError(
        "STORE_READ_ONLY",
        `store ${root}: got ${error.code}, want a folder that this user may write`,
        {
          hint: "publish as the user who owns the store, and check that it isn't mounted read-only",
          cause: error,
        },
      );
    }
    if (isSystemError(error, "EXDEV")) {
      throw new KilnError("STORE_READ_ONLY", `store ${root}: got a folder in another file system, want all in one`, {
        hint: "mount the file system at the store itself, not at a folder in it",
        cause: error,
      });
    }
    if (isSystemError(error, "ENOENT")) {
      throw new KilnError("STORE_NOT_FOUND", `store ${root}: got a folder or file that vanished while it was in use`, {
        hint: "run it again, and see who removes things there",
        cause: error,
      });
    }
    throw explainFailure(error, root);
  }
}
