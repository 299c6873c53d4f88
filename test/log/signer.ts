// Ed25519 keys for tests, from a seed: what `sign` gives the log, without its files and passphrases.

import { createPrivateKey, createPublicKey, sign } from "node:crypto";

import { vkeyOf } from "../../src/artifact/log-key.ts";
import type { NoteSigner } from "../../src/log/note.ts";

const pkcs8 = Buffer.from("302e020100300506032b657004220420", "hex");

export function makeSigner(name: string, seed: Uint8Array): NoteSigner {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8, seed]), format: "der", type: "pkcs8" });
  const { x } = createPublicKey(key).export({ format: "jwk" });
  return {
    name,
    vkey: vkeyOf(name, Buffer.from(x!, "base64url")),
    sign: (text) => sign(null, text, key),
  };
}
