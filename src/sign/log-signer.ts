// The log's key: Ed25519, signs checkpoints (C2SP signed notes). Whoever holds it can extend the log, but can neither
// release anything nor move a channel: those entries are signed by release keys.

import { createPrivateKey, createPublicKey, sign } from "node:crypto";

import { vkeyOf } from "../artifact/log-key.ts";
import type { LogSigner } from "./signers.ts";

/** `pem`: PKCS #8. `name`: the log's origin. Throws TypeError for another sort of key. */
export function logSigner(pem: string, name: string): LogSigner {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== "ed25519") throw new TypeError(`an Ed25519 key, got ${key.asymmetricKeyType}`);
  const publicKey = createPublicKey(key).export({ format: "jwk" }).x ?? "";
  return {
    name,
    vkey: vkeyOf(name, Buffer.from(publicKey, "base64url")),
    sign: (text) => sign(null, text, key),
  };
}
