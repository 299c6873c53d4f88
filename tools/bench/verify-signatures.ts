// The floor of an audit: verifies N P-256 signatures over messages of a leaf's size, on all cores, as quickly as node:crypto
// can. `verify-signatures.ts FILE N`: makes the messages and signatures once, in FILE, and only verifies when they are there.

import { generateKeyPairSync, createPublicKey, sign, verify } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const [file = "", count = "0"] = process.argv.slice(2);
const total = Number(count);
const distinct = 1000;
const messageSize = 500;
/** Enough to keep the threads of libuv busy. */
const atOnce = 64;

interface Signed {
  readonly key: string;
  readonly signatures: readonly string[];
}

const message = (place: number): Buffer => Buffer.alloc(messageSize, String(place));

if (!existsSync(file)) {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signatures = Array.from({ length: distinct }, (_, place) =>
    sign("sha256", message(place), privateKey).toString("base64"),
  );
  const key = publicKey.export({ type: "spki", format: "pem" }).toString();
  writeFileSync(file, JSON.stringify({ key, signatures } satisfies Signed));
}

const { key, signatures } = JSON.parse(readFileSync(file, "utf8")) as Signed;
const publicKey = createPublicKey(key);
const messages = signatures.map((_, place) => message(place));
const decoded = signatures.map((signature) => Buffer.from(signature, "base64"));
let started = 0;
await Promise.all(Array.from({ length: atOnce }, verifyNext));

async function verifyNext(): Promise<void> {
  while (started < total) {
    const place = started % distinct;
    started += 1;
    await new Promise<void>((resolve, reject) => {
      verify("sha256", messages[place] ?? Buffer.of(), publicKey, decoded[place] ?? Buffer.of(), (error, isGood) => {
        if (error === null && isGood) resolve();
        else reject(error ?? new Error("a signature that isn't good"));
      });
    });
  }
}
