// The log's Ed25519 public key in C2SP vkey form, `name+hex(id)+base64(0x01‖key)`, and what others call it: the first four
// bytes of its id stand in signed notes, all 32 in Sigstore bundles. Spec: c2sp.org/signed-note.

import { createHash } from "node:crypto";

import { KilnError } from "../errors.ts";

const ed25519 = 0x01;
/** What stands before the 32 bytes of an Ed25519 key in its DER SPKI (RFC 8410). */
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");

export interface LogKey {
  readonly name: string;
  /** SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key), 32 bytes. */
  readonly id: Uint8Array;
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** DER. */
  readonly spki: Uint8Array;
}

/** The vkey of an Ed25519 key (32 bytes). Throws TypeError for another size, or a name that a note can't hold. */
export function vkeyOf(name: string, key: Uint8Array): string {
  if (!/^[^\p{White_Space}+]+$/u.test(name)) throw new TypeError(`a key name of ${JSON.stringify(name)}`);
  if (key.length !== 32) throw new TypeError(`an Ed25519 key of ${key.length} bytes`);
  const id = Buffer.from(idOf(name, key).subarray(0, 4)).toString("hex");
  return `${name}+${id}+${Buffer.concat([Buffer.of(ed25519), key]).toString("base64")}`;
}

/** Throws TRUST_INVALID. */
export function parseVkey(vkey: string): LogKey {
  const match = /^([^+\s]+)\+[0-9a-f]{8}\+([A-Za-z0-9+/]{44})$/.exec(vkey);
  const [, name, material] = match ?? [];
  if (name === undefined || material === undefined) throw invalid(vkey, "want name+hash+base64 of 33 bytes");
  const bytes = Buffer.from(material, "base64");
  const key = bytes.subarray(1);
  if (bytes[0] !== ed25519) throw invalid(vkey, `got key type ${bytes[0]}, want 1 (Ed25519)`);
  // One spelling per key: this also refuses a wrong hash.
  if (vkeyOf(name, key) !== vkey) throw invalid(vkey, `want ${vkeyOf(name, key)}`);
  return { name, id: idOf(name, key), key, spki: Buffer.concat([spkiPrefix, key]) };
}

function idOf(name: string, key: Uint8Array): Uint8Array {
  return createHash("sha256").update(name).update(Buffer.of(0x0a, ed25519)).update(key).digest();
}

function invalid(vkey: string, problem: string): KilnError {
  return new KilnError("TRUST_INVALID", `the log's key: got ${JSON.stringify(vkey.slice(0, 200))}, ${problem}`);
}
