// The signature that an artifact's own format has, as a blob of the release: that it is by a pinned OpenPGP key, and signs
// this very artifact. For an .rpm that means: put the baked package's prefix back, and the digest is the baked one; and the
// signed prefix holds what the baked one held, a signature, and nothing else.

import { createHash } from "node:crypto";

import { chartProvenance } from "../artifact/chart-provenance.ts";
import { clearSignatureOf, textState } from "../artifact/clear-signed.ts";
import type { Artifact, Blob } from "../artifact/manifest.ts";
import { armored, verifyOpenPgp } from "../artifact/openpgp.ts";
import { poolKey } from "../artifact/pool.ts";
import { headerStart, rpmReader, type RpmParts, signatureIn, signedPrefix } from "../artifact/rpm.ts";
import type { Trust } from "../artifact/trust.ts";
import { KilnError } from "../errors.ts";
import type { ReadableStore } from "../stores/store.ts";
import type { Findings } from "./findings.ts";
import { requireOpenPgpKey } from "./keys.ts";
import { keepLimit, passOver } from "./pass.ts";
import { requireBlob } from "./signed-artifact.ts";

export interface NativeToVerify {
  readonly store: ReadableStore;
  readonly artifact: Artifact;
  readonly native: Blob;
  readonly trust: Trust;
  /** The leaf index of the record of the artifact's signature: the key must count there. */
  readonly index: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly findings: Findings;
}

export async function verifyNative(options: NativeToVerify): Promise<void> {
  const { artifact, native, findings } = options;
  const key = poolKey(native);
  const verify = artifact.kind === "rpm" ? verifyRpm : verifyChart;
  await findings.checkAsync(key, () => verify(options, key));
}

async function verifyChart({ store, artifact, native, ...by }: NativeToVerify, key: string): Promise<void> {
  const limit = Math.min(native.size, keepLimit);
  const passed = await passOver(await bodyOf(store, key), { what: key, limit });
  requireBlob(passed, native, key);
  const text = chartProvenance(artifact);
  const signature = clearSignatureOf(passed.bytes?.toString("utf8") ?? "", text);
  if (signature === undefined) {
    throw new KilnError("PACKAGE_INVALID", `${key}: got another text than the chart's metadata and digest`);
  }
  await requireSignature({ ...by, what: key, signature, state: textState(text), type: "text" });
}

async function verifyRpm({ store, artifact, native, ...by }: NativeToVerify, key: string): Promise<void> {
  const baked = await prefixOf(store, poolKey(artifact));
  const reader = rpmReader(key);
  const own = createHash("sha256");
  const restored = createHash("sha256").update(baked);
  let size = 0;
  for await (const piece of await bodyOf(store, key)) {
    restored.update(piece.subarray(Math.min(piece.length, Math.max(0, baked.length - size))));
    size += piece.length;
    if (size > native.size) throw tooLong(key, native.size);
    own.update(piece);
    if (!reader.done) reader.push(piece);
  }
  requireBlob({ size, sha256: own.digest("hex") }, native, key);
  if (restored.digest("hex") !== artifact.sha256) {
    throw new KilnError("DIGEST_MISMATCH", `${key}: got another header or payload than ${artifact.file} has as baked`);
  }
  const parts = reader.parts();
  const packet = requireOwnPrefix(parts, baked, key);
  await requireSignature({
    ...by,
    what: key,
    signature: armored(packet),
    state: parts.headerState,
    type: "document",
  });
}

/** The packet that signs. Throws PACKAGE_INVALID. */
function requireOwnPrefix({ prefix }: RpmParts, baked: Buffer, key: string): Buffer {
  const packet = signatureIn(prefix, key);
  if (packet === undefined) {
    throw new KilnError("SIGNATURE_INVALID", `${key}: got a package without a signature, want a signed one`);
  }
  if (signedPrefix(baked, packet, key).equals(prefix)) return packet;
  throw new KilnError("PACKAGE_INVALID", `${key}: got a signature header with more in it than a signature`);
}

type Signature = Pick<NativeToVerify, "trust" | "index" | "now"> &
  Pick<Parameters<typeof verifyOpenPgp>[0], "signature" | "state" | "what"> & { readonly type: "document" | "text" };

/** Throws SIGNATURE_INVALID, KEY_NOT_ALLOWED. */
async function requireSignature({ trust, index, now, signature, state, type, what }: Signature): Promise<void> {
  const keys = trust.openpgp.map(({ publicKey }) => publicKey);
  const { fingerprint } = await verifyOpenPgp({ signature, keys, state, type, now, what });
  requireOpenPgpKey(fingerprint, { trust, index, what });
}

/** What comes before the header of the package that was baked. */
async function prefixOf(store: ReadableStore, key: string): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  for await (const piece of await bodyOf(store, key)) {
    bytes = Buffer.concat([bytes, piece]);
    const start = headerStart(bytes, key);
    if (start !== undefined && start <= bytes.length) return bytes.subarray(0, start);
  }
  throw new KilnError("PACKAGE_INVALID", `${key}: got a package that ends too early`);
}

async function bodyOf(store: ReadableStore, key: string): Promise<AsyncIterable<Uint8Array>> {
  const object = await store.get(key);
  if (object !== undefined) return object.body;
  throw new KilnError("OBJECT_MISSING", `${key}: got no such object, want what the release names`);
}

function tooLong(key: string, size: number): KilnError {
  return new KilnError("DIGEST_MISMATCH", `${key}: got more than the ${size} bytes that it has`);
}
