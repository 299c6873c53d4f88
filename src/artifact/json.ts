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

/**
 * Whether `bytes` are the one byte form of `value`, which was parsed from them: no member twice, nothing spelled in another
 * way, nothing that has no such form.
 */
export function isCanonical(value: unknown, bytes: Uint8Array): boolean {
  return hasCanonicalForm(value) && Buffer.compare(canonicalBytes(value), bytes) === 0;
}

/** False for half a surrogate pair and for a number too large: `JSON.parse` takes them, RFC 8785 has no form for them. */
export function hasCanonicalForm(value: unknown): boolean {
  // A stack of its own: how deep the value is was chosen by whoever wrote it.
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next === "string" && !next.isWellFormed()) return false;
    if (typeof next === "number" && !Number.isFinite(next)) return false;
    if (typeof next !== "object" || next === null) continue;
    for (const [key, member] of Object.entries(next)) left.push(key, member);
  }
  return true;
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
