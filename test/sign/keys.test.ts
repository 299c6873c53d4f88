import { createHash, createPrivateKey, generateKeyPairSync, verify } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { armor, Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { readKey, readPrivateKey } from "openpgp";
import { afterEach, beforeEach, expect, test } from "vitest";

import { verifyBytes, verifyDigest } from "../../src/artifact/ecdsa.ts";
import { parseVkey } from "../../src/artifact/log-key.ts";
import { parseTrust, trustBytes } from "../../src/artifact/trust.ts";
import { type KeyFileContent, sealKeys } from "../../src/sign/key-file.ts";
import { createKeys, loadKeys, publicKeysOf, trustOf } from "../../src/sign/keys.ts";
import { requireSigners } from "../../src/sign/signers.ts";
import { madeAt, madeKeys, origin, passphrase } from "./made-keys.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-keys-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function decrypt(text: string): Promise<KeyFileContent> {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  return JSON.parse(await decrypter.decrypt(armor.decode(text), "text")) as KeyFileContent;
}

test("keys are written to one file for its owner alone, in a folder that is made", async () => {
  const file = join(folder, "deep", "keys", "log.example.age");
  await createKeys({ file, origin, passphrase, now: madeAt, workFactor: 1 });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(join(folder, "deep", "keys"))).mode & 0o777).toBe(0o700);
  expect(await readdir(join(folder, "deep", "keys"))).toEqual(["log.example.age"]);
});

test("the key file is armored age text with scrypt's work factor in its head, 16 by default", async () => {
  const file = join(folder, "k.age");
  await createKeys({ file, origin, passphrase, now: madeAt });
  const text = await readFile(file, "utf8");
  expect(text).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n[\s\S]*\n-----END AGE ENCRYPTED FILE-----\n$/);
  expect(Buffer.from(armor.decode(text)).toString("latin1")).toMatch(/^age-encryption.org\/v1\n-> scrypt \S+ 16\n/);
  expect(Object.keys((await loadKeys({ file }, passphrase)).held)).toEqual(["log", "release", "openpgp"]);
});

test("what was created is what is loaded, from a file and from text", async () => {
  const { publicKeys, loaded, text } = await madeKeys();
  expect(publicKeysOf(loaded)).toEqual(publicKeys);
  expect(publicKeysOf(await loadKeys({ text, name: "KILN_KEYS_DATA" }, passphrase))).toEqual(publicKeys);
  expect(publicKeys).toMatchObject({ origin, created: madeAt });
});

test("the trust file of new keys passes its own parser and allows everything from the first leaf", async () => {
  const { publicKeys } = await madeKeys();
  const trust = trustOf(publicKeys);
  expect(parseTrust(trustBytes(trust), "trust.json")).toEqual(trust);
  expect(trust.release).toEqual([
    { publicKey: publicKeys.release, names: ["*"], channels: ["*"], from: 0, until: null },
  ]);
  expect(trust.openpgp).toEqual([{ ...publicKeys.openpgp, from: 0, until: null }]);
});

test("the OpenPGP key has the one shape that old clients take: v4, RSA-4096, one user id, no subkey, no expiry", async () => {
  const { publicKeys } = await madeKeys();
  const key = await readKey({ armoredKey: publicKeys.openpgp.publicKey });
  expect(key.keyPacket.version).toBe(4);
  expect(key.getAlgorithmInfo()).toMatchObject({ algorithm: "rsaEncryptSign", bits: 4096 });
  expect(key.getSubkeys()).toEqual([]);
  expect(await key.getExpirationTime()).toBe(Infinity);
  expect(key.getUserIDs()).toEqual(["Kiln log.example"]);
  expect(key.getCreationTime().getTime()).toBe(madeAt);
  expect(key.getFingerprint()).toBe(publicKeys.openpgp.fingerprint);
  expect(key.users[0]?.selfCertifications[0]?.rawNotations).toEqual([]);
});

test("the log signer signs with the key that its vkey names", async () => {
  const { loaded, publicKeys } = await madeKeys();
  const { name, vkey, sign } = loaded.signers.log;
  expect([name, vkey]).toEqual([origin, publicKeys.log]);
  const key = { key: Buffer.from(parseVkey(vkey).spki), format: "der", type: "spki" } as const;
  expect(verify(null, Buffer.from("text\n"), key, sign(Buffer.from("text\n")))).toBe(true);
});

test("the release signer signs bytes and digests alike", async () => {
  const { signers } = (await madeKeys()).loaded;
  const bytes = Buffer.from("an artifact");
  const digest = createHash("sha256").update(bytes).digest();
  for (const signature of [signers.release.sign(bytes), await signers.release.signDigest(digest)]) {
    const { publicKey } = signers.release;
    verifyBytes({ publicKey, signature }, bytes, "an artifact");
    await verifyDigest({ publicKey, signature }, digest, "an artifact");
  }
  expect(await signers.release.signDigest(digest)).toBe(await signers.release.signDigest(digest));
  await expect(signers.release.signDigest(bytes)).rejects.toThrow("a SHA-256 has 32 bytes");
});

test("a hundred signatures over digests are good ones for OpenSSL", async () => {
  const { release } = (await madeKeys()).loaded.signers;
  for (let index = 0; index < 100; index++) {
    const bytes = Buffer.from(`artifact ${index}`);
    const signature = await release.signDigest(createHash("sha256").update(bytes).digest());
    verifyBytes({ publicKey: release.publicKey, signature }, bytes, `artifact ${index}`);
  }
});

test("existing keys are never overwritten, nor is anything else", async () => {
  const file = join(folder, "k.age");
  await writeFile(file, "precious");
  const create = () => createKeys({ file, origin, passphrase, now: madeAt, workFactor: 1 });
  await expect(create()).rejects.toMatchObject({
    code: "KEYS_EXIST",
    message: `${file}: got a file already, want none`,
  });
  expect(await readFile(file, "utf8")).toBe("precious");
  expect(await readdir(folder)).toEqual(["k.age"]);
});

test("of two creations at once one wins, and its keys are the file's", async () => {
  const file = join(folder, "k.age");
  const create = () => createKeys({ file, origin, passphrase, now: madeAt, workFactor: 1 });
  const results = await Promise.allSettled([create(), create()]);
  const made = results.filter((result) => result.status === "fulfilled");
  const lost = results.find((result) => result.status === "rejected");
  expect(made).toHaveLength(1);
  expect(lost?.reason).toMatchObject({ code: "KEYS_EXIST" });
  expect(publicKeysOf(await loadKeys({ file }, passphrase))).toEqual(made[0]?.value);
  expect(await readdir(folder)).toEqual(["k.age"]);
});

test.for(["", "LOG.example", "https://log.example", "log.example/path", "log.example:8443", "-log", "a b"])(
  "an origin that isn't a bare host name is refused: %j",
  async (bad) => {
    const file = join(folder, "k.age");
    await expect(createKeys({ file, origin: bad, passphrase, now: madeAt })).rejects.toMatchObject({ code: "USAGE" });
    expect(await readdir(folder)).toEqual([]);
  },
);

test("a path below what isn't a folder is one clear error, and nothing is made", async () => {
  await writeFile(join(folder, "file"), "");
  await symlink(join(folder, "nowhere"), join(folder, "link"));
  for (const path of ["file/k.age", "file/deep/k.age", "link/k.age"]) {
    const file = join(folder, path);
    await expect(createKeys({ file, origin, passphrase, now: madeAt, workFactor: 1 })).rejects.toMatchObject({
      code: "NOT_A_FOLDER",
      message: expect.stringContaining("isn't a folder"),
    });
  }
  expect(await readdir(folder)).toEqual(["file", "link"]);
});

test("an absent key file, a folder, and a wrong passphrase are three outcomes", async () => {
  const { text } = await madeKeys();
  const file = join(folder, "k.age");
  await expect(loadKeys({ file }, passphrase)).rejects.toMatchObject({ code: "KEYS_NOT_FOUND" });
  await expect(loadKeys({ file: folder }, passphrase)).rejects.toMatchObject({ code: "KEYS_INVALID" });
  await writeFile(file, text);
  await expect(loadKeys({ file }, "another")).rejects.toMatchObject({ code: "PASSPHRASE_WRONG", exitStatus: 1 });
});

test("garbage, a truncated file, a changed byte and another's age file are KEYS_INVALID", async () => {
  const { text } = await madeKeys();
  const lines = text.split("\n");
  const encrypter = new Encrypter();
  encrypter.addRecipient(await identityToRecipient(await generateX25519Identity()));
  const foreign = armor.encode(await encrypter.encrypt("{}"));
  const changed = lines
    .with(
      20,
      String(lines[20]).replace(/^./, (first) => (first === "A" ? "B" : "A")),
    )
    .join("\n");
  for (const bad of ["", "garbage", lines.slice(0, 10).join("\n"), changed, foreign]) {
    await expect(loadKeys({ text: bad, name: "KILN_KEYS_DATA" }, passphrase)).rejects.toMatchObject({
      code: "KEYS_INVALID",
    });
  }
});

test("a document that isn't one of keys is refused without quoting it", async () => {
  const content = await decrypt((await madeKeys()).text);
  const wrongKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const secret = wrongKey.export({ type: "pkcs8", format: "pem" }).toString();
  for (const bad of [
    { ...content, extra: secret },
    { ...content, log: { [secret]: 1 } },
    { ...content, log: secret },
    { ...content, release: `${secret}x` },
    { ...content, release: content.log },
    { ...content, openpgp: { ...content.openpgp, [secret]: 1 } },
    { ...content, kiln: 2 },
  ]) {
    const text = await sealKeys(bad as KeyFileContent, passphrase, 1);
    const error = await loadKeys({ text, name: "keys" }, passphrase).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "KEYS_INVALID" });
    expect(causes(error)).not.toContain(secret.split("\n")[3]);
  }
});

test("a key that the file lacks is KEY_MISSING when it is needed, and not before", async () => {
  const { log, release, ...content } = await decrypt((await madeKeys()).text);
  const text = await sealKeys({ ...content, release }, passphrase, 1);
  const { signers, held } = await loadKeys({ text, name: "release.age" }, passphrase);
  expect(Object.keys(held)).toEqual(["release", "openpgp"]);
  requireSigners(signers, "release", "openpgp");
  expect(() => requireSigners(signers, "release", "log")).toThrow(
    expect.objectContaining({
      code: "KEY_MISSING",
      message: "release.age: got no log key (Ed25519), want one to sign with",
    }),
  );
  expect(log).toContain("PRIVATE KEY");
});

test("neither the key file nor any signer shows a private key or the passphrase", async () => {
  const { text, loaded, publicKeys } = await madeKeys();
  const content = await decrypt(text);
  const openpgp = await readPrivateKey({ armoredKey: content.openpgp?.privateKey ?? "" });
  await loaded.signers.openpgp.signState(createHash("sha256"), madeAt);
  const secrets = [
    passphrase,
    ...(content.log ?? "").split("\n"),
    ...(content.release ?? "").split("\n"),
    ...(content.openpgp?.privateKey ?? "").split("\n").slice(2, -3),
    ...[content.log, content.release].map((pem) => createPrivateKey(pem ?? "").export({ format: "jwk" }).d ?? ""),
    openpgp.armor().split("\n")[5] ?? "",
  ].filter((line) => line.length > 8 && !line.startsWith("-----"));
  expect(secrets.length).toBeGreaterThan(50);
  const { inspect } = await import("node:util");
  const shown = [text, JSON.stringify(loaded), inspect(loaded, { depth: 20, showHidden: true, getters: true })];
  // The first lines of a private OpenPGP key are its public half.
  const known = publicKeys.openpgp.publicKey;
  for (const secret of secrets) {
    if (known.includes(secret)) continue;
    for (const place of shown) expect(place).not.toContain(secret);
  }
});

/** Everything that --verbose could print of an error. */
function causes(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.stack}\n${JSON.stringify(error)}\n${error.cause === undefined ? "" : causes(error.cause)}`;
}
