// Canonical JSON (RFC 8785): the one byte form of everything that is hashed or signed.

import canonicalize from "canonicalize";

import { KilnError } from "../errors.ts";

/** The RFC 8785 bytes of a JSON value. Members that are `undefined` are left out. */
export function canonicalBytes(value: unknown): Uint8Array {
  return Buffer.from(canonicalText(value));
}

/** The same as text. */
export function canonicalText(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError("a value that has no JSON form");
  return text;
}

/** Parses the JSON of the stored document `key`. Throws STORE_CORRUPT, which names the key; `hint`: how to mend it. */
export function parseStored(bytes: Uint8Array, key: string, hint?: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new KilnError("STORE_CORRUPT", `${key}: got ${bytes.length} bytes that aren't JSON`, {
      ...(hint === undefined ? {} : { hint }),
      cause,
    });
  }
}
