// Opens what age encrypted to a passphrase (C2SP age, "scrypt recipient stanza") with Node's own scrypt: its 64 MiB go back
// to the system at once. The library's own, in JavaScript, leaves them to the collector, and a publish carries them along.

import { createDecipheriv, scrypt } from "node:crypto";
import { promisify } from "node:util";

import type { Identity, Stanza } from "age-encryption";

const label = "age-encryption.org/v1/scrypt";
const keySize = 32;
const saltSize = 16;
const fileKeySize = 16;
const tagSize = 16;
/** As a power of two: more is an attack on whoever opens the file. */
const mostWork = 20;

const derive = promisify<string, Uint8Array, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(
  scrypt,
);

/** For `Decrypter.addIdentity`. A wrong passphrase is no match; a stanza that breaks the format throws. */
export function scryptIdentity(passphrase: string): Identity {
  return {
    async unwrapFileKey(stanzas) {
      const stanza = stanzas.find(({ args }) => args[0] === "scrypt");
      if (stanza === undefined) return null;
      // The passphrase would authenticate what others may have written.
      if (stanzas.length !== 1) throw new Error("a scrypt stanza beside others");
      const { salt, work } = parse(stanza);
      const N = 2 ** work;
      const labelled = Buffer.concat([Buffer.from(label), salt]);
      // It needs 1 KiB a step and a little; Node's own limit is half of what 2^16 steps take.
      const key = await derive(passphrase, labelled, keySize, { N, r: 8, p: 1, maxmem: 2048 * (N + 8) });
      return decrypt(stanza.body, key);
    },
  };
}

function parse({ args: [, salt = "", work = "", ...more], body }: Stanza): { salt: Buffer; work: number } {
  const bytes = Buffer.from(salt, "base64");
  const isWhole = bytes.length === saltSize && more.length === 0 && body.length === fileKeySize + tagSize;
  if (!isWhole || !/^[1-9][0-9]?$/.test(work)) throw new Error("invalid scrypt stanza");
  if (Number(work) > mostWork) throw new Error("scrypt work factor is too high");
  return { salt: bytes, work: Number(work) };
}

/** ChaCha20-Poly1305 under a zero nonce: the key is used once. Null when the key is another one. */
function decrypt(body: Uint8Array, key: Buffer): Uint8Array | null {
  const cipher = createDecipheriv("chacha20-poly1305", key, Buffer.alloc(12), { authTagLength: tagSize });
  cipher.setAuthTag(body.subarray(fileKeySize));
  const opened = cipher.update(body.subarray(0, fileKeySize));
  try {
    cipher.final();
  } catch {
    return null;
  }
  return new Uint8Array(opened);
}
