// The signatures of a release: a blob of its own that the release's log entry names by digest, because a manifest, being
// the identity, can't hold them. From it and the log every file beside an artifact is derived.

import { z } from "zod";

import { KilnError } from "../errors.ts";
import { digestSchema } from "./digest.ts";
import { canonicalBytes, parseStored } from "./json.ts";
import { type Blob, blobSchema } from "./manifest.ts";
import { nameSchema } from "./name.ts";

const signaturesSchema = z.strictObject({
  kiln: z.literal(1),
  /** The release that is signed: its manifest's digest. */
  manifest: digestSchema,
  /** The release key, DER SPKI, base64. */
  publicKey: z.base64(),
  /** In the manifest's order. All `signature`s are DER ECDSA, base64. */
  artifacts: z.array(
    z.strictObject({
      name: nameSchema,
      /** OpenPGP detached signature of the artifact, armored. */
      openpgp: z.string(),
      /** Of the artifact's own bytes. */
      signature: z.base64(),
      /** Of the DSSE encoding of its SBOM statement. */
      sbom: z.base64(),
      /** The blob that holds the signature of the artifact's own format, for kinds that have one: see native.ts. */
      native: blobSchema.optional(),
      /** Of an npm package's name, version and integrity, as registries sign them: see npm-package.ts. */
      registry: z.base64().optional(),
    }),
  ),
  /** Of the DSSE encoding of the provenance statement. */
  provenance: z.base64(),
  /** Of the DSSE encodings of the manifest's other attestations, in its order; absent when it has none. */
  attestations: z.array(z.base64()).min(1).optional(),
});

export type Signatures = z.infer<typeof signaturesSchema>;

export const signaturesFile = "signatures.json";

export function signaturesBytes(signatures: Signatures): Uint8Array {
  return canonicalBytes(signatures);
}

/** The blobs that it names. */
export function nativesOf({ artifacts }: Signatures): Blob[] {
  return artifacts.flatMap(({ native }) => (native === undefined ? [] : [native]));
}

/** Throws STORE_CORRUPT, which names `key`. */
export function parseSignatures(bytes: Uint8Array, key: string): Signatures {
  const result = signaturesSchema.safeParse(parseStored(bytes, key));
  if (!result.success) throw new KilnError("STORE_CORRUPT", `${key}: ${z.prettifyError(result.error)}`);
  return result.data;
}
