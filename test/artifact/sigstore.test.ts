import { createHash, createPublicKey } from "node:crypto";

import { bundleFromJSON } from "@sigstore/bundle";
import { PublicKeyDetails, TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, type VerificationError, Verifier } from "@sigstore/verify";
import * as fc from "fast-check";
import { expect, test } from "vitest";

import { type Envelope, payloadTypes, preAuthEncoding } from "../../src/artifact/dsse.ts";
import { hashedRekordBytes } from "../../src/artifact/leaf.ts";
import { parseVkey } from "../../src/artifact/log-key.ts";
import {
  attestationBundle,
  type LogEntry,
  parseBundle,
  signatureBundle,
  trustedRoot,
} from "../../src/artifact/sigstore.ts";
import { statementBytes } from "../../src/artifact/statement.ts";
import { keyHint } from "../../src/artifact/trust.ts";
import { signNote } from "../../src/log/note.ts";
import { trustOf } from "../../src/sign/keys.ts";
import { madeAt, madeKeys, origin } from "../sign/made-keys.ts";

const artifact = Buffer.from("an artifact\n");
const sha256 = (...parts: readonly (Uint8Array | string)[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();

/** RFC 6962, word for word: the root of these leaves, and the path of the leaf at `index`. */
function tree(leaves: readonly Buffer[], index: number): { root: Buffer; path: Buffer[] } {
  const [only] = leaves;
  if (only !== undefined && leaves.length === 1) return { root: sha256("\0", only), path: [] };
  const half = 2 ** Math.floor(Math.log2(leaves.length - 1));
  const left = tree(leaves.slice(0, half), index);
  const right = tree(leaves.slice(half), index - half);
  const root = sha256("\x01", left.root, right.root);
  return { root, path: index < half ? [...left.path, right.root] : [...right.path, left.root] };
}

/** The log entry of `body` among others, in a tree of `size` leaves. */
async function logged(body: Uint8Array, index: number, size: number): Promise<LogEntry> {
  const { log } = (await madeKeys()).loaded.signers;
  const leaves = Array.from({ length: size }, (_, place) =>
    place === index ? Buffer.from(body) : Buffer.from(`${place}`),
  );
  const { root, path } = tree(leaves, index);
  return {
    logId: parseVkey(log.vkey).id,
    index,
    treeSize: size,
    rootHash: root,
    hashes: path,
    checkpoint: signNote(`${origin}\n${size}\n${root.toString("base64")}\n`, log),
    canonicalizedBody: body,
  };
}

async function artifactBundle(index = 5, size = 11): Promise<Uint8Array> {
  const { release } = (await madeKeys()).loaded.signers;
  const record = {
    publicKey: release.publicKey,
    digest: sha256(artifact).toString("base64"),
    signature: await release.signDigest(sha256(artifact)),
  };
  return signatureBundle({ ...record, logEntry: await logged(hashedRekordBytes(record), index, size) });
}

async function provenanceBundle(): Promise<{ bytes: Uint8Array; envelope: Envelope }> {
  const { release } = (await madeKeys()).loaded.signers;
  const subject = { file: "app.tar", sha256: sha256(artifact).toString("hex") };
  const payload = statementBytes("https://slsa.dev/provenance/v1", [subject], { builder: "none" });
  const encoded = preAuthEncoding(payloadTypes.inToto, payload);
  const signature = release.sign(encoded);
  const envelope: Envelope = {
    payload: Buffer.from(payload).toString("base64"),
    payloadType: payloadTypes.inToto,
    signatures: [{ sig: signature }],
  };
  const { publicKey } = release;
  const body = hashedRekordBytes({ publicKey, digest: sha256(encoded).toString("base64"), signature });
  return { bytes: attestationBundle({ publicKey, envelope, logEntry: await logged(body, 2, 3) }), envelope };
}

/** What the stock verifier says, which trusts this log and this release key. */
async function stockVerify(bundle: Uint8Array, over?: Buffer): Promise<void> {
  const { publicKeys } = await madeKeys();
  const root = JSON.parse(Buffer.from(trustedRoot(trustOf(publicKeys), madeAt)).toString()) as unknown;
  const keys = {
    [keyHint(publicKeys.release)]: {
      rawBytes: Buffer.from(publicKeys.release, "base64"),
      keyDetails: PublicKeyDetails.PKIX_ECDSA_P256_SHA_256,
      validFor: { start: new Date(0) },
    },
  };
  const verifier = new Verifier(toTrustMaterial(TrustedRoot.fromJSON(root), keys), { timestampThreshold: 0 });
  verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(Buffer.from(bundle).toString())), over));
}

test("the stock verifier accepts an artifact's bundle, at every place of every small tree", async () => {
  for (let size = 1; size <= 9; size++) {
    for (let index = 0; index < size; index++) await stockVerify(await artifactBundle(index, size), artifact);
  }
});

test("the stock verifier accepts an attestation's bundle", async () => {
  await stockVerify((await provenanceBundle()).bytes);
});

test("the stock verifier refuses another artifact, another body and another tree", async () => {
  const text = Buffer.from(await artifactBundle()).toString();
  await expect(stockVerify(Buffer.from(text), Buffer.from("another"))).rejects.toMatchObject({
    code: "SIGNATURE_ERROR",
  } satisfies Partial<VerificationError>);
  const other = parseBundle(await artifactBundle(4, 11), "other").logEntry;
  const own = parseBundle(Buffer.from(text), "own").logEntry;
  const swap = (from: string, to: string): Buffer => Buffer.from(text.replace(from, to));
  const body = Buffer.from(own.canonicalizedBody).toString("base64");
  const changed = hashedRekordBytes({ publicKey: "AAAA", digest: "AAAA", signature: "AAAA" });
  await expect(stockVerify(swap(body, Buffer.from(changed).toString("base64")), artifact)).rejects.toMatchObject({
    code: "TLOG_INCLUSION_PROOF_ERROR",
  });
  await expect(
    stockVerify(swap(JSON.stringify(own.checkpoint), JSON.stringify(other.checkpoint)), artifact),
  ).rejects.toMatchObject({
    code: "TLOG_INCLUSION_PROOF_ERROR",
  });
});

test("a bundle has the media type, the hint and the whole log id that verifiers look for", async () => {
  const { publicKeys } = await madeKeys();
  const json = JSON.parse(Buffer.from(await artifactBundle()).toString()) as Record<string, never>;
  const hint = createHash("sha256").update(Buffer.from(publicKeys.release, "base64")).digest("base64");
  expect(json).toMatchObject({
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: {
      publicKey: { hint },
      tlogEntries: [
        {
          logIndex: "5",
          logId: { keyId: Buffer.from(parseVkey(publicKeys.log).id).toString("base64") },
          kindVersion: { kind: "hashedrekord", version: "0.0.2" },
        },
      ],
    },
    messageSignature: { messageDigest: { algorithm: "SHA2_256" } },
  });
});

test("an attestation's bundle never has a keyid", async () => {
  const { bytes, envelope } = await provenanceBundle();
  const { publicKeys } = await madeKeys();
  const { logEntry } = parseBundle(bytes, "it");
  const signatures = envelope.signatures.map(({ sig }) => ({ sig, keyid: "me" }));
  const again = attestationBundle({ publicKey: publicKeys.release, envelope: { ...envelope, signatures }, logEntry });
  expect(Buffer.from(again).toString()).toBe(Buffer.from(bytes).toString());
  expect(Buffer.from(bytes).toString()).not.toContain("keyid");
});

test("a bundle that is parsed has in it what went in", async () => {
  const { publicKeys, loaded } = await madeKeys();
  const digest = sha256(artifact);
  expect(parseBundle(await artifactBundle(), "app.tar.sigstore.json")).toMatchObject({
    hint: keyHint(publicKeys.release),
    logEntry: { index: 5, treeSize: 11, logId: parseVkey(publicKeys.log).id },
    content: {
      sort: "signature",
      digest: digest.toString("base64"),
      signature: await loaded.signers.release.signDigest(digest),
    },
  });
  const { bytes, envelope } = await provenanceBundle();
  expect(parseBundle(bytes, "it").content).toEqual({ sort: "attestation", envelope });
});

const invalid = expect.objectContaining({ code: "BUNDLE_INVALID", exitStatus: 3 });

test("what isn't a bundle in its one form is BUNDLE_INVALID, and says which file", async () => {
  const text = Buffer.from(await artifactBundle()).toString();
  const json = JSON.parse(text) as { verificationMaterial: { tlogEntries: unknown[] } };
  const [entry] = json.verificationMaterial.tlogEntries;
  const change = (from: string | RegExp, to: string): string => {
    const changed = text.replace(from, to);
    expect(changed).not.toBe(text);
    return changed;
  };
  const bad = [
    "",
    "null",
    "[]",
    text.slice(0, -1),
    `${text}\n`,
    ` ${text}`,
    JSON.stringify(json, null, 2),
    change('{"mediaType"', '{"mediaType":"application/json","mediaType"'),
    change("v0.3", "v0.2"),
    change('"logIndex":"5"', '"logIndex":5'),
    change('"logIndex":"5"', '"logIndex":"05"'),
    change('"logIndex":"5"', '"logIndex":"4"'),
    change('"logIndex":"5"', '"logIndex":"9007199254740993"'),
    change('"version":"0.0.2"', '"version":"0.0.1"'),
    change("SHA2_256", "SHA2_512"),
    change('"messageSignature"', '"dsseEnvelope"'),
    change('"canonicalizedBody"', '"inclusionPromise":{},"canonicalizedBody"'),
    change(/"rootHash":"[^"]{4}/, '"rootHash":"'),
    JSON.stringify({ ...json, verificationMaterial: { ...json.verificationMaterial, tlogEntries: [] } }),
    JSON.stringify({ ...json, verificationMaterial: { ...json.verificationMaterial, tlogEntries: [entry, entry] } }),
  ];
  for (const each of bad) expect(() => parseBundle(Buffer.from(each), "app.sigstore.json")).toThrow(invalid);
  expect(() => parseBundle(Buffer.from([0xff]), "app.sigstore.json")).toThrow(/^app\.sigstore\.json: /);
});

test("of a bundle with a changed byte nothing is read but another bundle, in its one form", async () => {
  const bytes = Buffer.from(await artifactBundle());
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ change;
      let parsed;
      try {
        parsed = parseBundle(changed, "it");
      } catch (error) {
        expect(error).toEqual(invalid);
        return;
      }
      expect(parsed).not.toEqual(parseBundle(bytes, "it"));
    }),
    { numRuns: 500 },
  );
});

test("the trusted root names the log's key, its host and since when it counts", async () => {
  const { publicKeys } = await madeKeys();
  const root = JSON.parse(Buffer.from(trustedRoot(trustOf(publicKeys), madeAt)).toString()) as {
    tlogs: { publicKey: { rawBytes: string } }[];
  };
  expect(root).toMatchObject({
    mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    tlogs: [
      {
        baseUrl: "https://log.example",
        publicKey: { keyDetails: "PKIX_ED25519", validFor: { start: "2026-01-02T03:04:05.000Z" } },
      },
    ],
  });
  const der = Buffer.from(root.tlogs[0]?.publicKey.rawBytes ?? "", "base64");
  expect(createPublicKey({ key: der, format: "der", type: "spki" }).asymmetricKeyType).toBe("ed25519");
});
