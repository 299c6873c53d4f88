// What this host has seen of a log: the largest checkpoint, and each channel's newest move. It is what tells an old copy of
// a store, or another log under the same name, from the one that was seen before; both are validly signed.
// It moves forward only, only to what was verified, and under a lock, since names are deployed side by side.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import { type Digest, digestSchema } from "../artifact/digest.ts";
import { parseStored } from "../artifact/json.ts";
import { isKilnError, isSystemError, KilnError } from "../errors.ts";
import type { Checkpoint } from "../log/checkpoint.ts";
import { verifyConsistency } from "../log/merkle.ts";
import { consistencyProof } from "../log/proof.ts";
import { tileReader } from "../log/tiles.ts";
import type { ReadableStore } from "../stores/store.ts";
import { makeFolder, replaceFile } from "../system/durable.ts";
import { withLock } from "../system/lock.ts";

const memorySchema = z.strictObject({
  kiln: z.literal(1),
  /** The largest checkpoint that was verified. */
  checkpoint: z.strictObject({ size: z.int().nonnegative(), root: digestSchema, note: z.string() }).nullable(),
  /** By `NAME:CHANNEL`: the newest move, and the document that last said so. */
  heads: z.record(
    z.string(),
    z.strictObject({ counter: z.int().positive(), index: z.int().nonnegative(), document: digestSchema }),
  ),
});

type Memory = z.infer<typeof memorySchema>;

/** What a verified document says. */
export interface Sighting {
  readonly checkpoint: Checkpoint;
  /** Of a channel's document. */
  readonly head?: {
    /** `NAME:CHANNEL`. */
    readonly subject: string;
    readonly counter: number;
    readonly index: number;
    readonly document: Digest;
  };
}

export interface MemoryPlace {
  /** Where deploys are kept on this host. */
  readonly root: string;
  readonly origin: string;
  readonly store: ReadableStore;
  readonly signal: AbortSignal;
}

/** Remembers what was seen. Throws HEAD_REPLAYED, or LOG_INCONSISTENT, and then remembers what it did before. */
export async function remember(sighting: Sighting, place: MemoryPlace): Promise<void> {
  const path = pathOf(place);
  const { head } = sighting;
  // The very bytes that were checked before: nothing can be new.
  if (head !== undefined && read(path).heads[head.subject]?.document === head.document) return;
  await makeFolder(join(place.root, ".kiln"));
  await withLock(`${path}.lock`, { signal: place.signal }, async () => {
    const memory = read(path);
    if (head !== undefined) checkHead(head, memory.heads[head.subject]);
    const checkpoint = await newerOf(memory.checkpoint, sighting.checkpoint, place);
    const heads = head === undefined ? memory.heads : { ...memory.heads, [head.subject]: entryOf(head) };
    await replaceFile(path, Buffer.from(JSON.stringify({ kiln: 1, checkpoint, heads } satisfies Memory)), {
      mode: 0o600,
    });
  });
}

function entryOf({ counter, index, document }: NonNullable<Sighting["head"]>): Memory["heads"][string] {
  return { counter, index, document };
}

function checkHead(got: NonNullable<Sighting["head"]>, seen: Memory["heads"][string] | undefined): void {
  if (seen === undefined || got.counter > seen.counter || (got.counter === seen.counter && got.index === seen.index))
    return;
  throw new KilnError(
    "HEAD_REPLAYED",
    `${got.subject}: got move ${got.counter} (leaf ${got.index}), want no older one than move ${seen.counter} (leaf ${seen.index})`,
    {
      hint: "the store shows an older state than this host has seen; ask whoever keeps it",
      details: { got: got.counter, seen: seen.counter },
    },
  );
}

/** The larger of both, once the other is known to be its beginning. */
async function newerOf(
  kept: Memory["checkpoint"],
  got: Checkpoint,
  { store }: MemoryPlace,
): Promise<Memory["checkpoint"]> {
  const shown = { size: got.size, root: got.root.toString("hex"), note: got.note };
  if (kept === null) return shown;
  const [first, second] = kept.size <= got.size ? [kept, shown] : [shown, kept];
  try {
    const proof =
      first.size === 0 || first.size === second.size
        ? []
        : await consistencyProof({ first: first.size, second: second.size }, tileReader(store, second.size));
    verifyConsistency({
      first: first.size,
      firstRoot: Buffer.from(first.root, "hex"),
      second: second.size,
      secondRoot: Buffer.from(second.root, "hex"),
      proof,
    });
  } catch (error) {
    // A store that lacks the tiles of a tree that was seen holds an older log, or another one.
    const isShorter = kept.size > got.size && isKilnError(error, "STORE_CORRUPT");
    if (!isShorter && !isKilnError(error, "PROOF_INVALID")) throw error;
    throw new KilnError(
      "LOG_INCONSISTENT",
      `log ${got.origin}: got a checkpoint of ${got.size} leaves, want it consistent with the one of ${kept.size} that this host kept`,
      {
        hint: "keep both and show them to whoever runs the log",
        cause: error,
        details: { kept: kept.note, got: got.note },
      },
    );
  }
  return second;
}

function read(path: string): Memory {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return { kiln: 1, checkpoint: null, heads: {} };
    throw error;
  }
  const result = memorySchema.safeParse(parseStored(bytes, path));
  // Without its memory a host would take any older state, so damage isn't the same as having seen nothing.
  if (!result.success) throw new KilnError("JOURNAL_INVALID", `${path}: ${z.prettifyError(result.error)}`);
  return result.data;
}

function pathOf({ root, origin }: MemoryPlace): string {
  return join(root, ".kiln", `${origin}.json`);
}
