// A lock between processes that the kernel holds: it goes with the process that has it, however that one ends, so there
// is no lock file to go stale. It is SQLite's own lock (fcntl) on an empty file; docs/decisions/lock.md says why.
// Nothing else in the process may open the file: closing any descriptor of it would give the lock back.

import { constants } from "node:fs";
import { access, lstat, open } from "node:fs/promises";
import type { DatabaseSync } from "node:sqlite";

import { isSystemError, KilnError } from "../errors.ts";
import { pause, spread } from "./retry.ts";

export interface LockOptions {
  readonly signal: AbortSignal;
  /** Milliseconds to wait for another process before BUSY; a minute when left out. */
  readonly patience?: number;
}

/** In this process, who asked first comes first: the promise of the last in the queue, by path. */
const queues = new Map<string, Promise<unknown>>();

/**
 * Runs `work` while this process, and in it this call alone, holds the lock on the file `path` (absolute; made if it isn't
 * there, empty). Never blocks the event loop. Throws BUSY, CANCELLED, and what the system says when it can't be opened.
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const turn = Promise.allSettled([queues.get(path)]).then(() => locked(path, options, work));
  const end = Promise.allSettled([turn]);
  queues.set(path, end);
  try {
    return await turn;
  } finally {
    if (queues.get(path) === end) queues.delete(path);
  }
}

async function locked<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + (options.patience ?? 60_000);
  for (let waited = 1; ; waited = Math.min(waited * 1.5, 10)) {
    const database = await tryLock(path);
    if (database !== undefined) {
      try {
        return await work();
      } finally {
        database.close();
      }
    }
    if (performance.now() > deadline) {
      throw new KilnError("BUSY", `${path}: got no lock, want the process that holds it to end its work`, {
        hint: `see who holds it: fuser -v ${path}`,
        details: { path },
      });
    }
    await pause(spread(waited), options.signal);
  }
}

/** The open database that holds the lock until it is closed, or `undefined` when another process has it. */
async function tryLock(path: string): Promise<DatabaseSync | undefined> {
  const before = await lockFile(path);
  // Loaded by who writes only: it costs a reader some milliseconds.
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // In memory: otherwise each lock of an empty database writes a journal beside it.
    database.exec("PRAGMA journal_mode = MEMORY");
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  // Who removes the file while we open it makes our lock one on nothing: look again.
  const after = await lockFile(path).catch((error: unknown) => {
    database.close();
    throw error;
  });
  if (before === after) return database;
  database.close();
  return undefined;
}

/** Makes the file if it isn't there, and returns what tells it from every other. */
async function lockFile(path: string): Promise<string> {
  try {
    const stats = await lstat(path, { bigint: true });
    // SQLite would take over what a stranger put there: a database is no lock, and a link leads elsewhere.
    if (!stats.isFile() || stats.size !== 0n) {
      throw new KilnError("STORE_CORRUPT", `${path}: got a file that isn't empty, want Kiln's lock`, {
        hint: "look at who wrote it, and remove it while nothing uses the folder",
      });
    }
    await access(path, constants.R_OK | constants.W_OK);
    return `${stats.dev}-${stats.ino}`;
  } catch (error) {
    if (!isSystemError(error, "ENOENT")) throw error;
  }
  // SQLite says only that it can't; this says why. O_EXCL: never a descriptor of a lock that this process holds.
  try {
    await (await open(path, "wx")).close();
  } catch (error) {
    if (!isSystemError(error, "EEXIST")) throw error;
  }
  return lockFile(path);
}

/** SQLITE_BUSY and its extended forms. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === 5;
}
