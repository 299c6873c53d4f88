// Committing leaves: settle what others left, decide, sign, append, then bring the views up. What it returns is in the log
// and in the views. Everything that publishes goes through here.

import { payloadTypes, preAuthEncoding } from "../artifact/dsse.ts";
import { envelopeBytes, type Leaf, leafPayload } from "../artifact/leaf.ts";
import type { Trust } from "../artifact/trust.ts";
import type { Context } from "../context.ts";
import { append } from "../log/append.ts";
import { logOf } from "../log/checkpoint.ts";
import type { Head } from "../log/head.ts";
import type { Signers } from "../sign/signers.ts";
import type { Store } from "../stores/store.ts";
import { checkStatement } from "./allowed.ts";
import { bringUp } from "./bring-up.ts";
import { type PublishedState, stateAt } from "./state.ts";

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

/** Adds what `decide` says, atomically. `decide` is asked again after every lost race. */
export async function commit<T>(
  publisher: Publisher,
  decide: (state: PublishedState) => Promise<Addition<T>>,
): Promise<Committed<T>> {
  const { store, trust, signers, context, pause, publicUrl } = publisher;
  let outcome: { value: T } | undefined;
  const { head, from } = await append(
    { store, log: logOf(trust), signer: signers.log, signal: context.signal, pause },
    async (at) => {
      const addition = await decide(await stateAt({ store, trust, head: at }));
      outcome = { value: addition.outcome };
      const first = at.checkpoint.size + addition.entries.length;
      return [...addition.entries, ...addition.leaves.map((leaf, place) => signedLeaf(publisher, leaf, first + place))];
    },
  );
  await bringUp({ store, trust, head, pause, signers, now: context.now(), publicUrl });
  if (outcome === undefined) throw new TypeError("append returned without a decision");
  return { outcome: outcome.value, head, from };
}

/** Milliseconds to whole seconds since 1970. */
export function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}

/** Throws KEY_NOT_ALLOWED before anything is written that the trust file wouldn't count. */
function signedLeaf(publisher: Publisher, leaf: Leaf, index: number): Uint8Array {
  checkStatement(publisher, leaf, index);
  const payload = leafPayload(leaf);
  const sig = publisher.signers.release.sign(preAuthEncoding(payloadTypes.leaf, payload));
  return envelopeBytes({
    payload: Buffer.from(payload).toString("base64"),
    payloadType: payloadTypes.leaf,
    signatures: [{ sig }],
  });
}
