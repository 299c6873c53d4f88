// The OpenPGP key: version 4, RSA-4096, one primary key that certifies and signs, no subkey, no expiry: the one shape that
// gpgv, apt, rpm 4 and sqv all take. A detached signature is written here byte by byte (RFC 9580, 5.2.3), because it must
// continue a digest state that has seen the artifact already; openpgp.js makes and parses the keys.

import { constants, createHash, createPrivateKey, type Hash, type KeyObject, privateEncrypt, sign } from "node:crypto";
import { promisify } from "node:util";

import type * as OpenPgp from "openpgp";

import { clearSigned, textState } from "../artifact/clear-signed.ts";
import { digestInfo, type SignatureType, signatureTypes, signedDigest, withTrailer } from "../artifact/openpgp.ts";
import { KilnError } from "../errors.ts";
import type { OpenPgpSigner } from "./signers.ts";

/** As it lies in the key file. */
export interface OpenPgpKey {
  readonly fingerprint: string;
  /** Both armored; the private key has no passphrase of its own. */
  readonly publicKey: string;
  readonly privateKey: string;
}

const signInThread = promisify(sign);

let library: Promise<typeof OpenPgp> | undefined;

/** When it is first needed, and once: each further import would go through the module loader. */
async function loadOpenPgp(): Promise<typeof OpenPgp> {
  return (library ??= import("openpgp"));
}

/** A new key. `now`: milliseconds since 1970. */
export async function createOpenPgpKey(userId: string, now: number): Promise<OpenPgpKey> {
  const { generateKey, readKey } = await loadOpenPgp();
  const { publicKey, privateKey } = await generateKey({
    type: "rsa",
    rsaBits: 4096,
    userIDs: [{ name: userId }],
    subkeys: [],
    date: new Date(now),
    format: "armored",
    config: { nonDeterministicSignaturesViaNotation: false },
  });
  const fingerprint = (await readKey({ armoredKey: publicKey })).getFingerprint();
  return { fingerprint, publicKey: withNewlines(publicKey), privateKey: withNewlines(privateKey) };
}

/** Parses the private key when it first signs: moving a channel needs none of it. */
export function openPgpSigner({ fingerprint, publicKey, privateKey }: OpenPgpKey): OpenPgpSigner {
  let parsed: Promise<PrivateRsa> | undefined;
  const signed = async (document: Document, type: SignatureType, when: number): Promise<string> => {
    parsed ??= readPrivateRsa(privateKey, fingerprint);
    const { key, created } = await parsed;
    // Clocks differ by seconds, and clients refuse a signature that is older than its key.
    const time = Math.max(Math.floor(when / 1000), created);
    return armor(await signaturePacket({ document, type, key, time, fingerprint: Buffer.from(fingerprint, "hex") }));
  };
  return {
    fingerprint,
    publicKey,
    signState: (state, when) => signed({ state }, "document", when),
    signBytes: (bytes, when) => signed({ bytes }, "document", when),
    signText: async (text, when) => clearSigned(text, await signed({ state: textState(text) }, "text", when)),
  };
}

/** Its bytes, or what has taken them in. */
type Document = { readonly state: Hash } | { readonly bytes: Uint8Array };

interface PrivateRsa {
  readonly key: KeyObject;
  /** Seconds since 1970. */
  readonly created: number;
}

async function readPrivateRsa(armored: string, fingerprint: string): Promise<PrivateRsa> {
  const { readPrivateKey } = await loadOpenPgp();
  const { keyPacket } = await readPrivateKey({ armoredKey: armored });
  if (keyPacket.getFingerprint() !== fingerprint) {
    throw new KilnError("KEYS_INVALID", `OpenPGP key: got ${keyPacket.getFingerprint()}, want ${fingerprint}`, {
      hint: "restore the key file from its backup",
    });
  }
  // The numbers of a key (RFC 9580, 5.5.5.1), which openpgp.js keeps but doesn't declare.
  const { publicParams, privateParams } = keyPacket as unknown as {
    readonly publicParams: Readonly<Record<"n" | "e", Uint8Array>>;
    readonly privateParams: Readonly<Record<"d" | "p" | "q" | "u", Uint8Array>>;
  };
  const { d, p, q, u } = privateParams;
  // OpenPGP's coefficient is that of p modulo q, a JWK's that of q modulo p: so the two primes change names.
  const jwk = {
    kty: "RSA",
    n: toBase64Url(publicParams.n),
    e: toBase64Url(publicParams.e),
    d: toBase64Url(d),
    p: toBase64Url(q),
    q: toBase64Url(p),
    dp: toBase64Url(exponent(d, q)),
    dq: toBase64Url(exponent(d, p)),
    qi: toBase64Url(u),
  };
  return { key: createPrivateKey({ key: jwk, format: "jwk" }), created: keyPacket.created.getTime() / 1000 };
}

/** d modulo (prime - 1). */
function exponent(d: Uint8Array, prime: Uint8Array): Uint8Array {
  const hex = (toBigInt(d) % (toBigInt(prime) - 1n)).toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
}

function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

function toBase64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

async function signaturePacket(options: {
  readonly document: Document;
  readonly type: SignatureType;
  readonly key: KeyObject;
  readonly time: number;
  readonly fingerprint: Uint8Array;
}): Promise<Buffer> {
  const { document, type, key, time, fingerprint } = options;
  const created = Buffer.alloc(4);
  created.writeUInt32BE(time);
  const hashed = Buffer.concat([
    subpacket(0x80 | 2, created), // creation time, critical
    subpacket(33, Buffer.concat([Buffer.of(4), fingerprint])), // issuer's fingerprint
  ]);
  // Version 4, RSA, SHA-256.
  const hashedPart = Buffer.concat([Buffer.of(4, signatureTypes[type], 1, 8), uint16(hashed.length), hashed]);
  const unhashed = subpacket(16, fingerprint.subarray(-8)); // issuer's key id
  const { digest, number } = await signatureNumber(document, hashedPart, key);
  return packet(2, [hashedPart, uint16(unhashed.length), unhashed, digest.subarray(0, 2), multiprecision(number)]);
}

/** Of bytes in a thread of Node's own; of a digest, which Node can't be asked to sign there, in this one. */
async function signatureNumber(
  document: Document,
  hashedPart: Uint8Array,
  key: KeyObject,
): Promise<{ digest: Buffer; number: Buffer }> {
  if ("bytes" in document) {
    const bytes = Buffer.concat([document.bytes, withTrailer(hashedPart)]);
    const digest = createHash("sha256").update(bytes).digest();
    return { digest, number: await signInThread("sha256", bytes, key) };
  }
  const digest = signedDigest(document.state, hashedPart);
  return { digest, number: privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, digestInfo(digest)) };
}

function subpacket(type: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(body.length + 1, type), body]);
}

/** A packet of 192 to 8383 bytes, which is what an RSA signature takes. */
function packet(tag: number, parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length = body.length - 192;
  return Buffer.concat([Buffer.of(0xc0 | tag, (length >> 8) + 192, length & 0xff), body]);
}

/** Its length in bits, then the number without leading zeros. */
function multiprecision(number: Uint8Array): Buffer {
  const start = number.findIndex((byte) => byte !== 0);
  const bytes = number.subarray(start);
  const bits = bytes.length * 8 - (Math.clz32(bytes[0] ?? 0) - 24);
  return Buffer.concat([uint16(bits), bytes]);
}

async function armor(packetBytes: Uint8Array): Promise<string> {
  const { armor: armored, enums } = await loadOpenPgp();
  return withNewlines(armored(enums.armor.signature, packetBytes));
}

/** As every other file: lines end with a plain newline, the last one too, and none is blank at the end. */
function withNewlines(armored: string): string {
  return `${armored.replaceAll("\r\n", "\n").trimEnd()}\n`;
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
