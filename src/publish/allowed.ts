// What the pinned trust file lets the keys at hand sign. It is asked before anything is baked or uploaded, so that a refusal
// leaves nothing behind, and again for each leaf at the place in the log that it gets.

import { refusalOf, type Statement } from "../artifact/authority.ts";
import type { Trust } from "../artifact/trust.ts";
import { KilnError } from "../errors.ts";
import { requireSigners, type Role, type Signers } from "../sign/signers.ts";

export interface Signatory {
  readonly signers: Signers;
  readonly trust: Trust;
}

/** Throws KEY_MISSING or KEY_NOT_ALLOWED unless the keys of these roles are at hand, and in the trust file. */
export function checkKeys({ signers, trust }: Signatory, ...roles: readonly Role[]): void {
  requireSigners(signers, ...roles);
  for (const role of roles) {
    if (isKnown[role](signers, trust)) continue;
    throw notAllowed(`the keys at hand: the trust file of ${trust.origin} doesn't have their ${role} key`);
  }
}

/** Throws KEY_NOT_ALLOWED unless the release key may make this statement at `index` in the log. */
export function checkStatement({ signers, trust }: Signatory, statement: Statement, index: number): void {
  const key = trust.release.find(({ publicKey }) => publicKey === signers.release.publicKey);
  const refusal = key === undefined ? "the trust file doesn't have this key" : refusalOf(key, statement, index);
  if (refusal !== undefined) throw notAllowed(`${statement.name}: ${refusal}`);
}

const isKnown: Readonly<Record<Role, (signers: Signers, trust: Trust) => boolean>> = {
  log: ({ log }, trust) => trust.log === log.vkey,
  release: ({ release }, trust) => trust.release.some(({ publicKey }) => publicKey === release.publicKey),
  openpgp: ({ openpgp }, trust) => trust.openpgp.some(({ fingerprint }) => fingerprint === openpgp.fingerprint),
};

function notAllowed(message: string): KilnError {
  return new KilnError("KEY_NOT_ALLOWED", message, {
    hint: "use a key that the pinned trust file allows, or allow this one there",
  });
}
