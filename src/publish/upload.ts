// Brings the blobs of a bake into the pool and signs them, in one pass over each: the bytes that are hashed and signed are
// the bytes that are written. If we stop here, the pool has blobs that nobody refers to, and nothing else happened:
// the version is still free. Creating them again is a success, so an upload can be repeated from the start.

import { createHash, type Hash } from "node:crypto";

import pMap from "p-map";

import { type Digest, digestOf } from "../artifact/digest.ts";
import { payloadTypes, preAuthEncoding } from "../artifact/dsse.ts";
import { type HashedRekord, hashedRekordBytes } from "../artifact/leaf.ts";
import { type Artifact, type Blob, manifestBytes, manifestFile } from "../artifact/manifest.ts";
import { poolKey } from "../artifact/pool.ts";
import { type Signatures, signaturesBytes, signaturesFile } from "../artifact/signatures.ts";
import { sbomStatement } from "../artifact/statement.ts";
import type { Context } from "../context.ts";
import { KilnError } from "../errors.ts";
import { signNative } from "../sign/native.ts";
import { signForRegistry } from "../sign/npm.ts";
import type { Signers } from "../sign/signers.ts";
import type { Store } from "../stores/store.ts";
import { checkSignal } from "../system/retry.ts";
import type { Bake } from "./bake-folder.ts";

export interface Upload {
  readonly store: Store;
  readonly signers: Signers;
  readonly bake: Bake;
  readonly context: Context;
  /** Told of each piece of an artifact that has passed. */
  readonly onBytes: (count: number) => void;
}

/** What the release's log entry names and what goes before it in the log. */
export interface Uploaded {
  readonly manifest: Digest;
  readonly signatures: Digest;
  /** The hashedrekord entries, in order. */
  readonly entries: readonly Uint8Array[];
}

/** Bytes: smaller artifacts are read whole, so that they can be signed natively. */
const smallSize = 1024 * 1024;

type ArtifactSignatures = Signatures["artifacts"][number];

/** Throws BAKE_CHANGED when a file isn't what the manifest says, CANCELLED, and whatever the store throws. */
export async function upload(options: Upload): Promise<Uploaded> {
  const { store, signers, bake } = options;
  const { manifest } = bake;
  // Before anything is written: a bake in which something was changed leaves less behind.
  const statement = await readDocument(bake, manifest.provenance);
  const described = await pMap(manifest.artifacts, async (artifact) => ({
    artifact,
    sbom: await readDocument(bake, artifact.sbom),
  }));
  const attested = await pMap(manifest.attestations ?? [], async ({ statement: blob }) => ({
    blob,
    statement: await readDocument(bake, blob),
  }));
  const signed = await pMap(described, (one) => uploadArtifact({ ...options, ...one }), { concurrency: 4 });
  await store.create(poolKey(manifest.provenance), statement);
  const provenance = signStatement(signers, statement);
  for (const { blob, statement: bytes } of attested) await store.create(poolKey(blob), bytes);
  const others = attested.map((one) => signStatement(signers, one.statement));

  const identity = manifestBytes(manifest);
  const signatures = signaturesBytes({
    kiln: 1,
    manifest: digestOf(identity),
    publicKey: signers.release.publicKey,
    artifacts: signed.map(({ signatures }) => signatures),
    provenance: provenance.signature,
    ...(others.length === 0 ? {} : { attestations: others.map(({ signature }) => signature) }),
  });
  await store.create(poolKey({ sha256: digestOf(signatures), file: signaturesFile }), signatures);
  // Last of all: a manifest in the pool means that what it names is there too.
  await store.create(poolKey({ sha256: digestOf(identity), file: manifestFile }), identity);
  return {
    manifest: digestOf(identity),
    signatures: digestOf(signatures),
    // As artifact/records.ts says.
    entries: [...signed.flatMap(({ records }) => records), provenance, ...others].map(hashedRekordBytes),
  };
}

async function uploadArtifact(
  options: Upload & {
    readonly artifact: Artifact;
    /** Its bytes. */
    readonly sbom: Uint8Array;
  },
): Promise<{ signatures: ArtifactSignatures; records: HashedRekord[] }> {
  const { store, signers, bake, artifact, sbom, context, onBytes } = options;
  const state = createHash("sha256");
  const small = artifact.size < smallSize ? await readDocument(bake, artifact) : undefined;
  // Before the store takes the bytes: it may give their memory back.
  const signedSmall =
    small === undefined
      ? undefined
      : {
          signature: signers.release.sign(small),
          openpgp: await signers.openpgp.signBytes(small, context.now()),
        };
  const bytes = small === undefined ? bake.open(artifact) : [small];
  await store.create(poolKey(artifact), checked({ bytes, blob: artifact, state, onBytes, signal: context.signal }));
  // A store that found the artifact there must have compared every byte, or the state isn't the artifact's.
  if (state.copy().digest("hex") !== artifact.sha256) throw new TypeError(`${store.url} didn't read ${artifact.file}`);

  const digest = Buffer.from(artifact.sha256, "hex");
  const { signature, openpgp } = signedSmall ?? {
    signature: await signers.release.signDigest(digest),
    openpgp: await signers.openpgp.signState(state, context.now()),
  };
  await store.create(poolKey(artifact.sbom), sbom);
  const sbomRecord = signStatement(signers, sbomStatement(artifact, sbom));
  const native = await uploadNative(options);
  const registry = await signForRegistry({ artifact, open: () => bake.open(artifact), signer: signers.release });
  return {
    signatures: {
      name: artifact.name,
      openpgp,
      signature,
      sbom: sbomRecord.signature,
      ...(native === undefined ? {} : { native }),
      ...(registry === undefined ? {} : { registry }),
    },
    records: [{ digest: digest.toString("base64"), signature, publicKey: signers.release.publicKey }, sbomRecord],
  };
}

/** The signature that the artifact's own format has, where it has one. Throws PACKAGE_INVALID, BAKE_CHANGED. */
async function uploadNative(options: Upload & { readonly artifact: Artifact }): Promise<Blob | undefined> {
  const { store, signers, bake, artifact, context } = options;
  const open = () => bake.open(artifact);
  const native = await signNative({ artifact, open, signer: signers.openpgp, when: context.now() });
  if (native === undefined) return undefined;
  const { blob } = native;
  const state = createHash("sha256");
  const bytes = checked({ bytes: native.open(), blob, state, onBytes: () => undefined, signal: context.signal });
  await store.create(poolKey(blob), bytes);
  return blob;
}

function signStatement(signers: Signers, statement: Uint8Array): HashedRekord {
  const encoded = preAuthEncoding(payloadTypes.inToto, statement);
  return {
    digest: Buffer.from(digestOf(encoded), "hex").toString("base64"),
    signature: signers.release.sign(encoded),
    publicKey: signers.release.publicKey,
  };
}

async function readDocument(bake: Bake, blob: Blob): Promise<Uint8Array> {
  const bytes = Buffer.concat(await Array.fromAsync(bake.open(blob)));
  if (digestOf(bytes) !== blob.sha256) throw changed(blob, digestOf(bytes));
  return bytes;
}

/** The blob's bytes; `state` takes them in while they pass, and they end in an error if they aren't the blob's. */
async function* checked(options: {
  readonly bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  readonly blob: Blob;
  readonly state: Hash;
  readonly onBytes: (count: number) => void;
  readonly signal: AbortSignal;
}): AsyncGenerator<Uint8Array> {
  const { bytes, blob, state, onBytes, signal } = options;
  for await (const chunk of bytes) {
    checkSignal(signal);
    const { length } = chunk;
    state.update(chunk);
    yield chunk;
    onBytes(length);
  }
  const got = state.copy().digest("hex");
  if (got !== blob.sha256) throw changed(blob, got);
}

function changed(blob: Blob, got: Digest): KilnError {
  return new KilnError("BAKE_CHANGED", `${blob.file}: got digest ${got}, want ${blob.sha256}`, {
    hint: "the file changed after it was baked: bake again",
  });
}
