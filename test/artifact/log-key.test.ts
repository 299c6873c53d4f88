import { createHash, createPublicKey } from "node:crypto";

import * as fc from "fast-check";
import { expect, test } from "vitest";

import { parseVkey, vkeyOf } from "../../src/artifact/log-key.ts";

// Sigstore's public Rekor v2 log, from its trusted root.
const rekor = {
  name: "log2025-1.rekor.sigstore.dev",
  spki: "MCowBQYDK2VwAyEAt8rlp1knGwjfbcXAYPYAkn0XiLz1x8O4t0YkEhie244=",
  logId: "zxGZFVvd0FEmjR8WrFwMdcAJ9vtaY/QXf44Y1wUeP6A=",
};

// The example of c2sp.org/signed-note, and of Go's sumdb/note.
const peterNeumann = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

test("a log's id is the one that Sigstore's own log has", () => {
  const key = Buffer.from(rekor.spki, "base64").subarray(-32);
  const parsed = parseVkey(vkeyOf(rekor.name, key));
  expect(Buffer.from(parsed.id).toString("base64")).toBe(rekor.logId);
  expect(Buffer.from(parsed.spki).toString("base64")).toBe(rekor.spki);
});

test("a vkey of the specification parses, and its key is one that OpenSSL reads", () => {
  const { name, id, key, spki } = parseVkey(peterNeumann);
  expect([name, Buffer.from(id.subarray(0, 4)).toString("hex")]).toEqual(["PeterNeumann", "c74f20a3"]);
  const { x } = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" }).export({ format: "jwk" });
  expect(x).toBe(Buffer.from(key).toString("base64url"));
});

test("every key has one vkey, which leads back to it", () => {
  fc.assert(
    fc.property(fc.domain(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (name, key) => {
      const parsed = parseVkey(vkeyOf(name, key));
      expect(parsed.name).toBe(name);
      expect(Buffer.compare(parsed.key, key)).toBe(0);
    }),
  );
});

test("anything else is TRUST_INVALID", () => {
  const other = createHash("sha256").update("other").digest("hex").slice(0, 8);
  const bad = [
    "",
    "PeterNeumann",
    peterNeumann.replace("c74f20a3", other),
    peterNeumann.replace("c74f20a3", "C74F20A3"),
    peterNeumann.replace("PeterNeumann", "Peter Neumann"),
    peterNeumann.replace("ARpc", "Ahpc"),
    `${peterNeumann}\n`,
    peterNeumann.slice(0, -1),
  ];
  for (const vkey of bad) expect(() => parseVkey(vkey)).toThrow(expect.objectContaining({ code: "TRUST_INVALID" }));
});

test("a verifier key comes apart, and is put together the same", () => {
  const peter = parseVkey(peterNeumann);
  expect(peter.name).toBe("PeterNeumann");
  expect(Buffer.from(peter.id.subarray(0, 4)).toString("hex")).toBe("c74f20a3");
  expect(peter.id).toHaveLength(32);
  const raw = peter.key;
  expect(vkeyOf("PeterNeumann", raw)).toBe(peterNeumann);
  // A key whose base64 has a plus.
  const go = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
  expect(parseVkey(go).name).toBe("sum.golang.org");
  expect(() => vkeyOf("a b", raw)).toThrow(TypeError);
  expect(() => vkeyOf("", raw)).toThrow(TypeError);
  expect(() => vkeyOf("a", raw.subarray(1))).toThrow(TypeError);
});

test("no part of a verifier key, and no change of it, is a key", () => {
  const key = peterNeumann;
  for (let start = 0; start < key.length; start += 1) {
    for (let end = start; end <= key.length; end += 1) {
      if (start === 0 && end === key.length) continue;
      expect(() => parseVkey(key.slice(start, end))).toThrow(expect.objectContaining({ code: "TRUST_INVALID" }));
    }
  }
  for (let at = 0; at < key.length; at += 1) {
    const next = String.fromCharCode(key.charCodeAt(at) + 1);
    expect(() => parseVkey(key.slice(0, at) + next + key.slice(at + 1))).toThrow(
      expect.objectContaining({ code: "TRUST_INVALID" }),
    );
  }
  for (const wrong of [
    // The wrong length, or another algorithm, each with the ID that fits it.
    "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
    "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    key.replace("c74f20a3", "C74F20A3"),
    `${key}\n`,
    ` ${key}`,
  ]) {
    expect(() => parseVkey(wrong)).toThrow(expect.objectContaining({ code: "TRUST_INVALID" }));
  }
});
