import { execFile } from "node:child_process";
import { createHash, type Hash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import * as fc from "fast-check";
import * as openpgp from "openpgp";
import { afterEach, beforeEach, expect, test } from "vitest";

import { verifyOpenPgp } from "../../src/artifact/openpgp.ts";
import { madeAt, madeKeys } from "../sign/made-keys.ts";

const execute = promisify(execFile);
const later = madeAt + 60_000;
const content = Buffer.from("an artifact\n");
const config = { nonDeterministicSignaturesViaNotation: false };

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-openpgp-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

function stateOf(bytes: Uint8Array): Hash {
  return createHash("sha256").update(bytes);
}

async function signed(): Promise<{ signature: string; keys: string[]; fingerprint: string }> {
  const { openpgp: signer } = (await madeKeys()).loaded.signers;
  const signature = await signer.signState(stateOf(content), later);
  return { signature, keys: [signer.publicKey], fingerprint: signer.fingerprint };
}

test("bytes that are at hand are signed as what has taken them in", async () => {
  const { openpgp: signer } = (await madeKeys()).loaded.signers;
  expect(await signer.signBytes(content, later)).toBe(await signer.signState(stateOf(content), later));
});

function verify(options: { signature: string; keys: readonly string[]; state?: Hash; now?: number }) {
  return verifyOpenPgp({ state: stateOf(content), now: later, what: "app.tar", ...options });
}

/** Another key, and a signature of the content by it, made by openpgp.js. */
async function foreign(
  options: {
    key?: Partial<openpgp.KeyOptions>;
    hash?: openpgp.enums.hash;
    text?: boolean;
    config?: openpgp.PartialConfig;
  } = {},
): Promise<{ signature: string; keys: string[]; privateKey: openpgp.PrivateKey; publicKey: openpgp.PublicKey }> {
  const { privateKey, publicKey } = (await openpgp.generateKey({
    type: "rsa",
    rsaBits: 2048,
    userIDs: [{ name: "Mallory" }],
    subkeys: [],
    date: new Date(madeAt),
    ...options.key,
    format: "object",
    config: { ...config, ...options.config },
  } as openpgp.KeyOptions & { format: "object" })) as unknown as {
    privateKey: openpgp.PrivateKey;
    publicKey: openpgp.PublicKey;
  };
  const message = options.text
    ? await openpgp.createMessage({ text: content.toString() })
    : await openpgp.createMessage({ binary: new Uint8Array(content) });
  const signature = await openpgp.sign({
    message: message as openpgp.Message<Uint8Array>,
    signingKeys: privateKey,
    detached: true,
    date: new Date(later),
    config: {
      ...config,
      ...options.config,
      preferredHashAlgorithm: options.hash ?? openpgp.enums.hash.sha256,
    },
  });
  return { signature: withNewline(signature), keys: [publicKey.armor()], privateKey, publicKey };
}

function withNewline(armored: string): string {
  return `${armored.trimEnd()}\n`;
}

/** The bytes in the armor, changed, in armor again. */
function altered(signature: string, change: (packet: Buffer) => Uint8Array | void): string {
  const lines = signature.split("\n").filter((line) => /^[A-Za-z0-9+/]/.test(line));
  const packet = Buffer.from(lines.join(""), "base64");
  const bytes = change(packet) ?? packet;
  return withNewline(openpgp.armor(openpgp.enums.armor.signature, bytes));
}

/** What gpgv says, read as the status lines that it's meant to be read by. */
async function gpgv(options: { signature: string; file: string; publicKey: string }): Promise<string[]> {
  const [keyring, signature] = [join(folder, "keys.gpg"), join(folder, "it.asc")];
  await writeFile(keyring, (await openpgp.readKey({ armoredKey: options.publicKey })).write());
  await writeFile(signature, options.signature);
  const argv = ["--status-fd", "1", "--keyring", keyring, signature, options.file];
  const result = await execute("gpgv", argv).catch((error: { stdout: string }) => error);
  return result.stdout.split("\n").filter((line) => line.startsWith("[GNUPG:]"));
}

test("a signature says who made it and when, and leaves the digest state as it was", async () => {
  const state = stateOf(content);
  const { signature, keys, fingerprint } = await signed();
  expect(await verify({ signature, keys, state })).toEqual({ fingerprint, time: later });
  expect(state.digest("hex")).toBe(stateOf(content).digest("hex"));
});

test("the signature is armored text of one block that ends in a newline", async () => {
  const { signature } = await signed();
  expect(signature).toMatch(/^-----BEGIN PGP SIGNATURE-----\n\n[A-Za-z0-9+/=\n]+\n-----END PGP SIGNATURE-----\n$/);
  const [packet, ...more] = (await openpgp.readSignature({ armoredSignature: signature })).packets;
  expect(more).toEqual([]);
  expect(packet).toMatchObject({ version: 4, signatureType: 0, publicKeyAlgorithm: 1, hashAlgorithm: 8 });
});

test("openpgp.js accepts what was signed over a digest state", async () => {
  const { signature, keys } = await signed();
  const { signatures } = await openpgp.verify({
    message: await openpgp.createMessage({ binary: new Uint8Array(content) }),
    signature: await openpgp.readSignature({ armoredSignature: signature }),
    verificationKeys: await openpgp.readKeys({ armoredKeys: keys[0] ?? "" }),
    date: new Date(later),
  });
  await expect(signatures[0]?.verified).resolves.toBe(true);
});

test("gpgv finds the signature good, and bad over other bytes", async () => {
  const { signature, keys, fingerprint } = await signed();
  const [good, bad] = [join(folder, "good"), join(folder, "bad")];
  await writeFile(good, content);
  await writeFile(bad, "another artifact\n");
  const publicKey = keys[0] ?? "";
  const status = await gpgv({ signature, file: good, publicKey });
  expect(status).toContainEqual(`[GNUPG:] GOODSIG ${fingerprint.slice(-16).toUpperCase()} Kiln log.example`);
  expect(status).toContainEqual(expect.stringContaining(`[GNUPG:] VALIDSIG ${fingerprint.toUpperCase()}`));
  expect(await gpgv({ signature, file: bad, publicKey })).toContainEqual(expect.stringContaining("[GNUPG:] BADSIG"));
});

test("a file of 65 MiB is hashed once while it streams, and gpgv finds its signature good", async () => {
  const file = join(folder, "large");
  const handle = await open(file, "w");
  const block = randomBytes(1024 * 1024);
  for (let index = 0; index < 65; index++) await handle.write(block);
  await handle.close();
  const state = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) state.update(chunk as Buffer);
  const { openpgp: signer } = (await madeKeys()).loaded.signers;
  const signature = await signer.signState(state, later);
  expect(await gpgv({ signature, file, publicKey: signer.publicKey })).toContainEqual(
    expect.stringContaining("[GNUPG:] GOODSIG"),
  );
  await verify({ signature, keys: [signer.publicKey], state });
});

test("a signature is never older than its key, whatever the clock says", async () => {
  const { openpgp: signer } = (await madeKeys()).loaded.signers;
  const signature = await signer.signState(stateOf(content), madeAt - 5000);
  expect(await verify({ signature, keys: [signer.publicKey] })).toMatchObject({ time: madeAt });
});

test("one of several trusted keys is enough, and it is named", async () => {
  const { signature, keys, fingerprint } = await signed();
  const other = await foreign();
  expect(await verify({ signature, keys: [...other.keys, ...keys] })).toMatchObject({ fingerprint });
  expect(await verify({ ...other, keys: [...keys, ...other.keys] })).toMatchObject({
    fingerprint: other.publicKey.getFingerprint(),
  });
});

const refused = (text: string) => ({
  code: "SIGNATURE_INVALID",
  exitStatus: 3,
  message: expect.stringContaining(text),
});

test("other bytes and another key are refused", async () => {
  const { signature, keys } = await signed();
  await expect(verify({ signature, keys, state: stateOf(Buffer.from("other")) })).rejects.toMatchObject(
    refused("isn't over these bytes"),
  );
  await expect(verify({ signature, keys: (await foreign()).keys })).rejects.toMatchObject(
    refused("want a trusted one"),
  );
  await expect(verify({ signature, keys: [] })).rejects.toMatchObject(refused("want a trusted one"));
});

test("a signature by another key under the id of a trusted one is refused", async () => {
  const { signature, privateKey } = await foreign();
  const { keys } = await signed();
  const trusted = await openpgp.readKey({ armoredKey: keys[0] ?? "" });
  const forged = altered(signature, (packet) => {
    const swap = (from: string, to: string): void => {
      for (let at = packet.indexOf(from, "hex"); at !== -1; at = packet.indexOf(from, at + 1, "hex")) {
        packet.write(to, at, "hex");
      }
    };
    swap(privateKey.getFingerprint(), trusted.getFingerprint());
    swap(privateKey.getKeyID().toHex(), trusted.getKeyID().toHex());
  });
  await expect(verify({ signature: forged, keys })).rejects.toMatchObject(refused("isn't over these bytes"));
});

test("weak hashes, other hashes, text signatures, other algorithms and version 6 are refused", async () => {
  const sha512 = await foreign({ hash: openpgp.enums.hash.sha512 });
  await expect(verify(sha512)).rejects.toMatchObject(refused("got a signature with SHA-512, want SHA-256"));
  await expect(verify(await foreign({ text: true }))).rejects.toMatchObject(refused("of type 1, want 0"));
  const elliptic = await foreign({ key: { type: "ecc", curve: "nistP256" } });
  await expect(verify(elliptic)).rejects.toMatchObject(refused("got a signature with algorithm 19, want 1 (RSA)"));
  const six = await foreign({ key: { type: "rsa" }, config: { v6Keys: true } });
  await expect(verify(six)).rejects.toMatchObject(refused("got a version 6 signature, want 4"));

  const { signature, keys } = await signed();
  const names = { 1: "MD5", 2: "SHA-1", 3: "RIPEMD-160", 99: "hash 99" };
  for (const [algorithm, name] of Object.entries(names)) {
    const weak = altered(signature, (packet) => void (packet[6] = Number(algorithm)));
    await expect(verify({ signature: weak, keys })).rejects.toMatchObject(refused(`with ${name}, want SHA-256`));
  }
});

test("revoked, expired and short keys sign nothing, whenever they were revoked", async () => {
  const { signature, keys, privateKey } = await foreign();
  await verify({ signature, keys });
  for (const [reason, time] of [
    [openpgp.enums.reasonForRevocation.keyCompromised, later + 1000],
    [openpgp.enums.reasonForRevocation.keySuperseded, later + 1000],
  ] as const) {
    const { publicKey } = await openpgp.revokeKey({
      key: privateKey,
      reasonForRevocation: { flag: reason },
      date: new Date(time),
      format: "armored",
    });
    await expect(verify({ signature, keys: [publicKey ?? ""] })).rejects.toMatchObject(refused("revoked"));
  }

  const brief = await foreign({ key: { keyExpirationTime: 3600 } });
  await verify(brief);
  await expect(verify({ ...brief, now: madeAt + 3600_000 })).rejects.toMatchObject(refused("has expired"));

  const short = await foreign({ key: { rsaBits: 1024 }, config: { minRSABits: 1024 } });
  await expect(verify(short)).rejects.toMatchObject(refused("too weak"));
});

test("a signature that is older than its key is refused", async () => {
  const { signature, keys, fingerprint } = await signed();
  // The creation time is the first subpacket.
  const early = altered(signature, (packet) => void packet.writeUInt32BE(madeAt / 1000 - 1, 11));
  await expect(verify({ signature: early, keys })).rejects.toMatchObject(refused(`older than its key ${fingerprint}`));
});

test("a signature that has expired, or has a critical part that isn't known, is refused", async () => {
  const { privateKey, keys } = await foreign();
  const sign = async (change: (packet: openpgp.SignaturePacket) => void): Promise<string> => {
    const packet = new openpgp.SignaturePacket();
    packet.signatureType = openpgp.enums.signature.binary;
    packet.publicKeyAlgorithm = openpgp.enums.publicKey.rsaEncryptSign;
    packet.hashAlgorithm = openpgp.enums.hash.sha256;
    change(packet);
    const data = { text: null, getBytes: () => new Uint8Array(content) };
    // Its declaration lacks the last argument.
    const make = packet.sign.bind(packet) as unknown as (...all: unknown[]) => Promise<void>;
    await make(privateKey.keyPacket, data, new Date(later), true, { ...openpgp.config, ...config });
    const list = new openpgp.PacketList<openpgp.SignaturePacket>();
    list.push(packet);
    return withNewline(openpgp.armor(openpgp.enums.armor.signature, list.write()));
  };
  const brief = await sign((packet) => {
    packet.signatureExpirationTime = 60;
    packet.signatureNeverExpires = false;
  });
  await verify({ signature: brief, keys });
  await expect(verify({ signature: brief, keys, now: later + 60_000 })).rejects.toMatchObject(refused("has expired"));

  const notation = { name: "condition@example.org", value: Buffer.from("only on Mondays"), humanReadable: true };
  await verify({ signature: await sign((packet) => packet.rawNotations.push({ ...notation, critical: false })), keys });
  const critical = await sign((packet) => packet.rawNotations.push({ ...notation, critical: true }));
  await expect(verify({ signature: critical, keys })).rejects.toMatchObject(refused("critical part"));
});

test("one signature only: not two in an armor, not two armors, nothing around it, no headers", async () => {
  const { signature, keys } = await signed();
  const twice = altered(signature, (packet) => Buffer.concat([packet, packet]));
  await expect(verify({ signature: twice, keys })).rejects.toMatchObject(refused("got 2 signatures, want one"));
  for (const bad of [
    "",
    signature + signature,
    `${signature}\n`,
    `\n${signature}`,
    `good\n${signature}`,
    signature.trimEnd(),
    signature.replace("\n\n", "\nComment: good\n\n"),
    signature.replaceAll("\n", "\r\n"),
    signature.replaceAll("SIGNATURE", "MESSAGE"),
    `${signature.slice(0, 60)}${"A".repeat(20_000)}${signature.slice(60)}`,
  ]) {
    await expect(verify({ signature: bad, keys })).rejects.toMatchObject(
      refused("isn't one armored OpenPGP signature"),
    );
  }
  const empty = "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n";
  await expect(verify({ signature: empty, keys })).rejects.toMatchObject({ code: "SIGNATURE_INVALID" });
});

test("of a signature with a changed byte nothing is believed but what was signed", async () => {
  const { signature, keys, fingerprint } = await signed();
  const length = altered(signature, () => {}).length;
  expect(length).toBe(signature.length);
  await fc.assert(
    fc.asyncProperty(fc.nat(4000), fc.integer({ min: 1, max: 255 }), async (position, change) => {
      const changed = altered(signature, (packet) => {
        const at = position % packet.length;
        packet[at] = (packet[at] ?? 0) ^ change;
      });
      const answer = await verify({ signature: changed, keys }).catch((error: unknown) => error);
      // A part that isn't signed (a length in another form, an unknown hint) may differ; what is said may not.
      if (answer instanceof Error) expect(answer).toMatchObject({ code: "SIGNATURE_INVALID" });
      else expect(answer).toEqual({ fingerprint, time: later });
    }),
    { numRuns: 300 },
  );
});

test("a trusted key that isn't one public v4 RSA key is TRUST_INVALID", async () => {
  const { signature, keys } = await signed();
  const { privateKey } = await foreign();
  const elliptic = await foreign({ key: { type: "ecc", curve: "nistP256" } });
  for (const bad of ["", "garbage", privateKey.armor(), elliptic.keys[0] ?? ""]) {
    await expect(verify({ signature, keys: [...keys, bad] })).rejects.toMatchObject({ code: "TRUST_INVALID" });
  }
});
