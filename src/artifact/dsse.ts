// DSSE v1 envelopes: bytes, a type, and signatures over both. The one signed form of attestations and of Kiln's own leaves.
// Spec: secure-systems-lab/dsse. Verifying needs only public keys; signing is in `sign`.

import { type KeyObject, verify } from "node:crypto";

import { z } from "zod";

const base64 = z.base64();

export const envelopeSchema = z.strictObject({
  payload: base64,
  payloadType: z.string(),
  signatures: z.array(z.strictObject({ sig: base64, keyid: z.string().optional() })).length(1),
});

export type Envelope = z.infer<typeof envelopeSchema>;

export const payloadTypes = {
  inToto: "application/vnd.in-toto+json",
  leaf: "application/vnd.kiln.leaf+json",
} as const;

/** The bytes that are signed: `DSSEv1 len(type) type len(body) body`. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** Whether the envelope's only signature is `key`'s (ECDSA P-256, SHA-256, DER). */
export function isSignedBy(envelope: Envelope, key: KeyObject): boolean {
  const body = preAuthEncoding(envelope.payloadType, Buffer.from(envelope.payload, "base64"));
  const signature = envelope.signatures[0];
  return signature !== undefined && verify("sha256", body, key, Buffer.from(signature.sig, "base64"));
}
