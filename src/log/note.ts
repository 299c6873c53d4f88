// Signed notes (C2SP signed-note): text, a blank line, signature lines. One algorithm: Ed25519 (type 0x01).
// A note is text that anybody may have written until `openNote` has checked the key's signature; signatures of other keys
// (witnesses, an older log key) are passed over. Parsing is strict: a note that could be read in two ways is refused.

import { createPublicKey, type KeyObject, verify } from "node:crypto";

import { parseVkey } from "../artifact/log-key.ts";
import { KilnError } from "../errors.ts";
import { decodeBase64 } from "./text.ts";

const keyIdSize = 4;
/** The spec asks for at least 16 signatures, of up to 5 kB each. */
const signatureLimit = 100;
const sizeLimit = 1_000_000;

export interface NoteSignature {
  /** Of the key. */
  readonly name: string;
  /** Four bytes. */
  readonly keyId: Buffer;
  /** What the key's algorithm made: 64 bytes for Ed25519. */
  readonly signature: Buffer;
}

export interface Note {
  /** Ends in a newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export interface NoteSigner {
  /** Of the key: for a log, its origin. */
  readonly name: string;
  readonly vkey: string;
  /** The raw Ed25519 signature of `text`, 64 bytes. */
  sign(text: Uint8Array): Uint8Array;
}

/** The signed note of `text` and one signature. The signature isn't checked here. */
export function signNote(text: string, signer: NoteSigner): string {
  const verifier = verifierOf(signer.vkey);
  const signature = Buffer.from(signer.sign(Buffer.from(text)));
  return formatNote({ text, signatures: [{ name: signer.name, keyId: verifier.keyId, signature }] });
}

/** The text of a note that the key of `vkey` has signed. Throws CHECKPOINT_INVALID; TRUST_INVALID for an unusable `vkey`. */
export function openNote(note: Uint8Array | string, vkey: string): string {
  const verifier = verifierOf(vkey);
  const { text, signatures } = parseNote(note);
  const own = signatures.filter((one) => one.name === verifier.name && one.keyId.equals(verifier.keyId));
  if (own.length === 0) {
    throw refuse(`got signatures by ${signatures.map(signerOf).join(", ")}, want one by ${signerOf(verifier)}`);
  }
  const bytes = Buffer.from(text);
  // All of them: a bad signature by a known key means that somebody tampered, whatever stands beside it.
  if (!own.every(({ signature }) => verify(null, bytes, verifier.key, signature))) {
    throw refuse(`got a signature by ${signerOf(verifier)} that isn't over this text`);
  }
  return text;
}

function signerOf(key: { readonly name: string; readonly keyId: Buffer }): string {
  return `${key.name}+${key.keyId.toString("hex")}`;
}

export function formatNote({ text, signatures }: Note): string {
  const lines = signatures.map((one) => {
    const bytes = Buffer.concat([one.keyId, one.signature]);
    return `— ${one.name} ${bytes.toString("base64")}\n`;
  });
  return `${text}\n${lines.join("")}`;
}

/** Takes a note apart; nothing is verified. Throws CHECKPOINT_INVALID. */
export function parseNote(note: Uint8Array | string): Note {
  if (note.length > sizeLimit) throw refuse(`got ${note.length} bytes, want at most ${sizeLimit}`);
  const whole = decodeText(note);
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0009\u000B-\u001F]/.test(whole)) throw refuse("got a control character");
  const border = whole.lastIndexOf("\n\n");
  if (border === -1) throw refuse("got no blank line before the signatures");
  const block = whole.slice(border + 2);
  if (!block.endsWith("\n")) throw refuse("got no signature line that ends in a newline");
  const lines = block.slice(0, -1).split("\n");
  if (lines.length > signatureLimit) throw refuse(`got ${lines.length} signatures, want at most ${signatureLimit}`);
  return { text: whole.slice(0, border + 1), signatures: lines.map(parseSignature) };
}

function decodeText(note: Uint8Array | string): string {
  if (typeof note === "string") {
    if (!note.isWellFormed()) throw refuse("got text that isn't Unicode");
    return note;
  }
  try {
    // A byte order mark is part of what was signed.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(note);
  } catch (cause) {
    throw refuse("got bytes that aren't UTF-8", cause);
  }
}

function parseSignature(line: string): NoteSignature {
  const [dash, name, base64, ...more] = line.split(" ");
  const bytes = base64 === undefined ? undefined : decodeBase64(base64);
  const isValid = dash === "—" && name !== undefined && isKeyName(name) && more.length === 0;
  if (!isValid || bytes === undefined || bytes.length <= keyIdSize) {
    throw refuse(`got ${JSON.stringify(line.slice(0, 80))}, want "— NAME BASE64" as a signature line`);
  }
  return { name, keyId: bytes.subarray(0, keyIdSize), signature: bytes.subarray(keyIdSize) };
}

interface Verifier {
  readonly name: string;
  readonly keyId: Buffer;
  readonly key: KeyObject;
}

function verifierOf(vkey: string): Verifier {
  const { name, id, spki } = parseVkey(vkey);
  const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  return { name, keyId: Buffer.from(id.subarray(0, keyIdSize)), key };
}

function isKeyName(name: string): boolean {
  return /^[^\p{White_Space}+]+$/u.test(name);
}

function refuse(problem: string, cause?: unknown): KilnError {
  return new KilnError("CHECKPOINT_INVALID", `signed note: ${problem}`, { cause });
}
