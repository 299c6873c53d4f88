// Detached OpenPGP signatures (RFC 9580, version 4, RSA, SHA-256) over a digest state: the artifact is hashed once, by
// whoever reads it, and the signature's own few bytes are hashed on top of a copy. Nothing holds an artifact in memory.
// openpgp.js parses keys and signatures and judges a key by its self-signatures; the arithmetic is OpenSSL's, which takes
// 55 µs a signature where openpgp.js takes 300. One signature per file: with several, gpgv fails and others take any.

import { constants, createPublicKey, type Hash, type KeyObject, publicDecrypt } from "node:crypto";

import type { PublicKey, SignaturePacket } from "openpgp";

import { KilnError } from "../errors.ts";

export interface OpenPgpVerification {
  /** One armored detached signature. */
  readonly signature: string;
  /** The armored public keys that may have made it. */
  readonly keys: readonly string[];
  /** SHA-256 that has taken in the whole artifact; it isn't consumed. */
  readonly state: Hash | SignedState;
  /** Of the signature; a document's, when left out. */
  readonly type?: SignatureType;
  /** When keys and signature must not have expired, milliseconds since 1970. */
  readonly now: number;
  /** What is signed, for messages. */
  readonly what: string;
}

/** The digest of what is signed, to be gone on from, where another thread has it. */
export interface SignedState {
  /** SHA-256 of all of it, and of `tail` after it. */
  digestAfter(tail: Uint8Array): Promise<Buffer>;
}

export interface OpenPgpSigned {
  /** Of the primary key that signed: 40 hex digits, lower case. */
  readonly fingerprint: string;
  /** By the signer's clock, milliseconds since 1970. */
  readonly time: number;
}

/** Who signed, and when. Throws SIGNATURE_INVALID for anything but one good signature; TRUST_INVALID for a bad key. */
export async function verifyOpenPgp({
  signature,
  keys,
  state,
  type = "document",
  now,
  what,
}: OpenPgpVerification): Promise<OpenPgpSigned> {
  const packet = await parseSignature(signature, { type, what });
  const time = packet.created?.getTime() ?? 0;
  const known = await Promise.all(keys.map((armored) => parseKey(armored)));
  const key = known.find(({ keyId }) => keyId === packet.issuerKeyID.toHex());
  if (key === undefined)
    throw refusal(what, `got a signature by key ${packet.issuerKeyID.toHex()}, want a trusted one`);
  if (key.refusal !== undefined) throw refusal(what, `got a signature by key ${key.fingerprint}: ${key.refusal}`);
  if (now >= key.expires) throw refusal(what, `got a signature by key ${key.fingerprint}, which has expired`);
  if (time < key.created) throw refusal(what, `got a signature that is older than its key ${key.fingerprint}`);
  if (now >= Number(packet.getExpirationTime())) throw refusal(what, "got a signature that has expired");

  const hashedPart = packet.signatureData ?? new Uint8Array();
  const digest = "copy" in state ? signedDigest(state, hashedPart) : await state.digestAfter(withTrailer(hashedPart));
  const leads = digest.subarray(0, 2).equals(packet.signedHashValue ?? new Uint8Array());
  if (!leads || !recover(key.key, packet)?.equals(digestInfo(digest))) {
    throw refusal(what, `got a signature that isn't over these bytes by key ${key.fingerprint}`);
  }
  return { fingerprint: key.fingerprint, time };
}

/** The digest that a version 4 signature signs: the document, then the signature's hashed part, then a trailer. */
export function signedDigest(state: Hash, hashedPart: Uint8Array): Buffer {
  return state.copy().update(withTrailer(hashedPart)).digest();
}

/** What stands behind the document where it is signed. */
export function withTrailer(hashedPart: Uint8Array): Buffer {
  const trailer = Buffer.from([4, 0xff, 0, 0, 0, 0]);
  trailer.writeUInt32BE(hashedPart.length, 2);
  return Buffer.concat([hashedPart, trailer]);
}

/** The DER DigestInfo of a SHA-256: what RSA PKCS #1 v1.5 pads and signs. */
export function digestInfo(sha256: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from("3031300d060960864801650304020105000420", "hex"), sha256]);
}

/** As in the packet: over bytes, or over a text whose line ends don't count. */
export const signatureTypes = { document: 0x00, text: 0x01 } as const;
export type SignatureType = keyof typeof signatureTypes;

const rsaAlgorithms = new Set([1, 3]);
const sha256Algorithm = 8;
const hashNames: Readonly<Record<number, string>> = {
  1: "MD5",
  2: "SHA-1",
  3: "RIPEMD-160",
  8: "SHA-256",
  9: "SHA-384",
  10: "SHA-512",
};

/** One block, no headers, nothing around it: no second signature, and no text that a person could take for signed. */
const armorPattern =
  /^-----BEGIN PGP SIGNATURE-----\n\n(?:[A-Za-z0-9+/=]{1,76}\n)+(?:=[A-Za-z0-9+/]{4}\n)?-----END PGP SIGNATURE-----\n$/;

/** The packet in an armored signature, for formats that keep it bare. */
export function unarmored(signature: string): Buffer {
  const [, body = ""] = /\n\n((?:[A-Za-z0-9+/=]+\n)+?)(?:=[A-Za-z0-9+/]{4}\n)?-----END/.exec(signature) ?? [];
  return Buffer.from(body, "base64");
}

/** The other way round. */
export function armored(packet: Uint8Array): string {
  const lines = Buffer.from(packet)
    .toString("base64")
    .match(/.{1,64}/g);
  return `-----BEGIN PGP SIGNATURE-----\n\n${(lines ?? []).join("\n")}\n-----END PGP SIGNATURE-----\n`;
}

async function parseSignature(
  armored: string,
  { type, what }: { readonly type: SignatureType; readonly what: string },
): Promise<SignaturePacket> {
  if (armored.length > 16_384 || !armorPattern.test(armored)) {
    throw refusal(what, "got a text that isn't one armored OpenPGP signature");
  }
  const { readSignature } = await import("openpgp");
  let packets: readonly SignaturePacket[];
  try {
    packets = (await readSignature({ armoredSignature: armored })).packets;
  } catch (cause) {
    // Whoever stored the text chose it; the library throws plain errors on what it can't parse.
    throw refusal(what, "got an OpenPGP signature that can't be parsed", cause);
  }
  const [packet] = packets;
  if (packet === undefined || packets.length !== 1) throw refusal(what, `got ${packets.length} signatures, want one`);
  const problem = problemOf(packet, type);
  if (problem !== undefined) throw refusal(what, problem);
  return packet;
}

function problemOf(packet: SignaturePacket, type: SignatureType): string | undefined {
  const { version, signatureType, hashAlgorithm, publicKeyAlgorithm, unknownSubpackets, rawNotations } = packet;
  if (version !== 4) return `got a version ${version} signature, want 4`;
  const wanted = signatureTypes[type];
  if (Number(signatureType) !== wanted) return `got a signature of type ${signatureType}, want ${wanted} (a ${type})`;
  if (Number(hashAlgorithm) !== sha256Algorithm) {
    return `got a signature with ${hashNames[Number(hashAlgorithm)] ?? `hash ${hashAlgorithm}`}, want SHA-256`;
  }
  if (!rsaAlgorithms.has(Number(publicKeyAlgorithm))) {
    return `got a signature with algorithm ${publicKeyAlgorithm}, want 1 (RSA)`;
  }
  if (unknownSubpackets.some(({ critical }) => critical) || rawNotations.some(({ critical }) => critical)) {
    return "got a signature with a critical part that isn't understood";
  }
  return undefined;
}

/** The DigestInfo that was signed; `undefined` when the padding is wrong. openpgp.js doesn't declare `params`. */
function recover(key: KeyObject, packet: SignaturePacket): Buffer | undefined {
  const { s } = (packet as unknown as { readonly params: { readonly s: Uint8Array } }).params;
  const size = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  if (s.length > size) return undefined;
  // OpenPGP strips leading zeros of a number, OpenSSL wants the whole width.
  const padded = Buffer.concat([Buffer.alloc(size - s.length), s]);
  try {
    return publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, padded);
  } catch (error) {
    if (error instanceof Error && "code" in error && String(error.code).startsWith("ERR_OSSL_")) return undefined;
    throw error;
  }
}

interface ParsedKey {
  /** 16 hex digits. */
  readonly keyId: string;
  readonly fingerprint: string;
  readonly key: KeyObject;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly expires: number;
  /** Why it may sign nothing at all: revoked, too short, a broken self-signature. */
  readonly refusal: string | undefined;
}

const parsedKeys = new Map<string, Promise<ParsedKey>>();

/** Pure, and remembered: judging a key costs far more than checking a signature by it. */
function parseKey(armored: string): Promise<ParsedKey> {
  let parsed = parsedKeys.get(armored);
  if (parsed === undefined) {
    parsed = readOneKey(armored);
    parsedKeys.set(armored, parsed);
  }
  return parsed;
}

async function readOneKey(armored: string): Promise<ParsedKey> {
  const { readKeys } = await import("openpgp");
  let found: readonly PublicKey[];
  try {
    found = await readKeys({ armoredKeys: armored });
  } catch (cause) {
    throw new KilnError("TRUST_INVALID", "got an OpenPGP key that can't be parsed", { cause });
  }
  const [key] = found;
  if (key === undefined || found.length !== 1 || key.isPrivate()) {
    throw new KilnError("TRUST_INVALID", `got ${found.length} OpenPGP keys in one armor, want one public key`);
  }
  const fingerprint = key.getFingerprint();
  const { version, algorithm, publicParams } = key.keyPacket;
  if (version !== 4 || !rsaAlgorithms.has(Number(algorithm))) {
    throw new KilnError(
      "TRUST_INVALID",
      `OpenPGP key ${fingerprint}: got version ${version}, want a version 4 RSA key`,
    );
  }
  const { n, e } = publicParams as { readonly n: Uint8Array; readonly e: Uint8Array };
  const jwk = { kty: "RSA", n: Buffer.from(n).toString("base64url"), e: Buffer.from(e).toString("base64url") };
  const expires = await key.getExpirationTime();
  return {
    keyId: key.getKeyID().toHex(),
    fingerprint,
    key: createPublicKey({ key: jwk, format: "jwk" }),
    created: key.getCreationTime().getTime(),
    expires: expires === null ? 0 : Number(expires),
    refusal: await refusalOf(key),
  };
}

/** Asks openpgp.js whether the primary key may sign, whatever the time: a revocation counts whenever it was made. */
async function refusalOf(key: PublicKey): Promise<string | undefined> {
  try {
    await key.getSigningKey(key.getKeyID(), null);
    return undefined;
  } catch (error) {
    // It answers with plain errors only.
    return error instanceof Error ? error.message : String(error);
  }
}

function refusal(what: string, problem: string, cause?: unknown): KilnError {
  return new KilnError("SIGNATURE_INVALID", `${what}: ${problem}`, {
    hint: "don't use it; `kiln audit` says what else was touched",
    cause,
  });
}
