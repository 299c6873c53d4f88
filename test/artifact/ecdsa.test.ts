import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";

import * as fc from "fast-check";
import { expect, test } from "vitest";

import { verifyBytes, verifyDigest } from "../../src/artifact/ecdsa.ts";

const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const bytes = Buffer.from("what was signed");
const sha256 = createHash("sha256").update(bytes).digest();
const good = {
  publicKey: spkiOf(pair.publicKey),
  signature: sign("sha256", bytes, pair.privateKey).toString("base64"),
};

function spkiOf(key: KeyObject): string {
  return key.export({ format: "der", type: "spki" }).toString("base64");
}

const refused = { code: "SIGNATURE_INVALID", exitStatus: 3 };

async function expectRefused(signature: { publicKey: string; signature: string }): Promise<void> {
  expect(() => verifyBytes(signature, bytes, "it")).toThrow(expect.objectContaining(refused));
  await expect(verifyDigest(signature, sha256, "it")).rejects.toMatchObject(refused);
}

test("a signature is accepted over its bytes and over their digest, in either half of s", async () => {
  // OpenSSL doesn't normalise s: of fifty signatures both sorts are there.
  for (let index = 0; index < 50; index++) {
    const signature = sign("sha256", bytes, pair.privateKey).toString("base64");
    verifyBytes({ ...good, signature }, bytes, "it");
    await verifyDigest({ ...good, signature }, sha256, "it");
  }
});

test("a signature over other bytes, by another key, or of a changed byte is refused", async () => {
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const changed = Buffer.from(good.signature, "base64");
  changed[20] = (changed[20] ?? 0) ^ 1;
  await expectRefused({ ...good, publicKey: spkiOf(other.publicKey) });
  await expectRefused({ ...good, signature: changed.toString("base64") });
  await expectRefused({ ...good, signature: sign("sha256", Buffer.from("x"), pair.privateKey).toString("base64") });
});

test("a key of another sort is refused, even where its own signature is good", async () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
  for (const { publicKey, privateKey } of [rsa, p384]) {
    const signature = sign("sha256", bytes, privateKey).toString("base64");
    await expectRefused({ publicKey: spkiOf(publicKey), signature });
  }
  await expectRefused({ ...good, publicKey: "" });
  await expectRefused({ ...good, publicKey: "AAAA" });
});

test("whatever stands for a signature, the answer is a refusal and nothing else", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), (garbage) =>
      expectRefused({ ...good, signature: Buffer.from(garbage).toString("base64") }),
    ),
    { numRuns: 50 },
  );
});
