// A text with its OpenPGP signature around it (RFC 9580, 7): the one form that Kiln writes, so that whoever knows the text
// can tell that a message holds this text, and nothing before, between or behind.

import { createHash, type Hash } from "node:crypto";

const before = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n";

/** `text` ends with a newline, which belongs to the framework. `signature`: armored, over `textState`, of type 1. */
export function clearSigned(text: string, signature: string): string {
  return framed(text) + signature;
}

/** SHA-256 that has taken in the text as such a signature signs it. */
export function textState(text: string): Hash {
  const lines = text.replace(/\n$/, "").split("\n");
  return createHash("sha256").update(lines.map((line) => line.replace(/[ \t]+$/, "")).join("\r\n"));
}

/** The armored signature in a message that holds this text; `undefined`: it doesn't. */
export function clearSignatureOf(message: string, text: string): string | undefined {
  const start = framed(text);
  return message.startsWith(start) ? message.slice(start.length) : undefined;
}

function framed(text: string): string {
  return before + text.replace(/^-/gm, "- -");
}
