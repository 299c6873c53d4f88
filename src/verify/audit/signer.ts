// Who signed a leaf, asked of the pool of threads: an audit verifies one signature per leaf, on every core. Who may sign
// what is said by the same rule as everywhere (artifact/authority.ts).

import { verify } from "node:crypto";

import { refusalOf } from "../../artifact/authority.ts";
import { type Envelope, preAuthEncoding } from "../../artifact/dsse.ts";
import type { Leaf } from "../../artifact/leaf.ts";
import { publicKeyOf, type Trust } from "../../artifact/trust.ts";
import { KilnError } from "../../errors.ts";

export interface SignedLeaf {
  readonly index: number;
  readonly leaf: Leaf;
  readonly envelope: Envelope;
}

/** Refuses a leaf that no key signed which may. Throws SIGNATURE_INVALID, KEY_NOT_ALLOWED. */
export type SignerCheck = (signed: SignedLeaf) => Promise<void>;

export function signerCheck(trust: Trust): SignerCheck {
  const keys = [...new Set(trust.release.map(({ publicKey }) => publicKey))];
  return async ({ index, leaf, envelope }) => {
    const body = preAuthEncoding(envelope.payloadType, Buffer.from(envelope.payload, "base64"));
    const signature = Buffer.from(envelope.signatures[0]?.sig ?? "", "base64");
    const publicKey = await signingKey(keys, body, signature);
    const key = trust.release.find((candidate) => candidate.publicKey === publicKey);
    if (key === undefined) {
      throw new KilnError("SIGNATURE_INVALID", `log entry ${index}: got a signature by no key of the trust file`);
    }
    const refusal = refusalOf(key, leaf, index);
    if (refusal !== undefined) throw new KilnError("KEY_NOT_ALLOWED", `log entry ${index}: ${refusal}`);
  };
}

function verifyInPool(body: Uint8Array, publicKey: string, signature: Uint8Array): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  verify("sha256", body, publicKeyOf(publicKey), signature, (error, isGood) =>
    error === null ? resolve(isGood) : reject(error),
  );
  return promise;
}

/** One that signed is tried first the next time: neighbours in a log mostly have the same signer. */
async function signingKey(keys: string[], body: Uint8Array, signature: Uint8Array): Promise<string | undefined> {
  for (const key of [...keys]) {
    if (!(await verifyInPool(body, key, signature))) continue;
    if (keys[0] !== key) keys.sort((a, b) => Number(b === key) - Number(a === key));
    return key;
  }
  return undefined;
}
