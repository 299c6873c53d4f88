// A store's keys: made together, kept together in one encrypted file, opened once per command. Everything public about them
// goes into a trust file, which clients pin; everything private stays inside the signers.

import { generateKeyPair, type KeyObject } from "node:crypto";
import { lstat } from "node:fs/promises";
import { promisify } from "node:util";

import { originSchema, type Trust } from "../artifact/trust.ts";
import { isSystemError, KilnError } from "../errors.ts";
import {
  defaultWorkFactor,
  type KeyFileContent,
  keysExist,
  openKeys,
  readKeyFile,
  sealKeys,
  writeKeyFile,
} from "./key-file.ts";
import { logSigner } from "./log-signer.ts";
import { createOpenPgpKey, openPgpSigner } from "./openpgp-signer.ts";
import { releaseSigner } from "./release-signer.ts";
import { type Signers, signersOf } from "./signers.ts";

export interface PublicKeys {
  /** The log's name: a bare host name. */
  readonly origin: string;
  /** When they were made, milliseconds since 1970. */
  readonly created: number;
  /** C2SP vkey. */
  readonly log: string;
  /** DER SPKI, base64. */
  readonly release: string;
  readonly openpgp: {
    readonly fingerprint: string;
    /** Armored. */
    readonly publicKey: string;
  };
}

/** Where the encrypted keys are: a file's absolute path, or the age text itself, as CI keeps its secrets. */
export type KeySource = { readonly file: string } | { readonly text: string; readonly name: string };

/** Keys that were opened. */
export interface LoadedKeys {
  readonly origin: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  /** What the file holds; nothing is missing as a rule. */
  readonly held: Partial<Signers>;
  readonly signers: Signers;
}

/**
 * Makes the three keys of a new store and writes them to `file` (absolute). Throws KEYS_EXIST, USAGE (the origin),
 * PERMISSION_DENIED. `workFactor`: scrypt's as a power of two, lower only where no secret is kept.
 */
export async function createKeys(options: {
  readonly file: string;
  readonly origin: string;
  readonly passphrase: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly workFactor?: number;
}): Promise<PublicKeys> {
  const { file, origin, passphrase, now, workFactor = defaultWorkFactor } = options;
  checkOrigin(origin);
  // Before the work; writing refuses again, whoever was faster.
  if (await exists(file)) throw keysExist(file);
  const [log, release, openpgp] = await Promise.all([
    generatePair("ed25519"),
    generatePair("ec", { namedCurve: "P-256" }),
    createOpenPgpKey(`Kiln ${origin}`, now),
  ]);
  const content: KeyFileContent = {
    kiln: 1,
    origin,
    created: Math.floor(now / 1000),
    log: pemOf(log),
    release: pemOf(release),
    openpgp,
  };
  // Opened before it is written: what can't be used never looks like keys.
  const publicKeys = publicKeysOf(loadContent(content, file));
  await writeKeyFile(file, await sealKeys(content, passphrase, workFactor));
  return publicKeys;
}

/** Opens the keys. Throws KEYS_NOT_FOUND, KEYS_INVALID, PASSPHRASE_WRONG, PERMISSION_DENIED. */
export async function loadKeys(source: KeySource, passphrase: string): Promise<LoadedKeys> {
  const where = "file" in source ? source.file : source.name;
  const text = "file" in source ? await readKeyFile(source.file) : source.text;
  return loadContent(await openKeys(text, passphrase, where), where);
}

/** Throws KEY_MISSING when one of the three isn't held. */
export function publicKeysOf({ origin, created, signers }: LoadedKeys): PublicKeys {
  const { log, release, openpgp } = signers;
  return {
    origin,
    created,
    log: log.vkey,
    release: release.publicKey,
    openpgp: { fingerprint: openpgp.fingerprint, publicKey: openpgp.publicKey },
  };
}

/** The trust file of a store that has these keys alone: they may release and move everything, from the first leaf on. */
export function trustOf({ origin, log, release, openpgp }: PublicKeys): Trust {
  const always = { from: 0, until: null };
  return {
    kiln: 1,
    origin,
    log,
    release: [{ publicKey: release, names: ["*"], channels: ["*"], ...always }],
    openpgp: [{ ...openpgp, ...always }],
  };
}

function loadContent({ origin, created, log, release, openpgp }: KeyFileContent, where: string): LoadedKeys {
  let held: Partial<Signers>;
  try {
    held = {
      ...(log === undefined ? {} : { log: logSigner(log, origin) }),
      ...(release === undefined ? {} : { release: releaseSigner(release) }),
      ...(openpgp === undefined ? {} : { openpgp: openPgpSigner(openpgp) }),
    };
  } catch {
    // No cause: OpenSSL's messages are about private key material.
    throw new KilnError("KEYS_INVALID", `${where}: got a private key that can't be used`, {
      hint: "restore it from its backup",
    });
  }
  return { origin, created: created * 1000, held, signers: signersOf(held, where) };
}

/** Returns `origin`. Throws USAGE unless it's a bare host name. */
export function checkOrigin(origin: string): string {
  if (originSchema.safeParse(origin).success) return origin;
  const shown = JSON.stringify(origin.slice(0, 80));
  throw new KilnError("USAGE", `origin: got ${shown}, want a bare host name in lower case`, {
    hint: "clients take the log's name from a host name: no scheme, no port, no path",
  });
}

async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}

const generatePair = promisify(generateKeyPair);

/** PKCS #8. */
function pemOf({ privateKey }: { readonly privateKey: KeyObject }): string {
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
