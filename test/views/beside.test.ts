// What lies beside the artifacts of a release with further attestations, and that one made wrong blocks nobody.

import { bundleFromJSON } from "@sigstore/bundle";
import { PublicKeyDetails, TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import { expect, test } from "vitest";

import { digestOf } from "../../src/artifact/digest.ts";
import type { ReleaseLeaf } from "../../src/artifact/leaf.ts";
import { besideAttestation, keys, poolKey } from "../../src/artifact/pool.ts";
import { predicateTypes } from "../../src/artifact/statement.ts";
import { keyHint, type Trust } from "../../src/artifact/trust.ts";
import { publishRelease } from "../../src/publish/release.ts";
import { readDocument } from "../../src/stores/read.ts";
import type { Store } from "../../src/stores/store.ts";
import { audit } from "../../src/verify/audit/audit.ts";
import { verifyRelease } from "../../src/verify/release.ts";
import { openMemoryStore } from "../faults/memory-store.ts";
import { buildStore, makeBake, testContext } from "../fixtures/store-builder.ts";
import { appendLeaves, takeOver } from "../verify/tampered-store.ts";

const named = { name: "billing", version: "1.0.0", commit: "a" };
const attestedBake = makeBake({ ...named, attested: ["unit", "lint"] });

async function published() {
  const built = await buildStore(openMemoryStore());
  await publishRelease(built.publisher, { bake: attestedBake, channel: { channel: "staging" } });
  return built;
}

async function bytesOf(store: Store, key: string): Promise<Buffer> {
  const found = await readDocument(store, key);
  if (found === undefined) throw new Error(`no ${key}`);
  return found.bytes;
}

/** Trusts this store's log and release key, and knows nothing of Kiln. */
async function stockVerifier(store: Store, trust: Trust): Promise<Verifier> {
  const root = JSON.parse((await bytesOf(store, "trust/trusted_root.json")).toString()) as unknown;
  const [key] = trust.release;
  const rawBytes = Buffer.from(key!.publicKey, "base64");
  const keyDetails = PublicKeyDetails.PKIX_ECDSA_P256_SHA_256;
  const known = { [keyHint(key!.publicKey)]: { rawBytes, keyDetails, validFor: { start: new Date(0) } } };
  return new Verifier(toTrustMaterial(TrustedRoot.fromJSON(root), known), { timestampThreshold: 0 });
}

test("each further attestation has a bundle beside each artifact, which the stock verifier accepts", async () => {
  const { store, trust } = await published();
  const verifier = await stockVerifier(store, trust);
  for (const artifact of attestedBake.manifest.artifacts) {
    for (const [place, check] of ["unit", "lint"].entries()) {
      const bytes = await bytesOf(store, poolKey(artifact) + besideAttestation(place));
      const bundle = bundleFromJSON(JSON.parse(bytes.toString()));
      verifier.verify(toSignedEntity(bundle));
      if (bundle.content.$case !== "dsseEnvelope") throw new Error("no attestation");
      expect(JSON.parse(bundle.content.dsseEnvelope.payload.toString())).toMatchObject({
        predicateType: predicateTypes.testResult,
        predicate: { result: "PASSED", passedTests: [check] },
        subject: attestedBake.manifest.artifacts.map(({ file, sha256 }) => ({ name: file, digest: { sha256 } })),
      });
    }
    expect(await store.head(poolKey(artifact) + besideAttestation(2))).toBeUndefined();
  }
});

test("verify and audit read them, and find one that was swapped, is absent, or is another release's", async () => {
  const whole = await published();
  await publishRelease(whole.publisher, {
    bake: makeBake({ name: "billing", version: "1.1.0", commit: "b", attested: ["unit", "lint"] }),
  });
  const [artifact] = attestedBake.manifest.artifacts;
  const first = poolKey(artifact!) + besideAttestation(0);
  const second = poolKey(artifact!) + besideAttestation(1);
  const statement = poolKey(attestedBake.manifest.attestations![0]!.statement);
  const look = async (tamper: (store: ReturnType<typeof takeOver>) => Promise<unknown>) => {
    const own = takeOver({ ...whole, store: whole.store as ReturnType<typeof openMemoryStore> });
    await tamper(own);
    const common = { store: own.store, trust: own.trust, context: testContext() };
    const release = await verifyRelease({ ...common, name: "billing", version: "1.0.0" });
    const all = await audit({ ...common, since: undefined });
    return [release.findings, all.findings].map((findings) => findings.map(({ code }) => code).toSorted());
  };
  expect(await look(async () => {})).toEqual([[], []]);
  expect(await look(async ({ remove }) => remove(first))).toEqual([["OBJECT_MISSING"], ["OBJECT_MISSING"]]);
  expect(await look(async ({ read, write }) => write(first, await read(second)))).toEqual([
    ["VIEW_MISMATCH", "VIEW_MISMATCH"],
    ["VIEW_MISMATCH"],
  ]);
  expect(await look(async ({ remove }) => remove(statement))).toEqual([["OBJECT_MISSING"], ["OBJECT_MISSING"]]);
  const others = await look(async ({ find, read, write }) => {
    const [other] = (await find(/billing-app-1\.1\.0\.bin\.attest-1/)).values();
    return write(first, await read(other!));
  });
  expect(others).toEqual([["SUBJECT_MISMATCH"], ["VIEW_MISMATCH"]]);
});

test("a wheel's METADATA lies beside it, a chart's .prov beside the chart; one that isn't the wheel's own doesn't", async () => {
  const text = "Metadata-Version: 2.1\nName: billing\nVersion: 1.0.0\nSummary: Grüße\n";
  const record = { name: "billing", version: "1.0.0", core_metadata: { sha256: digestOf(Buffer.from(text)), text } };
  const bake = makeBake({
    ...named,
    artifacts: {},
    others: {
      wheel: { kind: "wheel", file: "billing-1.0.0-py3-none-any.whl", record },
      chart: {
        kind: "chart",
        file: "billing-1.0.0.tgz",
        record: { apiVersion: "v2", name: "billing", version: "1.0.0" },
      },
      other: {
        kind: "wheel",
        file: "other-1.0.0-py3-none-any.whl",
        record: { ...record, core_metadata: { sha256: "0".repeat(64), text } },
      },
    },
  });
  const built = await buildStore(openMemoryStore());
  await publishRelease(built.publisher, { bake });
  const { store, trust } = built;
  const [wheel, chart, other] = bake.manifest.artifacts;
  expect((await bytesOf(store, `${poolKey(wheel!)}.metadata`)).toString()).toBe(text);
  expect((await bytesOf(store, `${poolKey(chart!)}.prov`)).toString()).toContain(`sha256:${chart!.sha256}`);
  expect(await store.head(`${poolKey(other!)}.metadata`)).toBeUndefined();
  const look = async (tamper: (own: ReturnType<typeof takeOver>) => Promise<unknown>) => {
    const own = takeOver({ ...built, store: store as ReturnType<typeof openMemoryStore> });
    await tamper(own);
    const { findings } = await audit({ store: own.store, trust, context: testContext(), since: undefined });
    return findings.map(({ code, subject }) => `${code} ${subject.slice(subject.lastIndexOf("/") + 1)}`);
  };
  expect(await look(async () => {})).toEqual([]);
  for (const key of [`${poolKey(wheel!)}.metadata`, `${poolKey(chart!)}.prov`]) {
    const file = key.slice(key.lastIndexOf("/") + 1);
    expect(await look(async ({ remove }) => remove(key))).toEqual([`OBJECT_MISSING ${file}`]);
    expect(await look(async ({ write }) => write(key, Buffer.from("x")))).toEqual([`VIEW_MISMATCH ${file}`]);
  }
});

test("a release whose signer counted its records wrong has no files beside it, and blocks nobody", async () => {
  const { store, trust, publisher } = await published();
  const document = JSON.parse((await bytesOf(store, keys.release("billing", "1.0.0"))).toString()) as {
    release: { entry: string };
  };
  const envelope = JSON.parse(Buffer.from(document.release.entry, "base64").toString()) as { payload: string };
  const leaf = JSON.parse(Buffer.from(envelope.payload, "base64").toString()) as ReleaseLeaf;
  await appendLeaves({ publisher }, [{ ...leaf, version: "1.0.9", claims: null, entries: 6 }]);
  await appendLeaves({ publisher }, [{ ...leaf, version: "1.0.8", claims: null, signatures: "0".repeat(64) }]);
  const next = makeBake({ name: "website", version: "2.0.0", commit: "c" });
  await publishRelease(publisher, { bake: next, channel: { channel: "staging" } });
  expect(await store.head(`${poolKey(next.manifest.artifacts[0]!)}.asc`)).toBeDefined();
  const common = { store, trust, context: testContext() };
  expect((await verifyRelease({ ...common, name: "website", version: "2.0.0" })).verdict).toBe("verified");
  const { findings } = await audit({ ...common, since: undefined });
  expect(findings.map(({ code }) => code)).toContain("ENTRY_UNEXPECTED");
});
