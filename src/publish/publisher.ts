// Committing leaves: settle what others left, decide, sign, append, then bring the views up. What it returns is in the log
// and in the views. Everything that publishes goes through here, one release or many in one append.

import { payloadTypes, preAuthEncoding } from "../artifact/dsse.ts";
import { envelopeBytes, type Leaf, leafPayload } from "../artifact/leaf.ts";
import type { Trust } from "../artifact/trust.ts";
import type { Context } from "../context.ts";
import { append } from "../log/append.ts";
import { logOf } from "../log/checkpoint.ts";
import type { Head } from "../log/head.ts";
import type { Signers } from "../sign/signers.ts";
import type { Store } from "../stores/store.ts";
import { type CatalogReader, overlaid, rowsOfLeaf } from "../views/catalog.ts";
import type { Row } from "../views/table.ts";
import { checkStatement } from "./allowed.ts";
import { bringUp } from "./bring-up.ts";
import { type PublishedState, stateAfter, stateAt } from "./state.ts";

export interface Publisher {
  readonly store: Store;
  /** The pinned trust file. */
  readonly trust: Trust;
  readonly signers: Signers;
  readonly context: Context;
  /** Waits before the next try, after `attempt` lost races. */
  readonly pause: (attempt: number) => Promise<void>;
  /** Where clients reach the store; ends in `/`. */
  readonly publicUrl: string;
}

/** What to add: entries that are made already, then leaves to be signed for the place that they get. */
export interface Addition<T> {
  readonly entries: readonly Uint8Array[];
  readonly leaves: readonly Leaf[];
  /** What the decision was: the answer to whoever asked, once it is committed. */
  readonly outcome: T;
}

export interface Committed<T> {
  readonly outcome: T;
  /** The head that has it: as committed, or as found when nothing needed adding. */
  readonly head: Head;
  /** Index of the first entry that was added; `undefined`: nothing was. */
  readonly from: number | undefined;
}

/** The log as a decision finds it: what is there, and which index the first entry gets that it adds. */
export interface Standing {
  readonly head: { readonly checkpoint: Pick<PublishedState["head"]["checkpoint"], "size"> };
  readonly catalog: CatalogReader;
}

/** Adds what `decide` says, atomically. `decide` is asked again after every lost race. */
export async function commit<T>(
  publisher: Publisher,
  decide: (at: Standing) => Promise<Addition<T>>,
): Promise<Committed<T>> {
  return commitAll(publisher, async (at) => {
    const addition = await decide(at);
    return { additions: [addition], outcome: addition.outcome };
  });
}

/** The same for several additions at once, each of which was decided for the log as the ones before it leave it (`after`). */
export async function commitAll<T>(
  publisher: Publisher,
  decide: (at: Standing) => Promise<{ readonly additions: readonly Addition<unknown>[]; readonly outcome: T }>,
  /** What the caller has just read: the first decision is for it. */
  start?: PublishedState,
): Promise<Committed<T>> {
  const { store, trust, signers, context, pause, publicUrl } = publisher;
  const began = context.now();
  let last: { outcome: T; state: PublishedState; entries: readonly Uint8Array[] } | undefined;
  const { head, from } = await append(
    { store, log: logOf(trust), signer: signers.log, signal: context.signal, pause },
    async (at) => {
      const state = start?.head === at ? start : await stateAt({ store, trust, head: at });
      const { additions, outcome } = await decide(state);
      const entries: Uint8Array[] = [];
      for (const addition of additions) {
        entries.push(...entriesOf(publisher, addition, at.checkpoint.size + entries.length));
      }
      last = { outcome, state, entries };
      return entries;
    },
    start?.head,
  );
  if (last === undefined) throw new TypeError("append returned without a decision");
  const { outcome, state, entries } = last;
  const added = { from, milliseconds: context.now() - began };
  const known = from === undefined ? state : await stateAfter(state, { head, entries, trust });
  await bringUp({ store, trust, head, pause, signers, now: context.now(), publicUrl, known, added });
  return { outcome, head, from };
}

/** The log as it is once `addition` is in it. */
export async function after({ head, catalog }: Standing, { entries, leaves }: Addition<unknown>): Promise<Standing> {
  const rows = new Map<string, Row>();
  const next = overlaid(catalog, rows);
  const first = head.checkpoint.size + entries.length;
  for (const [place, leaf] of leaves.entries()) {
    for (const [key, row] of await rowsOfLeaf(first + place, leaf, next)) rows.set(key, row);
  }
  return { head: { checkpoint: { size: first + leaves.length } }, catalog: next };
}

/** Throws KEY_NOT_ALLOWED before anything is written that the trust file wouldn't count. */
export function checkLeaves(publisher: Publisher, { entries, leaves }: Addition<unknown>, from: number): void {
  for (const [place, leaf] of leaves.entries()) checkStatement(publisher, leaf, from + entries.length + place);
}

/** Milliseconds to whole seconds since 1970. */
export function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}

function entriesOf(publisher: Publisher, addition: Addition<unknown>, from: number): Uint8Array[] {
  checkLeaves(publisher, addition, from);
  return [...addition.entries, ...addition.leaves.map((leaf) => signedLeaf(publisher, leaf))];
}

function signedLeaf({ signers }: Publisher, leaf: Leaf): Uint8Array {
  const payload = leafPayload(leaf);
  const sig = signers.release.sign(preAuthEncoding(payloadTypes.leaf, payload));
  return envelopeBytes({
    payload: Buffer.from(payload).toString("base64"),
    payloadType: payloadTypes.leaf,
    signatures: [{ sig }],
  });
}
