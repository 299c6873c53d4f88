// Verdaccio's storage plugin (`store: { kiln: { address, trust } }`): packages and tarballs come straight from a Kiln store, and
// whatever would change something is refused. What Verdaccio wants of a storage is its own: callbacks, streams with events.

import { randomBytes } from "node:crypto";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";

import { silent } from "../../../src/report.ts";
import { refusedWrite } from "../../gate.ts";
import { openSource, type Source } from "../../source.ts";

interface Settings {
  /** Of the store. */
  readonly address: string;
  /** The pinned trust file; by default where `kiln` has it. */
  readonly trust?: string;
}

interface Logger {
  error(values: { readonly problem: string }, text: string): void;
}

type Callback<T = void> = (error: unknown, value?: T) => void;

interface Found {
  readonly name: string;
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly time: number;
}

export default function kilnStorage(settings: Settings, { logger }: { readonly logger: Logger }) {
  const source = lazily(() => openSource(settings, contextOf()));
  const told = (error: unknown): unknown => {
    logger.error({ problem: error instanceof Error ? error.message : String(error) }, "@{problem}");
    return error;
  };
  return {
    logger,
    getPackageStorage: (name: string) => packageStorage(name, { source, told }),
    get(callback: Callback<string[]>): void {
      answer(async () => (await source()).names(), callback, told);
    },
    search(onPackage: (found: Found, next: Callback) => void, onEnd: Callback): void {
      answer(() => eachPackage(source, onPackage), onEnd, told);
    },
    add: (_: string, callback: Callback) => callback(refusedWrite()),
    remove: (_: string, callback: Callback) => callback(refusedWrite()),
    // Nobody logs in, so what would be signed with it lives as long as the process.
    getSecret: async () => randomBytes(16).toString("hex"),
    setSecret: async (secret: string) => secret,
  };
}

interface Surroundings {
  readonly source: () => Promise<Source>;
  readonly told: (error: unknown) => unknown;
}

function packageStorage(name: string, { source, told }: Surroundings) {
  const refuseWith =
    (place: number) =>
    (...args: unknown[]): void =>
      (args[place] as Callback)(refusedWrite());
  return {
    readPackage(_: string, callback: Callback<unknown>): void {
      answer(
        async () => {
          const packument = await (await source()).packument(name);
          if (packument === undefined) throw absent(name);
          return packument;
        },
        callback,
        told,
      );
    },
    readTarball: (file: string) => tarballStream({ name, file }, { source, told }),
    createPackage: refuseWith(2),
    savePackage: refuseWith(2),
    updatePackage: refuseWith(4),
    deletePackage: refuseWith(1),
    removePackage: refuseWith(0),
    writeTarball: () => {
      const stream = abortable();
      process.nextTick(() => stream.emit("error", refusedWrite()));
      return Object.assign(stream, { done: () => undefined });
    },
  };
}

function tarballStream(
  { name, file }: { readonly name: string; readonly file: string },
  { source, told }: Surroundings,
): PassThrough {
  const stream = abortable();
  const send = async (): Promise<void> => {
    const tarball = await (await source()).tarball(name, file);
    if (tarball === undefined) throw absent(`${name}: ${file}`);
    stream.emit("content-length", tarball.size);
    stream.emit("open");
    await pipeline(tarball.body, stream);
  };
  send().catch((error: unknown) => {
    if (!isAbsent(error)) told(error);
    // A pipeline that failed has told it already.
    if (!stream.destroyed) stream.emit("error", error);
  });
  return stream;
}

function abortable(): PassThrough & { abort: () => void } {
  const stream = new PassThrough();
  return Object.assign(stream, { abort: () => void stream.destroy() });
}

async function eachPackage(
  source: () => Promise<Source>,
  onPackage: (found: Found, next: Callback) => void,
): Promise<void> {
  const opened = await source();
  for (const name of await opened.names()) {
    const { time = {} } = ((await opened.packument(name)) ?? {}) as { time?: Record<string, string> };
    const found = { name, path: name, time: Date.parse(time["modified"] ?? "") || 1 };
    await new Promise<void>((resolve, reject) => {
      onPackage(found, (error) => (error ? reject(error) : resolve()));
    });
  }
}

/** Calls back once. What the callback throws is Verdaccio's own, and isn't answered twice. */
function answer<T>(work: () => Promise<T>, callback: Callback<T>, told: (error: unknown) => unknown): void {
  work().then(
    (value) => process.nextTick(callback, null, value),
    (error: unknown) => process.nextTick(callback, isAbsent(error) ? error : told(error)),
  );
}

/** As Verdaccio knows it. */
function absent(what: string): Error {
  return Object.assign(new Error(`${what}: there is none`), { code: "ENOENT" });
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** Opened with the first request; a store that couldn't be reached is tried again with the next. */
function lazily<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}

function contextOf() {
  const { signal } = new AbortController();
  return { now: () => Date.now(), signal, report: silent, env: process.env, cwd: process.cwd() };
}
