// Signs an artifact as its own format has it: what comes out is a blob for the pool, beside the artifact that was baked.
// An .rpm is read again for each pass and never held: once up to the end of its header, once for the digest, and
// once more by whoever stores it.

import { createHash, type Hash } from "node:crypto";

import { chartProvenance } from "../artifact/chart-provenance.ts";
import { digestOf } from "../artifact/digest.ts";
import type { Artifact, Blob } from "../artifact/manifest.ts";
import { nativeFileOf } from "../artifact/native.ts";
import { unarmored } from "../artifact/openpgp.ts";
import { replacingStart, rpmReader, signedPrefix } from "../artifact/rpm.ts";
import { KilnError } from "../errors.ts";
import type { OpenPgpSigner } from "./signers.ts";

export interface NativeToSign {
  readonly artifact: Artifact;
  /** The artifact's bytes, from the start each time. */
  readonly open: () => AsyncIterable<Uint8Array>;
  readonly signer: OpenPgpSigner;
  /** Milliseconds since 1970. */
  readonly when: number;
}

export interface Native {
  readonly blob: Blob;
  /** Its bytes, from the start each time. */
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** `undefined`: artifacts of this kind have no such signature. Throws PACKAGE_INVALID, BAKE_CHANGED. */
export async function signNative(options: NativeToSign): Promise<Native | undefined> {
  const file = nativeFileOf(options.artifact);
  if (file === undefined) return undefined;
  return options.artifact.kind === "rpm" ? signRpm(options, file) : signChart(options, file);
}

async function signChart({ artifact, signer, when }: NativeToSign, file: string): Promise<Native> {
  const bytes = Buffer.from(await signer.signText(chartProvenance(artifact), when));
  return {
    blob: { file, size: bytes.length, sha256: digestOf(bytes) },
    async *open() {
      yield bytes;
    },
  };
}

async function signRpm({ artifact, open: openBaked, signer, when }: NativeToSign, file: string): Promise<Native> {
  const reader = rpmReader(artifact.file);
  for await (const piece of openBaked()) {
    reader.push(piece);
    if (reader.done) break;
  }
  const { prefix, headerState } = reader.parts();
  const packet = unarmored(await signer.signState(headerState, when));
  const signed = signedPrefix(prefix, packet, artifact.file);
  const baked = createHash("sha256");
  const hash = createHash("sha256");
  for await (const piece of replacingStart(passing(openBaked(), baked), signed)) hash.update(piece);
  const got = baked.digest("hex");
  if (got !== artifact.sha256) {
    throw new KilnError("BAKE_CHANGED", `${artifact.file}: got digest ${got}, want ${artifact.sha256}`, {
      hint: "the file changed after it was baked: bake again",
    });
  }
  const open = () => replacingStart(openBaked(), signed);
  return { blob: { file, size: artifact.size, sha256: hash.digest("hex") }, open };
}

async function* passing(bytes: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    hash.update(piece);
    yield piece;
  }
}
