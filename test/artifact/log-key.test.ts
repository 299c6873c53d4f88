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
