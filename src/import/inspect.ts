// One file that was made elsewhere: which kind it is of, told from its content and never from its name, and what it says of itself.
// It may have been made to harm whoever reads it: what can't be read exactly is refused.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { basename } from "node:path";

import type { Blob } from "../artifact/manifest.ts";
import type { Context } from "../context.ts";
import { isKilnError, isSystemError, KilnError } from "../errors.ts";
import { kinds } from "../kinds/index.ts";
import type { FileToInspect, Inspected, Kind } from "../kinds/kind.ts";
import { checkSignal } from "../system/retry.ts";

export interface InspectedFile extends Inspected {
  readonly kind: string;
  /** As it was handed over. */
  readonly original: { readonly name: string; readonly size: number; readonly sha256: string };
  /** What is published. */
  readonly blob: Blob;
  /** Its bytes, from the start each time. */
  readonly open: () => AsyncIterable<Uint8Array>;
}

const importable = (kinds as readonly Kind[]).filter(({ inspect }) => inspect !== undefined);

/** Throws NOT_FOUND, IMPORT_REFUSED, TOOL_MISSING, CANCELLED. */
export async function inspectFile(path: string, context: Pick<Context, "env" | "signal">): Promise<InspectedFile> {
  const file = await fileAt(path, context);
  const { kind, inspected } = await recognise(file);
  const { restart } = inspected;
  const opened = () => bodyOf(path, restart, context.signal);
  const [original, published] = [createHash("sha256"), createHash("sha256")];
  let size = 0;
  for await (const piece of bodyOf(path, undefined, context.signal)) original.update(piece);
  for await (const piece of opened()) {
    published.update(piece);
    size += piece.length;
  }
  return {
    ...inspected,
    kind,
    original: { name: file.name, size: file.size, sha256: original.digest("hex") },
    blob: { file: inspected.file, size, sha256: published.digest("hex") },
    open: opened,
  };
}

/** Enough for every kind to be told by. */
const startSize = 512;

async function fileAt(path: string, { env, signal }: Pick<Context, "env" | "signal">): Promise<FileToInspect> {
  try {
    const stats = await stat(path);
    if (!stats.isFile()) throw new KilnError("IMPORT_REFUSED", `${path}: got a folder or device, want a file`);
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(startSize), 0, startSize, 0);
      return { path, name: basename(path), size: stats.size, start: buffer.subarray(0, bytesRead), env, signal };
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (!isSystemError(cause, "ENOENT", "ENOTDIR")) throw cause;
    throw new KilnError("NOT_FOUND", `${path}: got no such file`, { cause, hint: "check the path" });
  }
}

/** A kind that can't read it may only have taken it for its own: the others are asked all the same. */
async function recognise(file: FileToInspect): Promise<{ kind: string; inspected: Inspected }> {
  const failures: KilnError[] = [];
  for (const kind of importable) {
    checkSignal(file.signal);
    try {
      const inspected = await kind.inspect?.(file);
      if (inspected !== undefined) return { kind: kind.name, inspected };
    } catch (error) {
      if (!isKilnError(error, "ARTIFACT_INVALID", "PACKAGE_INVALID", "ARCHIVE_UNSAFE")) throw error;
      failures.push(error);
    }
  }
  const [first] = failures;
  if (first === undefined) {
    throw new KilnError("IMPORT_REFUSED", `${file.name}: got a file of no kind that can be imported`, {
      hint: `these can: ${importable.map(({ name }) => name).join(", ")}`,
    });
  }
  const message = first.message.includes(file.name) ? first.message : `${file.name}: ${first.message}`;
  throw new KilnError("IMPORT_REFUSED", message.replace(file.path, file.name), {
    hint: "nothing was published: ask whoever made the file for another",
    cause: first,
  });
}

async function* bodyOf(
  path: string,
  restart: Inspected["restart"],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (restart !== undefined) yield restart.bytes;
  yield* createReadStream(path, { highWaterMark: 1024 * 1024, start: restart?.instead ?? 0, signal });
}
