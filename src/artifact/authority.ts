// Who may say what: whether one of Kiln's own log entries was signed by a key that the trust file allows to release this
// name, or to move this channel, at this place in the log. An entry that isn't counts for nothing, wherever it is met.

import { KilnError } from "../errors.ts";
import { type Envelope, isSignedBy } from "./dsse.ts";
import type {
  AliasLeaf,
  AttestationLeaf,
  ChannelLeaf,
  Leaf,
  RefusalLeaf,
  ReleaseLeaf,
  WithdrawalLeaf,
} from "./leaf.ts";
import { countsAt, isAllowed, publicKeyOf, type ReleaseKey, type Trust } from "./trust.ts";

/** Returns the key that signed. Throws SIGNATURE_INVALID (no known key did) or KEY_NOT_ALLOWED (one that may not). */
export function signerOf(
  { leaf, envelope }: { readonly leaf: Leaf; readonly envelope: Envelope },
  index: number,
  trust: Trust,
): ReleaseKey {
  const key = trust.release.find((candidate) => isSignedBy(envelope, publicKeyOf(candidate.publicKey)));
  if (key === undefined) {
    throw new KilnError("SIGNATURE_INVALID", `log entry ${index}: got a signature by no key of the trust file`);
  }
  const refusal = refusalOf(key, leaf, index);
  if (refusal !== undefined) throw new KilnError("KEY_NOT_ALLOWED", `log entry ${index}: ${refusal}`);
  return key;
}

/** What of a leaf decides who may sign it. */
export type Statement =
  | Pick<ReleaseLeaf, "type" | "name">
  | Pick<AliasLeaf, "type" | "name">
  | Pick<RefusalLeaf, "type" | "name">
  | Pick<AttestationLeaf, "type" | "name">
  | Pick<WithdrawalLeaf, "type" | "name">
  | Pick<ChannelLeaf, "type" | "name" | "channel">;

/** Why `key` may not sign `leaf` at `index`; `undefined` when it may. */
export function refusalOf(key: ReleaseKey, leaf: Statement, index: number): string | undefined {
  if (!countsAt(key, index)) {
    return `the key counts from leaf ${key.from} ${key.until === null ? "on" : `until before ${key.until}`}`;
  }
  if (leaf.type === "attestation") {
    return isAllowed(key.attests ?? key.names, leaf.name) ? undefined : `the key may not attest ${leaf.name}`;
  }
  if (!isAllowed(key.names, leaf.name)) return `the key may not release ${leaf.name}`;
  if (leaf.type === "channel" && !isAllowed(key.channels, leaf.channel)) {
    return `the key may not move the channel ${leaf.channel}`;
  }
  return undefined;
}
