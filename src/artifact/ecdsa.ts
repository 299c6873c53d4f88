// ECDSA P-256 with SHA-256: the signatures of artifacts, attestations and log entries. With the signed bytes at hand use
// `verifyBytes` (native, some 35 times as fast); with nothing but their digest, `verifyDigest`.
// Keys are base64 DER SPKI, signatures base64 DER. Both throw SIGNATURE_INVALID: nothing here answers with a boolean.

import { type KeyObject, verify } from "node:crypto";

import { KilnError } from "../errors.ts";
import { publicKeyOf } from "./trust.ts";

export interface EcdsaSignature {
  readonly publicKey: string;
  readonly signature: string;
}

/** Refuses a signature that isn't over `bytes`. `what` names what is signed, for the message. */
export function verifyBytes({ publicKey, signature }: EcdsaSignature, bytes: Uint8Array, what: string): void {
  if (!verify("sha256", bytes, keyOf(publicKey, what), Buffer.from(signature, "base64"))) throw refusal(what);
}

/** Refuses a signature that isn't over bytes with this SHA-256 (32 bytes). `what` names what is signed. */
export async function verifyDigest(
  { publicKey, signature }: EcdsaSignature,
  sha256: Uint8Array,
  what: string,
): Promise<void> {
  const { x, y } = keyOf(publicKey, what).export({ format: "jwk" });
  const point = Buffer.concat([Buffer.of(4), fromBase64Url(x), fromBase64Url(y)]);
  // Node lets OpenSSL hash by itself and takes no digest. Loaded late: most verifications have the bytes.
  const { p256 } = await import("@noble/curves/nist.js");
  let good: boolean;
  try {
    good = p256.verify(Buffer.from(signature, "base64"), sha256, point, { prehash: false, format: "der", lowS: false });
  } catch (cause) {
    // Whoever stored the signature chose its bytes, and the library throws on what isn't DER.
    throw refusal(what, cause);
  }
  if (!good) throw refusal(what);
}

/** The key object, if it is P-256: with another sort of key, `verify` would check another sort of signature. */
function keyOf(publicKey: string, what: string): KeyObject {
  let key: KeyObject;
  try {
    key = publicKeyOf(publicKey);
  } catch (cause) {
    throw new KilnError("SIGNATURE_INVALID", `${what}: got a key that can't be read, want a P-256 public key`, {
      cause,
    });
  }
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    const got = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType;
    throw new KilnError("SIGNATURE_INVALID", `${what}: got a ${got} key, want a P-256 public key`);
  }
  return key;
}

function fromBase64Url(text: string | undefined): Buffer {
  return Buffer.from(text ?? "", "base64url");
}

function refusal(what: string, cause?: unknown): KilnError {
  return new KilnError(
    "SIGNATURE_INVALID",
    `${what}: got a signature that isn't over these bytes by the key it names`,
    {
      hint: "don't use it; `kiln audit` says what else was touched",
      cause,
    },
  );
}
