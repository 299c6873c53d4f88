// What a channel's document remembers for whoever makes the next move: what it showed before, each as the document had it that showed it,
// and the manifests. So a publisher needn't read them from log and pool; it believes them no further: an entry is proven to lead to a
// checkpoint that the log's key signed, a manifest has its digest. Whoever reads the document for anything else passes this over.

import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

import { z } from "zod";

import { digestOf } from "../artifact/digest.ts";
import { canonicalBytes, parseStored } from "../artifact/json.ts";
import { manifestBytes } from "../artifact/manifest.ts";
import { KilnError } from "../errors.ts";
import { type ChannelDocument, parseChannelDocument, provenEntrySchema } from "./documents.ts";
import type { Shown } from "./shown.ts";

/** As many as a channel shows beside the current one. */
const mostEarlier = 3;
/** Bytes of a manifest that is remembered, and of all when it is unpacked: hosts fetch the document again and again. */
const mostOfManifest = 16 * 1024;
const mostOfAll = 1024 * 1024;

const rememberedSchema = z.strictObject({
  /** Both proofs lead to it. */
  checkpoint: z.string(),
  move: provenEntrySchema,
  release: provenEntrySchema,
  /** The release's, base64. */
  manifest: z.base64().optional(),
});

const earlierSchema = z.strictObject({
  /** Of the release that the document shows now. */
  manifest: z.base64().optional(),
  /** Newest first. */
  before: z.array(rememberedSchema),
});

export type Remembered = z.infer<typeof rememberedSchema>;

/** For a document that shows `now`, and takes the place of one that had `before`. */
export function packEarlier(now: Shown | undefined, before: readonly Remembered[]): string {
  const manifest = now && keptManifest(now);
  const earlier: z.infer<typeof earlierSchema> = {
    ...(manifest === undefined ? {} : { manifest }),
    before: before.slice(0, mostEarlier),
  };
  const options = { params: { [constants.ZSTD_c_compressionLevel]: 9 } };
  return zstdCompressSync(canonicalBytes(earlier), options).toString("base64");
}

function keptManifest({ manifest, release }: Shown): string | undefined {
  const bytes = manifestBytes(manifest);
  const isKept = bytes.length <= mostOfManifest && digestOf(bytes) === release.manifest;
  return isKept ? Buffer.from(bytes).toString("base64") : undefined;
}

/** What the document shows, and what it remembers: newest first. Nothing of it is checked. Throws STORE_CORRUPT. */
export function rememberedIn(bytes: Uint8Array, key: string): readonly Remembered[] {
  const { checkpoint, move, release, earlier } = parseChannelDocument(bytes, key);
  const { manifest, before } = earlier === undefined ? { before: [] } : unpack(earlier, key);
  return [{ checkpoint, move, release, ...(manifest === undefined ? {} : { manifest }) }, ...before];
}

function unpack(earlier: NonNullable<ChannelDocument["earlier"]>, key: string): z.infer<typeof earlierSchema> {
  const result = earlierSchema.safeParse(parseStored(unpacked(earlier, key), key));
  if (result.success) return result.data;
  throw new KilnError("STORE_CORRUPT", `${key}: ${z.prettifyError(result.error)}`);
}

function unpacked(text: string, key: string): Uint8Array {
  try {
    return zstdDecompressSync(Buffer.from(text, "base64"), { maxOutputLength: mostOfAll });
  } catch (cause) {
    throw new KilnError("STORE_CORRUPT", `${key}: got what can't be unpacked`, { cause });
  }
}
