// An attestation that was made after a release: a DSSE envelope in the pool, named by its digest in a log entry of its own.
// What a rebuild attests is the one sort that Kiln makes itself; others are kept and verified alike.

import { z } from "zod";

import { KilnError } from "../errors.ts";
import { digestSchema } from "./digest.ts";
import { type Envelope, envelopeSchema, payloadTypes } from "./dsse.ts";
import { isCanonical, parseStored } from "./json.ts";
import { poolKey } from "./pool.ts";

/** The key of the envelope with this digest. */
export function attestationKey(digest: string): string {
  return poolKey({ sha256: digest, file: "attestation.json" });
}

/** Parses the envelope stored under `key`. Its signature isn't checked here. Throws STORE_CORRUPT, SUBJECT_MISMATCH. */
export function parseAttestation(bytes: Uint8Array, key: string): Envelope {
  const result = envelopeSchema.safeParse(parseStored(bytes, key));
  if (!result.success) throw new KilnError("STORE_CORRUPT", `${key}: ${z.prettifyError(result.error)}`);
  if (!isCanonical(result.data, bytes)) {
    throw new KilnError("STORE_CORRUPT", `${key}: got an envelope that isn't in canonical JSON`);
  }
  if (result.data.payloadType === payloadTypes.inToto) return result.data;
  throw new KilnError("SUBJECT_MISMATCH", `${key}: got a payload of ${result.data.payloadType}, want an attestation`);
}

const rebuildSchema = z.looseObject({
  predicate: z.looseObject({
    rebuilder: z.looseObject({ id: z.string().max(200) }),
    /** The release: its manifest's digest. */
    manifest: digestSchema,
    result: z.enum(["identical", "different"]),
  }),
});

/** What a rebuild's predicate says, in a few words; undefined for one that isn't of its form. */
export function rebuildResult(envelope: Envelope): { result: string; rebuilder: string } | undefined {
  const parsed = rebuildSchema.safeParse(parseStored(Buffer.from(envelope.payload, "base64"), "attestation"));
  return parsed.success
    ? { result: parsed.data.predicate.result, rebuilder: parsed.data.predicate.rebuilder.id }
    : undefined;
}
