// Whether a key that signed an artifact or an attestation counts at this place in the log. The key is named by a document
// that anybody may have written: only the pinned trust file says what it may do.

import { countsAt, isAllowed, keyHint, type Trust } from "../artifact/trust.ts";
import { KilnError } from "../errors.ts";

export interface Place {
  readonly trust: Trust;
  /** Of the signature's record in the log. */
  readonly index: number;
  /** The release's, where it is known. */
  readonly name: string | undefined;
  /** What is signed, for messages. */
  readonly what: string;
}

/** Refuses a release key (base64 SPKI) that isn't pinned, or not for this. Throws SIGNATURE_INVALID, KEY_NOT_ALLOWED. */
export function requireReleaseKey(publicKey: string, { trust, index, name, what }: Place): void {
  const known = trust.release.filter((key) => key.publicKey === publicKey);
  if (known.length === 0) {
    throw new KilnError(
      "SIGNATURE_INVALID",
      `${what}: got a signature by ${keyHint(publicKey)}, want a key of the trust file`,
    );
  }
  const counting = known.filter((key) => countsAt(key, index));
  if (counting.length === 0) {
    throw new KilnError("KEY_NOT_ALLOWED", `${what}: the key ${keyHint(publicKey)} doesn't count at leaf ${index}`);
  }
  if (name !== undefined && !counting.some((key) => isAllowed(key.names, name))) {
    throw new KilnError("KEY_NOT_ALLOWED", `${what}: the key ${keyHint(publicKey)} may not release ${name}`);
  }
}

/** The base64 SPKI of the pinned key that a bundle's hint names. Throws SIGNATURE_INVALID. */
export function releaseKeyOfHint(hint: string, { trust, what }: Pick<Place, "trust" | "what">): string {
  const key = trust.release.find(({ publicKey }) => keyHint(publicKey) === hint);
  if (key !== undefined) return key.publicKey;
  throw new KilnError("SIGNATURE_INVALID", `${what}: got a signature by ${hint}, want a key of the trust file`);
}

/** Refuses an OpenPGP key that doesn't count at `index`. Throws KEY_NOT_ALLOWED. */
export function requireOpenPgpKey(fingerprint: string, { trust, index, what }: Omit<Place, "name">): void {
  const known = trust.openpgp.filter((key) => key.fingerprint === fingerprint);
  if (known.some((key) => countsAt(key, index))) return;
  throw new KilnError("KEY_NOT_ALLOWED", `${what}: the OpenPGP key ${fingerprint} doesn't count at leaf ${index}`);
}
