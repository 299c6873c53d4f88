// What stands in for the signed package, or the .prov, and what each of them is refused for: whoever owns the store, or has
// a release key alone, could have put it there.

import { createHash } from "node:crypto";

import { beforeAll, expect, test } from "vitest";

import { chartProvenance } from "../../src/artifact/chart-provenance.ts";
import { digestOf } from "../../src/artifact/digest.ts";
import type { Artifact, Blob } from "../../src/artifact/manifest.ts";
import { unarmored } from "../../src/artifact/openpgp.ts";
import { poolKey } from "../../src/artifact/pool.ts";
import { rpmReader, signedPrefix } from "../../src/artifact/rpm.ts";
import type { Trust } from "../../src/artifact/trust.ts";
import { trustOf } from "../../src/sign/keys.ts";
import { signNative } from "../../src/sign/native.ts";
import { createOpenPgpKey, openPgpSigner } from "../../src/sign/openpgp-signer.ts";
import type { OpenPgpSigner } from "../../src/sign/signers.ts";
import type { Store } from "../../src/stores/store.ts";
import { newFindings } from "../../src/verify/findings.ts";
import { verifyNative } from "../../src/verify/native.ts";
import { makeRpm, text } from "../artifact/made-rpm.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { madeAt, madeKeys } from "../sign/made-keys.ts";

const later = madeAt + 1000;
let signer: OpenPgpSigner;
let stranger: OpenPgpSigner;
let trust: Trust;

beforeAll(async () => {
  const { publicKeys, loaded } = await madeKeys();
  signer = loaded.signers.openpgp;
  trust = trustOf(publicKeys);
  stranger = openPgpSigner(await createOpenPgpKey("a stranger", madeAt));
});

const blobOf = (file: string, bytes: Uint8Array): Blob => ({ file, size: bytes.length, sha256: digestOf(bytes) });

function artifactOf(kind: "rpm" | "chart", bytes: Uint8Array): Artifact {
  const file = kind === "rpm" ? "app-1-1.noarch.rpm" : "app-1.0.0.tgz";
  const record = kind === "rpm" ? {} : { apiVersion: "v2", name: "app", version: "1.0.0", description: "- a\u2028b" };
  return { name: "app", kind, platform: "any", ...blobOf(file, bytes), record, sbom: blobOf("x.json", bytes) };
}

const baked = { rpm: makeRpm(), chart: Buffer.from("a chart") };

async function storeWith(...blobs: readonly (readonly [Blob, Uint8Array])[]): Promise<Store> {
  const store = openMemoryStore();
  for (const [blob, bytes] of blobs) await store.create(poolKey(blob), bytes);
  return store;
}

async function signedBytes(kind: "rpm" | "chart", by: OpenPgpSigner): Promise<{ blob: Blob; bytes: Buffer }> {
  const native = await signNative({
    artifact: artifactOf(kind, baked[kind]),
    async *open() {
      yield baked[kind].subarray(0, 5000);
      yield baked[kind].subarray(5000);
    },
    signer: by,
    when: later,
  });
  if (native === undefined) throw new Error("not signed");
  return { blob: native.blob, bytes: Buffer.concat(await Array.fromAsync(native.open())) };
}

/** The codes of what is found when these bytes are the blob that the signatures document names. */
async function foundIn(
  kind: "rpm" | "chart",
  bytes: Uint8Array,
  changes: { index?: number; trust?: Trust } = {},
): Promise<string[]> {
  const artifact = artifactOf(kind, baked[kind]);
  const native = blobOf(kind === "rpm" ? artifact.file : `${artifact.file}.prov`, bytes);
  const findings = newFindings();
  const store = await storeWith([artifact, baked[kind]], [native, bytes]);
  await verifyNative({ store, artifact, native, trust, index: 0, now: later, findings, ...changes });
  return findings.list.map(({ code }) => code);
}

test.each(["rpm", "chart"] as const)("%s: what was signed is verified, and named by size and digest", async (kind) => {
  const { blob, bytes } = await signedBytes(kind, signer);
  expect(blob).toEqual(blobOf(blob.file, bytes));
  expect(await foundIn(kind, bytes)).toEqual([]);
});

test.each(["rpm", "chart"] as const)(
  "%s: by a stranger's key, or by one that doesn't count there, it is refused",
  async (kind) => {
    expect(await foundIn(kind, (await signedBytes(kind, stranger)).bytes)).toEqual(["SIGNATURE_INVALID"]);
    const { bytes } = await signedBytes(kind, signer);
    const past = { ...trust, openpgp: trust.openpgp.map((key) => ({ ...key, from: 5 })) };
    expect(await foundIn(kind, bytes, { trust: past })).toEqual(["KEY_NOT_ALLOWED"]);
  },
);

test.each(["rpm", "chart"] as const)(
  "%s: other bytes than those that are named, or none, are refused",
  async (kind) => {
    const { blob, bytes } = await signedBytes(kind, signer);
    const artifact = artifactOf(kind, baked[kind]);
    for (const [other, code] of [
      [Buffer.concat([bytes.subarray(0, -1), Buffer.of(0)]), "DIGEST_MISMATCH"],
      [Buffer.concat([bytes, Buffer.of(0)]), "DIGEST_MISMATCH"],
      [undefined, "OBJECT_MISSING"],
    ] as const) {
      const findings = newFindings();
      const stored = other === undefined ? [] : [[blob, other] as const];
      const store = await storeWith([artifact, baked[kind]], ...stored);
      await verifyNative({ store, artifact, native: blob, trust, index: 0, now: later, findings });
      expect(findings.list.map((one) => one.code)).toEqual([code]);
    }
  },
);

/** Another package than the baked one, signed by the right key. */
async function signedRpm(bytes: Buffer): Promise<Buffer> {
  const reader = rpmReader("x");
  reader.push(bytes);
  const { prefix, headerState, header } = reader.parts();
  const packet = unarmored(await signer.signState(headerState, later));
  return Buffer.concat([signedPrefix(prefix, packet, "x"), bytes.subarray(header.start)]);
}

test("rpm: another header, another payload, or no signature is refused, whoever signed it", async () => {
  expect(await foundIn("rpm", await signedRpm(makeRpm({ header: [text(1000, "evil")] })))).toEqual(["DIGEST_MISMATCH"]);
  expect(await foundIn("rpm", await signedRpm(makeRpm({ payload: Buffer.from("fileS") })))).toEqual([
    "DIGEST_MISMATCH",
  ]);
  expect(await foundIn("rpm", baked.rpm)).toEqual(["SIGNATURE_INVALID"]);
});

test("rpm: a signature header with something else in it is refused", async () => {
  const bytes = await signedRpm(baked.rpm);
  // A byte of the room that is left.
  const at = bytes.length - (baked.rpm.length - (await prefixLength())) - 40;
  bytes[at]! ^= 1;
  expect(await foundIn("rpm", bytes)).toEqual(["PACKAGE_INVALID"]);
});

async function prefixLength(): Promise<number> {
  const reader = rpmReader("x");
  reader.push(baked.rpm);
  return reader.parts().prefix.length;
}

test("chart: what is signed is the same before and after the manifest was stored, in whatever order its maker had it", () => {
  const artifact = artifactOf("chart", baked.chart);
  const otherwise = { ...artifact, record: Object.fromEntries(Object.entries(artifact.record).toReversed()) };
  expect(chartProvenance(otherwise)).toBe(chartProvenance(artifact));
});

test("chart: another text is refused, also when it is signed, and so is a text around it", async () => {
  const artifact = artifactOf("chart", baked.chart);
  const sign = async (said: string) => Buffer.from(await signer.signText(said, later));
  const said = chartProvenance(artifact);
  expect(await foundIn("chart", await sign(said))).toEqual([]);
  expect(await foundIn("chart", await sign(said.replace("1.0.0", "1.0.1")))).toEqual(["PACKAGE_INVALID"]);
  expect(await foundIn("chart", Buffer.concat([Buffer.from("before\n"), await sign(said)]))).toEqual([
    "PACKAGE_INVALID",
  ]);
  expect(await foundIn("chart", Buffer.concat([await sign(said), Buffer.from("after\n")]))).toEqual([
    "SIGNATURE_INVALID",
  ]);
  expect(said).toContain(`files:\n  app-1.0.0.tgz: sha256:${createHash("sha256").update(baked.chart).digest("hex")}\n`);
});
