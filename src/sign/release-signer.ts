// The release key: ECDSA P-256. It signs bytes natively, and digests of what was hashed while it streamed, which OpenSSL
// can't be asked for through Node, with @noble/curves (deterministic, RFC 6979): that takes twenty times as long, and 50 ms to begin.

import { createPrivateKey, createPublicKey, sign } from "node:crypto";

import type { ReleaseSigner } from "./signers.ts";

/** `pem`: PKCS #8. Throws TypeError for another sort of key. */
export function releaseSigner(pem: string): ReleaseSigner {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw new TypeError(`a P-256 key, got ${key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType}`);
  }
  const scalar = Buffer.from(key.export({ format: "jwk" }).d ?? "", "base64url");
  return {
    publicKey: createPublicKey(key).export({ format: "der", type: "spki" }).toString("base64"),
    sign: (bytes) => sign("sha256", bytes, key).toString("base64"),
    async signDigest(sha256) {
      const { p256 } = await import("@noble/curves/nist.js");
      if (sha256.length !== 32) throw new TypeError(`a SHA-256 has 32 bytes, got ${sha256.length}`);
      const signature = p256.sign(sha256, scalar, { prehash: false, format: "der", lowS: true });
      return Buffer.from(signature).toString("base64");
    },
  };
}
