// Checkpoints (C2SP tlog-checkpoint): a log's size and root as a signed note. Whatever a store says about its log is
// believed only as far as it leads to the root of a checkpoint that was opened here with the pinned key.

import { keys } from "../artifact/pool.ts";
import type { Trust } from "../artifact/trust.ts";
import { isKilnError, KilnError } from "../errors.ts";
import type { ReadableStore } from "../stores/store.ts";
import { emptyRoot, hashSize } from "./merkle.ts";
import { type NoteSigner, openNote, signNote } from "./note.ts";
import { readObject } from "./object.ts";
import { decodeBase64, parseCount } from "./text.ts";

export interface Checkpoint {
  /** The log's name: a bare host name. */
  readonly origin: string;
  /** Leaves. */
  readonly size: number;
  readonly root: Buffer;
  /** The signed note, byte for byte, with every signature that came with it. */
  readonly note: string;
}

/** Which log: what its checkpoints must say and be signed by. */
export interface LogIdentity {
  readonly origin: string;
  readonly vkey: string;
}

/** Which log a trust file pins. */
export function logOf(trust: Pick<Trust, "origin" | "log">): LogIdentity {
  return { origin: trust.origin, vkey: trust.log };
}

const sizeLimit = 1_000_000;

/** Signs a tree. What the signer made is checked with its public key before anybody sees it: throws CHECKPOINT_INVALID. */
export function signCheckpoint(tree: { origin: string; size: number; root: Buffer }, signer: NoteSigner): Checkpoint {
  const { origin, size, root } = tree;
  const note = signNote(`${origin}\n${size}\n${root.toString("base64")}\n`, signer);
  return openCheckpoint(note, { origin, vkey: signer.vkey });
}

/** Opens the note of a checkpoint of this log. Throws CHECKPOINT_INVALID; TRUST_INVALID for an unusable key. */
export function openCheckpoint(note: Uint8Array | string, log: LogIdentity): Checkpoint {
  const text = openNote(note, log.vkey);
  // Extension lines may follow; they are signed, and say nothing that Kiln reads.
  const lines = text.slice(0, -1).split("\n");
  if (lines.includes("")) throw refuse("got a blank line in the text");
  const [origin, sizeLine, rootLine] = lines;
  if (origin !== log.origin) throw refuse(`got origin ${JSON.stringify(origin)}, want ${JSON.stringify(log.origin)}`);
  const size = parseCount(sizeLine ?? "");
  if (size === undefined) throw refuse(`got ${JSON.stringify(sizeLine)}, want the tree's size`);
  const root = decodeBase64(rootLine ?? "");
  if (root?.length !== hashSize) throw refuse(`got ${JSON.stringify(rootLine)}, want the root hash in base64`);
  if (size === 0 && !root.equals(emptyRoot)) throw refuse("got a root that isn't the empty tree's");
  return { origin, size, root, note: typeof note === "string" ? note : Buffer.from(note).toString("utf8") };
}

/** The store's public checkpoint. Throws STORE_NOT_FOUND when there is none, CHECKPOINT_INVALID, STORE_UNREACHABLE. */
export async function readCheckpoint(store: ReadableStore, log: LogIdentity): Promise<Checkpoint> {
  const note = await readObject(store, { key: keys.checkpoint, limit: sizeLimit });
  if (note === undefined) {
    throw new KilnError("STORE_NOT_FOUND", `${store.url}: got no ${keys.checkpoint}, want a store with a log`, {
      hint: "check the address, or make a store with `kiln store create`",
    });
  }
  try {
    return openCheckpoint(note, log);
  } catch (cause) {
    if (!isKilnError(cause, "CHECKPOINT_INVALID")) throw cause;
    throw new KilnError("CHECKPOINT_INVALID", `${keys.checkpoint}: ${cause.message}`, {
      hint: "when the pinned trust file is this store's, the next publish, or `kiln views rebuild`, writes it anew from log/head",
      cause,
    });
  }
}

function refuse(problem: string): KilnError {
  return new KilnError("CHECKPOINT_INVALID", `checkpoint: ${problem}`);
}
