// What signs, behind interfaces that say nothing of where a private key lives. Signers are made once per command and
// handed down; the keys inside them can't be read back out.

import type { Hash } from "node:crypto";

import { KilnError } from "../errors.ts";

/** Signs the log's checkpoints: Ed25519 over the note's text. */
export interface LogSigner {
  /** The log's origin. */
  readonly name: string;
  /** C2SP vkey. */
  readonly vkey: string;
  /** The raw 64-byte signature. */
  sign(text: Uint8Array): Uint8Array;
}

/** Signs artifacts, attestations and log entries: ECDSA P-256 with SHA-256. */
export interface ReleaseSigner {
  /** DER SPKI, base64. */
  readonly publicKey: string;
  /** DER signature, base64. */
  sign(bytes: Uint8Array): string;
  /** The same, over bytes that have this SHA-256 (32 bytes): for what is too large to have at hand. */
  signDigest(sha256: Uint8Array): Promise<string>;
}

/** Signs artifacts for clients that know OpenPGP: version 4, RSA, SHA-256. */
export interface OpenPgpSigner {
  /** 40 hex digits, lower case. */
  readonly fingerprint: string;
  /** Armored. */
  readonly publicKey: string;
  /** Armored detached signature over what `state` (SHA-256) has taken in; it isn't consumed. `when`: ms since 1970. */
  signState(state: Hash, when: number): Promise<string>;
  /** The same over bytes that are at hand, beside whatever else goes on. */
  signBytes(bytes: Uint8Array, when: number): Promise<string>;
  /** A text that ends with a newline, and its signature around it. */
  signText(text: string, when: number): Promise<string>;
}

/** Reading a signer that the key file doesn't hold throws KEY_MISSING: before anything is done, `requireSigners`. */
export interface Signers {
  readonly log: LogSigner;
  readonly release: ReleaseSigner;
  readonly openpgp: OpenPgpSigner;
}

export type Role = keyof Signers;

const titles: Readonly<Record<Role, string>> = {
  log: "log key (Ed25519)",
  release: "release key (P-256)",
  openpgp: "OpenPGP key",
};

/** `where` names the key file. */
export function signersOf(held: Partial<Signers>, where: string): Signers {
  const take = <R extends Role>(role: R): Signers[R] => {
    const signer = held[role];
    if (signer === undefined) {
      throw new KilnError("KEY_MISSING", `${where}: got no ${titles[role]}, want one to sign with`, {
        hint: "use a key file that holds it; `kiln keys list` shows what one holds",
      });
    }
    return signer;
  };
  return {
    get log() {
      return take("log");
    },
    get release() {
      return take("release");
    },
    get openpgp() {
      return take("openpgp");
    },
  };
}

/** Throws KEY_MISSING unless all these keys are at hand. */
export function requireSigners(signers: Signers, ...roles: readonly Role[]): void {
  for (const role of roles) void signers[role];
}
