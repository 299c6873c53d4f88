// A log entry, read strictly: only the one byte form that Kiln writes. JSON with a member twice, or spelled in another way,
// is read differently by different readers. An audit runs once per leaf through here, so the two fixed templates are cut
// apart instead of being parsed and written again: what lies between their fixed parts is base64 in its one spelling.

import { isUtf8 } from "node:buffer";

import { payloadTypes } from "../artifact/dsse.ts";
import { hasCanonicalForm } from "../artifact/json.ts";
import { type Entry, leafSchema, parseEntry } from "../artifact/leaf.ts";
import { KilnError } from "../errors.ts";
import { decodeBase64 } from "../log/text.ts";

/** The entry at `index`. Its signature isn't checked here. Throws STORE_CORRUPT. */
export function parseStrictly(bytes: Uint8Array, index: number): Entry {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  const entry = cutRecord(text) ?? cutEnvelope(text);
  if (entry !== undefined) return entry;
  // Says what is wrong, if it is more than the form.
  parseEntry(bytes, index);
  throw new KilnError("STORE_CORRUPT", `log entry ${index}: got JSON that isn't in canonical form`);
}

const recordForm = [
  '{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"',
  '"},"signature":{"content":"',
  '","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256","publicKey":{"rawBytes":"',
  '"}}}}}}',
];
const envelopeForm = ['{"payload":"', `","payloadType":"${payloadTypes.leaf}","signatures":[{"sig":"`, '"}]}'];

/** What stands between the fixed parts, each base64 in its one spelling; nothing when the text hasn't that form. */
function cut(text: string, [first = "", ...fixed]: readonly string[]): { text: string; bytes: Buffer }[] {
  if (!text.startsWith(first)) return [];
  const parts: { text: string; bytes: Buffer }[] = [];
  let start = first.length;
  for (const next of fixed) {
    const end = text.indexOf('"', start);
    const part = text.slice(start, end);
    const bytes = decodeBase64(part);
    if (end < 0 || part === "" || bytes === undefined || !text.startsWith(next, end)) return [];
    parts.push({ text: part, bytes });
    start = end + next.length;
  }
  return start === text.length ? parts : [];
}

function cutRecord(text: string): Entry | undefined {
  const [digest, signature, publicKey] = cut(text, recordForm);
  if (digest === undefined || signature === undefined || publicKey === undefined) return undefined;
  return {
    sort: "signature",
    record: { digest: digest.text, signature: signature.text, publicKey: publicKey.text },
  };
}

function cutEnvelope(text: string): Entry | undefined {
  const [payload, signature] = cut(text, envelopeForm);
  if (payload === undefined || signature === undefined || !isUtf8(payload.bytes)) return undefined;
  const leaf = leafOf(payload.bytes.toString());
  const signatures = [{ sig: signature.text }];
  return (
    leaf && { sort: "leaf", leaf, envelope: { payload: payload.text, payloadType: payloadTypes.leaf, signatures } }
  );
}

function leafOf(text: string): (Entry & { sort: "leaf" })["leaf"] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const leaf = leafSchema.safeParse(json);
  return leaf.success && isCanonicalLeaf(json, text) ? leaf.data : undefined;
}

/** Writing what was parsed gives the same text, and its members are in order: so no other text says the same. */
function isCanonicalLeaf(json: unknown, text: string): boolean {
  // Only an escape can be half a surrogate pair, which has no canonical form.
  return JSON.stringify(json) === text && isInOrder(json) && (!text.includes("\\u") || hasCanonicalForm(json));
}

function isInOrder(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  const members = Object.keys(value);
  return (
    members.every((key, place) => place === 0 || (members[place - 1] as string) < key) &&
    Object.values(value).every(isInOrder)
  );
}
