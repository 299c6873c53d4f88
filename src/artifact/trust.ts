// The trust file: which public keys count, for what, and over which part of the log. The *pinned* copy decides; the
// store's copy is only a copy. Validity is bounded by log position, so old artifacts stay valid and a stolen key can't
// backdate. Fails closed: a key that isn't in the file signs nothing.

import { createHash, createPublicKey, type KeyObject } from "node:crypto";

import { z } from "zod";

import { KilnError } from "../errors.ts";

const span = {
  /** First leaf index for which the key counts. */
  from: z.int().nonnegative(),
  /** First leaf index for which it counts no more; null: no end. */
  until: z.int().nonnegative().nullable(),
};

/** A log's name: a bare host name. */
export const originSchema = z.string().regex(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/, "a host name");

/** Units of a time, in milliseconds. */
const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** As a person writes it. */
export const validitySchema = z.string().regex(/^[1-9][0-9]{0,4}[smhd]$/, "a time, as in 14d or 12h");

const trustSchema = z.strictObject({
  kiln: z.literal(1),
  origin: originSchema,
  /** The log's key in C2SP vkey form: `name+hash+base64`. */
  log: z.string(),
  release: z
    .array(
      z.strictObject({
        /** DER SPKI of a P-256 key, base64. */
        publicKey: z.base64(),
        /** Names it may release, channels it may move; `*` at the end stands for anything. */
        names: z.array(z.string()),
        channels: z.array(z.string()),
        /** Names whose releases it may attest afterwards; as `names` when left out. */
        attests: z.array(z.string()).optional(),
        ...span,
      }),
    )
    .min(1),
  openpgp: z
    .array(z.strictObject({ fingerprint: z.string().regex(/^[0-9a-f]{40}$/), publicKey: z.string(), ...span }))
    .min(1),
  /**
   * How long the list of indexes of a channel's apt repository counts after it was signed: the first entry that fits. Absent, or
   * none that fits: for ever.
   */
  validity: z.array(z.strictObject({ channels: z.array(z.string()), time: validitySchema })).optional(),
});

export type Trust = z.infer<typeof trustSchema>;
export type ReleaseKey = Trust["release"][number];

/** Parses a trust file; `where` is its path or key. Throws TRUST_INVALID. */
export function parseTrust(bytes: Uint8Array, where: string): Trust {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new KilnError("TRUST_INVALID", `${where}: got text that isn't JSON`, { cause });
  }
  const result = trustSchema.safeParse(json);
  if (!result.success) throw new KilnError("TRUST_INVALID", `${where}: ${z.prettifyError(result.error)}`);
  for (const { publicKey } of result.data.release) checkReleaseKey(publicKey, where);
  return result.data;
}

/** Whoever verifies must not be the first to find out. */
function checkReleaseKey(spki: string, where: string): void {
  let curve: string | undefined;
  let cause: unknown;
  try {
    curve = publicKeyOf(spki).asymmetricKeyDetails?.namedCurve;
  } catch (error) {
    cause = error;
  }
  if (curve === "prime256v1") return;
  throw new KilnError("TRUST_INVALID", `${where}: got a release key that isn't a P-256 key in DER, base64`, { cause });
}

/** The bytes of a trust file, for people to read and diff. */
export function trustBytes(trust: Trust): Uint8Array {
  return Buffer.from(`${JSON.stringify(trust, null, 2)}\n`);
}

/** Whether a key that has this span counts for the leaf at `index`. */
export function countsAt(key: { readonly from: number; readonly until: number | null }, index: number): boolean {
  return index >= key.from && (key.until === null || index < key.until);
}

/** Whether `text` matches one of the patterns: exact, or a prefix before a final `*`. */
export function isAllowed(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => (pattern.endsWith("*") ? text.startsWith(pattern.slice(0, -1)) : text === pattern));
}

/** For how many milliseconds what is signed for a channel's clients counts; undefined: for ever. */
export function validityOf({ validity = [] }: Pick<Trust, "validity">, channel: string): number | undefined {
  const found = validity.find(({ channels }) => isAllowed(channels, channel));
  return found === undefined ? undefined : Number.parseInt(found.time, 10) * (units[found.time.slice(-1)] ?? 0);
}

const parsedKeys = new Map<string, KeyObject>();

/** The key object of a base64 DER SPKI. Pure; remembered because parsing costs more than verifying. */
export function publicKeyOf(spki: string): KeyObject {
  let key = parsedKeys.get(spki);
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.from(spki, "base64"), format: "der", type: "spki" });
    parsedKeys.set(spki, key);
  }
  return key;
}

/** base64 SHA-256 of the SPKI: a Sigstore public-key hint. */
export function keyHint(spki: string): string {
  return createHash("sha256").update(Buffer.from(spki, "base64")).digest("base64");
}
